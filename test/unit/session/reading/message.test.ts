import { describe, expect, test } from 'vitest';
import { readLine } from '../../../../src/session/reading/line.js';
import { oversizeMessage, readMessages, readValue } from '../../../../src/session/reading/message.js';

const LIMITS = { maxBytes: 10_485_760 };
const read = (text: string) => readMessages(text, LIMITS);
const answer = (members: object) => read(JSON.stringify({ jsonrpc: '2.0', id: 1, ...members }))[0];

describe('a text', () => {
  const one = '{"jsonrpc":"2.0","id":1,"result":{}}';
  const read1 = { kind: 'answer', id: 1, answer: { result: {} } };

  test.each([
    ['one message', one, [read1]],
    ['one with white space around it', ` \t${one}\r\n`, [read1]],
    ['one behind a byte order mark', `\ufeff${one}`, [read1]],
    ['a batch', `[${one},${one}]`, [read1, read1]],
    ['an empty batch', '[]', []],
    ['one that does not name its version', '{"id":1,"result":{}}', [read1]],
    [
      'one with members that nobody knows',
      '{"jsonrpc":"2.0","id":1,"result":{},"took":5,"meta":null}',
      [read1],
    ],
  ])('with %s is read', (_what, text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  test.each([
    '',
    ' ',
    '<html>',
    'Server running on stdio',
    'null',
    '7',
    '"text"',
    '{}',
    '{"type":"heartbeat"}',
    '{"jsonrpc":"2.0"}',
    '[7]',
    '[[]]',
    '{x',
    '[INFO] ready',
  ])('%s is noise', (text) => {
    expect(read(text)).toEqual([expect.objectContaining({ kind: 'noise' })]);
  });

  test.each([
    ['cut off', '{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"te', 7],
    ['cut off, its id a text', '{"id":"x-1","jsonrpc":"2.0","result":', 'x-1'],
    ['broken inside, its id at the end', '{"result":{"a":01},"id":9,"jsonrpc":"2.0"}', 9],
    ['broken inside, its id at the very end', '{"result":{"id":5,},"jsonrpc":"2.0","id":9}', 9],
    ['an id deeper in it only', '{"jsonrpc":"2.0","result":{"id":5,', undefined],
    ['a text that looks like an id', '{"jsonrpc":"2.0","method":"\\"id\\":5","params":[', undefined],
    ['an id that is no number of JSON', '{"jsonrpc":"2.0","id":007,"result":{}}', undefined],
    ['no number of JSON at its end either', '{"jsonrpc":"2.0","result":{},"id":-00}', undefined],
    ['an id with a control character', '{"jsonrpc":"2.0","id":"a\u0001b","result":{"a":', undefined],
  ])('that is a message, but %s, is unreadable and names its request', (_what, text, id) => {
    expect(read(text)).toMatchObject([{ kind: 'unreadable', id, fault: 'not JSON', text }]);
  });

  test('may be nested 64 levels deep, and no deeper', () => {
    const nested = (arrays: number) =>
      `{"jsonrpc":"2.0","id":1,"result":${'['.repeat(arrays)}${']'.repeat(arrays)}}`;
    expect(read(nested(63))).toMatchObject([{ kind: 'answer' }]);
    for (const arrays of [64, 5_000, 100_000])
      expect(read(nested(arrays))).toMatchObject([{ kind: 'unreadable', id: 1, fault: 'too deep' }]);
    expect(read(`{"jsonrpc":"2.0","id":1,"result":"${'['.repeat(1_000)}"}`)).toMatchObject([
      { kind: 'answer' },
    ]);
  });

  test('may hold one value for each 40 bytes of its limit', () => {
    const values = (count: number) => `{"jsonrpc":"2.0","id":1,"result":[${'0,'.repeat(count)}0]}`;
    expect(read(values(262_000))).toMatchObject([{ kind: 'answer' }]);
    for (const filler of ['0,', '{},', '[],', '"",'])
      expect(read(`{"jsonrpc":"2.0","id":1,"result":[${filler.repeat(300_000)}0]}`)).toMatchObject([
        { kind: 'unreadable', id: 1, fault: 'too many values' },
      ]);
    expect(readMessages(values(30_000), { maxBytes: 100_000 })).toMatchObject([{ fault: 'too many values' }]);
    expect(read(`{"jsonrpc":"2.0","id":1,"result":"${',\\"'.repeat(1_000_000)}"}`)).toMatchObject([
      { kind: 'answer' },
    ]);
  });
});

describe('an answer', () => {
  test.each([
    ['an object', {}, {}],
    ['null', null, null],
    ['an empty array', [], []],
    ['a text', 'ok', 'ok'],
    ['false', false, false],
  ])('has a result that is %s: what it has to be depends on the request', (_what, result, expected) => {
    expect(answer({ result })).toEqual({ kind: 'answer', id: 1, answer: { result: expected } });
  });

  test.each([null, false, '', 0, {}, []])('with a result beside the error %j has the result', (error) => {
    expect(answer({ result: { a: 1 }, error })).toMatchObject({ answer: { result: { a: 1 } } });
  });

  const words = { code: -32_602, message: 'no' };
  test.each<[string, object, object]>([
    ['as JSON-RPC writes it', { error: words }, words],
    ['with data', { error: { ...words, data: { a: 1 } } }, { ...words, data: { a: 1 } }],
    ['with data that is null', { error: { ...words, data: null } }, words],
    ['beside a result that is null', { result: null, error: words }, words],
    ['beside a result', { result: {}, error: words }, words],
    ['with a code that is a text', { error: { code: '-32602', message: 'no' } }, words],
    [
      'with a code that is no whole number',
      { error: { code: 1.5, message: 'no' } },
      { code: 1, message: 'no' },
    ],
    [
      'with a code that is a name',
      { error: { code: 'E_NO', message: 'no' } },
      { code: -32_603, message: 'E_NO: no' },
    ],
    ['without a code', { error: { message: 'no' } }, { code: -32_603, message: 'no' }],
    ['without a message', { error: { code: 5 } }, { code: 5, message: 'The server gave no message' }],
    ['with a detail in its place', { error: { code: 5, detail: 'no' } }, { code: 5, message: 'no' }],
    [
      'with a message that is an object',
      { error: { code: 5, message: { a: 1 } } },
      { code: 5, message: '{"a":1}' },
    ],
    ['that is a text', { error: 'no' }, { code: -32_603, message: 'no' }],
    ['that is a number', { error: 5 }, { code: -32_603, message: '5' }],
    ['that is an array', { error: [1, 'no'] }, { code: -32_603, message: '[1,"no"]' }],
    ['that is true', { error: true }, { code: -32_603, message: 'true' }],
    [
      'that is empty, without a result',
      { error: {} },
      { code: -32_603, message: 'The server gave no message' },
    ],
    ['that is an empty text, without a result', { error: '' }, { code: -32_603, message: '' }],
  ])('has an error %s', (_how, members, error) => {
    expect(answer(members)).toEqual({ kind: 'answer', id: 1, answer: { error } });
  });

  test('with neither is unreadable', () => {
    expect(answer({})).toMatchObject({ kind: 'unreadable', id: 1, fault: 'neither result nor error' });
  });

  test.each([
    [0, 0],
    ['0', '0'],
    [1.5, 1.5],
    [null, undefined],
    [true, undefined],
    [{}, undefined],
  ])('with the id %j names %j', (id, named) => {
    expect(answer({ id, result: {} })).toMatchObject({ id: named });
  });
});

test.each([
  [
    'a request',
    { id: 'a', method: 'ping', params: { a: 1 } },
    { kind: 'request', id: 'a', params: { a: 1 } },
  ],
  ['a notification', { id: undefined, method: 'x' }, { kind: 'notification', method: 'x', params: {} }],
  ['a notification with the id null', { id: null, method: 'x' }, { kind: 'notification' }],
  ['a request beside a result', { method: 'ping', result: {} }, { kind: 'request', id: 1 }],
  ['a request with params that are null', { method: 'ping', params: null }, { params: {} }],
  ['a request with params that are an array', { method: 'ping', params: [1] }, { params: {} }],
])('%s is read', (_what, members, expected) => {
  expect(answer(members)).toMatchObject(expected);
});

test('a value that did not come as text has the same bounds', () => {
  const deep = JSON.parse(`${'['.repeat(80)}${']'.repeat(80)}`);
  expect(readValue({ id: 3, result: deep }, LIMITS)).toMatchObject({ id: 3, fault: 'too deep' });
  const many = { id: 3, result: new Array(300_000).fill(0) };
  expect(readValue(many, LIMITS)).toMatchObject({ id: 3, fault: 'too many values' });
  for (const value of [null, undefined, 7, 'x', []]) expect(readValue(value, LIMITS).kind).toBe('noise');
});

test('a message that is too large is known by its beginning or its end', () => {
  expect(oversizeMessage('{"jsonrpc":"2.0","id":4,"result":{"x":"aaaa', 'aaaa"}}')).toMatchObject({ id: 4 });
  expect(oversizeMessage('{"result":{"x":"aaaa', 'aaaa"},"id":"4"}')).toMatchObject({ id: '4' });
  expect(oversizeMessage('xxxx', 'xxxx')).toMatchObject({ id: undefined, fault: 'too large' });
});

test.each([
  ['{"jsonrpc":"2.0","method":"x","params":{"a":"aaaa', true],
  [' { "method" : "x', true],
  ['{"jsonrpc":"2.0","method":"x","id":7,"params":{"a":"aaaa', undefined],
  ['{"jsonrpc":"2.0","result":{"method":"x', undefined],
])('a message that cannot be read and begins with %s is a notification: %s', (head, isNotification) => {
  expect(oversizeMessage(head, 'aaaa"}}').isNotification).toBe(isNotification);
});

describe('a line of stdout', () => {
  const one = '{"jsonrpc":"2.0","id":1,"result":{}}';
  const note = '{"jsonrpc":"2.0","method":"x"}';
  const kinds = (line: string) => readLine(line, LIMITS).map(({ kind }) => kind);

  test.each([
    ['a message', one, ['answer']],
    ['a carriage return behind it', `${one}\r`, ['answer']],
    ['terminal escapes before it', `\u001b[?25l\u001b[32m${one}`, ['answer']],
    ['terminal escapes around it', `\u001b]0;title\u0007${one}\u001b[0m`, ['answer']],
    ['text before it', `[INFO] sending ${one}`, ['answer']],
    ['text before and after it', `> ${one} done {x}`, ['answer']],
    ['two messages', `${one}${note}`, ['answer', 'notification']],
    ['a message with braces in a text', `log ${'{"jsonrpc":"2.0","id":1,"result":{"a":"}{"}}'}`, ['answer']],
    ['a byte order mark before it', `\ufeff${one}`, ['answer']],
    ['a log of what was asked', 'got {"jsonrpc":"2.0","id":1,"method":"ping"}', ['noise']],
    ['a log', 'ready', ['noise']],
    ['half a message', one.slice(0, 30), ['unreadable']],
  ])('with %s is read', (_what, line, expected) => {
    expect(kinds(line)).toEqual(expected);
  });

  test('with many messages is read within bounds', () => {
    expect(kinds(`x ${one.repeat(1_000)}`)).toHaveLength(100);
  });
});

describe('JSON that is none', () => {
  const result = (json: string) => {
    const [message] = read(`{"jsonrpc":"2.0","id":1,"result":${json}}`);
    return message?.kind === 'answer' ? message.answer.result : message?.kind;
  };
  test.each([
    ['{"a":NaN,"b":[Infinity,-Infinity,+Infinity]}', { a: null, b: [null, null, null] }],
    ['{"a":"NaN","b":NaN}', { a: 'NaN', b: null }],
    ['{"a":"one\ntwo\tthree"}', { a: 'one\ntwo\tthree' }],
    ['{"a":"say \\"NaN\\"\n","b":NaN}', { a: 'say "NaN"\n', b: null }],
    ['{"a":NaNs}', 'unreadable'],
    ['{"a":1,}', 'unreadable'],
  ])('%j is read where its meaning is plain', (json, expected) => {
    expect(result(json)).toEqual(expected);
  });
});
