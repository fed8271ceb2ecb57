import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLine } from '../../../../src/session/reading/line.js';
import { oversizeMessage, readMessages, readValue } from '../../../../src/session/reading/message.js';
import {
  readLogMessage,
  readProgress,
  readUpdatedUri,
} from '../../../../src/session/reading/server-messages.js';

const LIMITS = { maxBytes: 10_000_000 };

/** What looks like JSON and is none, and what is JSON and cannot be made a text. */
const ODD_JSON = [
  '007',
  '-00',
  '-',
  'NaN',
  '1e',
  "'a'",
  '"\u0007"',
  '"\\ud800"',
  '"\\x"',
  '{"toString":0,"valueOf":0}',
];

const json = fc.oneof(fc.constantFrom(...ODD_JSON), fc.json({ maxDepth: 2 }));
const member = fc.record({
  name: fc.constantFrom('id', 'method', 'params', 'result', 'error', 'jsonrpc', 'code', 'message'),
  json,
});
const object = fc
  .array(member, { maxLength: 6 })
  .map((members) => `{${members.map(({ name, json }) => `"${name}":${json}`).join(',')}}`);
const text = fc.oneof(
  object,
  fc.string(),
  fc.tuple(object, fc.nat(200)).map(([whole, at]) => whole.slice(0, at)),
  fc.tuple(fc.string(), object, fc.string()).map((parts) => parts.join('')),
);

test('no text makes a reader throw', () => {
  fc.assert(
    fc.property(text, (it) => {
      const read = [...readLine(it, LIMITS), ...readMessages(it, LIMITS), oversizeMessage(it, it)];
      expect(read.every(({ kind }) => typeof kind === 'string')).toBe(true);
    }),
    { numRuns: 2_000, examples: ODD_JSON.map((odd) => [`{"id":${odd},"result":{}}`]) },
  );
});

test('no value does either', () => {
  const unspeakable = fc.constant({ toString: 0, valueOf: 0 });
  const value = fc.oneof(unspeakable, fc.array(unspeakable), fc.jsonValue({ maxDepth: 2 }));
  const names = [
    'id',
    'method',
    'params',
    'result',
    'error',
    'level',
    'logger',
    'data',
    'progress',
    'total',
    'uri',
  ];
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names, 'message', 'code'), value), (it) => {
      readValue(it, LIMITS);
      readValue({ id: 1, error: it }, LIMITS);
      readProgress(it);
      readLogMessage(it);
      readUpdatedUri(it);
    }),
    { numRuns: 2_000 },
  );
});
