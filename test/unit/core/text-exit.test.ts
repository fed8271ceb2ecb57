import { describe, expect, test } from 'vitest';
import { ConnectionError, McpFleetError, RemoteError } from '../../../src/core/errors.js';
import { KnownSecrets } from '../../../src/core/known-secrets.js';
import { loggable, TextExit } from '../../../src/core/text-exit.js';

const SECRET = 'tok-1234567890';
const secrets = new KnownSecrets();
secrets.add(SECRET);
const exit = new TextExit(secrets);

describe('words of a peer', () => {
  test.each([
    ['a line', 'a line'],
    ['two\r\nlines\u2028and\u0085more', 'two lines and more'],
    ['\u001b[31mred\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007', 'red link'],
    ['ab\u0000\u0007\u009fc\u007f', 'abc'],
    ['a\u202egnp.exe', 'agnp.exe'],
    ['\ufeffzero\u200bwidth\u2060 \u{e0041}tag', 'zerowidth tag'],
    ['half \ud83d of one', 'half of one'],
    ['whole 🔥 one', 'whole 🔥 one'],
    [`Bearer ${SECRET}`, 'Bearer [redacted]'],
    [`Bearer tok-\u200b1234567890`, 'Bearer [redacted]'],
    [`Bearer tok-\u001b[1m1234567890`, 'Bearer [redacted]'],
    ['', ''],
  ])('%j are shown as %j', (said, shown) => {
    expect(exit.words(said)).toBe(shown);
    expect(exit.lastWords(said)).toBe(shown);
  });

  test('are cut to a bound, and no secret is cut in two', () => {
    expect(exit.words('x'.repeat(600))).toBe(`${'x'.repeat(500)}…`);
    expect(exit.lastWords('x'.repeat(600))).toBe(`…${'x'.repeat(500)}`);
    for (let before = 480; before <= 500; before++) {
      const text = `${'x'.repeat(before)}${SECRET}${'y'.repeat(2_000)}`;
      expect(exit.words(text)).not.toMatch(/tok|123/);
      const reversed = `${'y'.repeat(2_000)}${SECRET}${'x'.repeat(before)}`;
      expect(exit.lastWords(reversed)).not.toMatch(/890|tok/);
    }
  });

  test('that were cut off somewhere else end before what could be half a secret', () => {
    expect(exit.words(`said ${SECRET.slice(0, 10)}`, { isWhole: false })).not.toContain('tok');
    expect(exit.lastWords(`${SECRET.slice(4)} was said`, { isWhole: false })).not.toContain('123');
  });

  test('of megabytes cost what is shown of them', () => {
    const long = `${SECRET} `.repeat(1_000_000);
    const { user } = process.cpuUsage();
    for (let times = 0; times < 100; times++) exit.words(long);
    expect((process.cpuUsage().user - user) / 1_000).toBeLessThan(1_000);
  });
});

describe('data of a peer', () => {
  test('keeps its shape without the secrets in it', () => {
    const data = { [SECRET]: [SECRET, { a: `x${SECRET}` }, 1, null, true], b: '\u001b[31m' };
    expect(exit.data(data)).toEqual({
      '[redacted]': ['[redacted]', { a: 'x[redacted]' }, 1, null, true],
      b: '\u001b[31m',
    });
  });

  test('has a bound on values, characters and depth', () => {
    const many = exit.data(Array.from({ length: 20_000 }, () => 1)) as unknown[];
    expect([many.length, many.at(-1)]).toEqual([10_001, '…']);
    expect((exit.data('x'.repeat(1_000_000)) as string).length).toBe(262_145);
    const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], 1);
    expect(JSON.stringify(exit.data(deep))).toBe(`${'['.repeat(64)}"…"${']'.repeat(64)}`);
  });

  test('may hold the names of the language', () => {
    const data = JSON.parse('{"__proto__":{"a":1},"constructor":2}');
    expect(JSON.stringify(exit.data(data))).toBe('{"__proto__":{"a":1},"constructor":2}');
  });
});

describe('an error', () => {
  test('is cleaned where it is, with its stack, its data and the errors that caused it', () => {
    const cause = new ConnectionError('CONNECT_FAILED', `at ${SECRET}`);
    const remote = new RemoteError(-32_000, `no ${SECRET}\nforged line`, { a: SECRET }, { cause });
    expect(exit.error(remote)).toBe(remote);
    expect(remote.message).toContain('no [redacted] forged line');
    expect(remote.data).toEqual({ a: '[redacted]' });
    expect(cause.message).toBe('at [redacted]');
    expect(`${remote.stack}${cause.stack}`).not.toContain(SECRET);
  });

  test('may be anything', () => {
    const foreign = new Error(SECRET);
    expect(exit.error(foreign)).toBe(foreign);
    expect(exit.error(undefined)).toBeUndefined();
  });

  test('is cleaned again when more is secret', () => {
    const late = new KnownSecrets();
    const error = new McpFleetError('CLOSED', 'later-secret');
    new TextExit(late).error(error);
    late.add('later-secret');
    expect(new TextExit(late).error(error).message).toBe('[redacted]');
  });

  test('reaches a logger with no more of foreign causes than class and code', () => {
    const foreign = Object.assign(new TypeError(`fetch failed for ${SECRET}`), { code: 'ECONNREFUSED' });
    const error = new ConnectionError('CONNECT_FAILED', 'No', { cause: foreign });
    expect(loggable(error)).toMatchObject({ code: 'CONNECT_FAILED', causes: ['TypeError ECONNREFUSED'] });
    expect(loggable(new ConnectionError('CONNECT_FAILED', 'No', { cause: SECRET }))).toMatchObject({
      causes: ['value of type string'],
    });
    expect(JSON.stringify(loggable(error))).not.toContain(SECRET);
  });
});
