import { describe, expect, test } from 'vitest';
import { errorOfFault, parseJson } from '../../../../src/session/reading/json.js';
import { readLine } from '../../../../src/session/reading/line.js';
import { idIn } from '../../../../src/session/reading/message-id.js';

const LIMITS = { maxBytes: 1_000_000 };
const nested = (depth: number, isClosed = true) => `${'['.repeat(depth)}${isClosed ? ']'.repeat(depth) : ''}`;

describe('JSON of a peer', () => {
  test.each<[string, unknown]>([
    ['{"a":NaN,"b":[-Infinity,Infinity]}', { a: null, b: [null, null] }],
    ['{"a":"NaN"}', { a: 'NaN' }],
    ['{"a":"two\nlines\tand a tab"}', { a: 'two\nlines\tand a tab' }],
    ['\ufeff{"a":1}', { a: 1 }],
    ['{"a":1,"a":2}', { a: 2 }],
  ])('%j is understood', (text, value) => {
    expect(parseJson(text, LIMITS)).toEqual({ value });
  });

  test.each([
    ['{"a":', 'not JSON'],
    ["{'a':1}", 'not JSON'],
    ['{"a":1}}', 'not JSON'],
    [nested(65), 'too deep'],
    [nested(65, false), 'not JSON'],
    [`[${'0,'.repeat(30_000)}0]`, 'too many values'],
  ])('%# is %s', (text, fault) => {
    expect(parseJson(text, LIMITS)).toBe(fault);
  });

  test('that is too deep, and names its request, was an answer; what names none may have been', () => {
    expect(errorOfFault('too deep', { isNamed: true, maxBytes: 1 }).delivery).toBe('answered');
    expect(errorOfFault('too deep', { isNamed: false, maxBytes: 1 }).delivery).toBe('unknown');
    expect(errorOfFault('not JSON', { isNamed: true, maxBytes: 1 }).delivery).toBe('unknown');
    expect(errorOfFault('too large', { isNamed: true, maxBytes: 1 }).code).toBe('RESPONSE_TOO_LARGE');
  });
});

test('a batch has no id of its own', () => {
  expect(idIn('[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0"')).toBeUndefined();
  expect(idIn('{"jsonrpc":"2.0","id":1,"result":[{"id":2}')).toBe(1);
});

test('what is too much beside a notification is still a fault', () => {
  const note = '{"jsonrpc":"2.0","method":"x"}';
  const answer = `{"jsonrpc":"2.0","id":1,"result":${nested(70)}}`;
  expect(readLine(`[${note},${answer}]`, LIMITS).map(({ kind }) => kind)).toEqual([
    'notification',
    'unreadable',
  ]);
});

test.each(['[main] INFO answer: ', 'DEBUG {"at":1} '])(
  'an answer that is too deep is one behind %j too',
  (words) => {
    const answer = `{"jsonrpc":"2.0","id":1,"result":${nested(70)}}`;
    expect(readLine(words + answer, LIMITS)).toMatchObject([
      { kind: 'unreadable', id: 1, fault: 'too deep' },
    ]);
    const request = `{"jsonrpc":"2.0","id":1,"method":"x","params":${nested(70)}}`;
    expect(readLine(words + request, LIMITS)).toMatchObject([{ kind: 'noise' }]);
  },
);

test.each([
  '[INFO] received {"jsonrpc":"2.0","id":1,"method":"x","params":{}}',
  '[12:00:01] {"method":"x","params":{},"jsonrpc":"2.0","id":1}',
  '[main] INFO sending {"jsonrpc":"2.0","id":1,"result":',
])('a line of a log is none of the requests that it repeats: %s', (line) => {
  expect(readLine(line, LIMITS)).toMatchObject([{ kind: 'noise' }]);
});
