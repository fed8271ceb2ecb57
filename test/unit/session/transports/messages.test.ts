import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../../../src/core/errors.js';
import { answers, isRequest, mediaType, parseMessages } from '../../../../src/session/transports/messages.js';

describe('the messages in a text', () => {
  const one = { jsonrpc: '2.0', id: 1, result: {} } as const;

  test.each([
    [JSON.stringify(one), [one]],
    [` ${JSON.stringify(one)}\r`, [one]],
    [JSON.stringify([one, one]), [one, one]],
    ['[]', []],
  ])('%s are read', (text, expected) => {
    expect(parseMessages(text)).toEqual(expected);
  });

  test.each([
    ['', 'not JSON'],
    ['<html>', 'not JSON'],
    ['{"jsonrpc":"2.0"', 'not JSON'],
    ['null', 'not JSON-RPC 2.0'],
    ['7', 'not JSON-RPC 2.0'],
    ['"text"', 'not JSON-RPC 2.0'],
    ['{}', 'not JSON-RPC 2.0'],
    ['{"jsonrpc":"1.0"}', 'not JSON-RPC 2.0'],
    ['[{"jsonrpc":"2.0"},{}]', 'not JSON-RPC 2.0'],
    ['[[]]', 'not JSON-RPC 2.0'],
    ['[null]', 'not JSON-RPC 2.0'],
  ])('%s cannot be read', (text, part) => {
    const error = (() => {
      try {
        return parseMessages(text, 200);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', delivery: 'unknown', httpStatus: 200 });
    expect((error as Error).message).toContain(part);
  });

  test('may be nested 64 levels deep, and no deeper', () => {
    const nested = (arrays: number) =>
      `{"jsonrpc":"2.0","id":1,"result":${'['.repeat(arrays)}${']'.repeat(arrays)}}`;
    expect(parseMessages(nested(63))).toHaveLength(1);
    for (const arrays of [64, 5_000])
      expect(() => parseMessages(nested(arrays))).toThrow('The answer is nested deeper than 64 levels');
  });
});

test('a request has a method and an id', () => {
  expect(isRequest({ jsonrpc: '2.0', id: 0, method: 'ping' })).toBe(true);
  expect(isRequest({ jsonrpc: '2.0', method: 'notifications/initialized' })).toBe(false);
  expect(isRequest({ jsonrpc: '2.0', id: 0, result: {} })).toBe(false);
});

test('an answer has the id of its request, as a number or as a text', () => {
  expect(answers({ jsonrpc: '2.0', id: 5, result: {} }, 5)).toBe(true);
  expect(answers({ jsonrpc: '2.0', id: '5', result: {} }, 5)).toBe(true);
  expect(answers({ jsonrpc: '2.0', id: 5, error: { code: 1, message: '' } }, 5)).toBe(true);
  expect(answers({ jsonrpc: '2.0', id: 6, result: {} }, 5)).toBe(false);
  expect(answers({ jsonrpc: '2.0', id: 5, method: 'ping' }, 5)).toBe(false);
  expect(answers({ jsonrpc: '2.0', error: { code: 1, message: '' } }, 5)).toBe(false);
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
