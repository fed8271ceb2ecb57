import { expect, test } from 'vitest';
import { readValue } from '../../../../src/session/reading/message.js';
import { answers, isRequest, mediaType } from '../../../../src/session/transports/messages.js';

test('a request has a method and an id', () => {
  expect(isRequest({ jsonrpc: '2.0', id: 0, method: 'ping' })).toBe(true);
  expect(isRequest({ jsonrpc: '2.0', method: 'notifications/initialized' })).toBe(false);
  expect(isRequest({ jsonrpc: '2.0', id: 0, result: {} })).toBe(false);
});

test.each<[object, boolean]>([
  [{ id: 5, result: {} }, true],
  [{ id: '5', result: {} }, true],
  [{ id: 5, error: { code: 1, message: '' } }, true],
  [{ id: 5 }, true],
  [{ id: 6, result: {} }, false],
  [{ id: 5, method: 'ping' }, false],
  [{ error: { code: 1, message: '' } }, false],
])('%j ends request 5: %s', (message, expected) => {
  expect(answers(readValue({ jsonrpc: '2.0', ...message }, { maxBytes: 1_000 }), 5)).toBe(expected);
});

test.each([
  ['application/json', 'application/json'],
  ['Application/JSON; charset=utf-8', 'application/json'],
  [' text/event-stream ;x', 'text/event-stream'],
  ['', ''],
  [undefined, ''],
])('the media type of %j is %j', (header, expected) => {
  expect(
    mediaType(new Response(null, header === undefined ? {} : { headers: { 'content-type': header } })),
  ).toBe(expected);
});
