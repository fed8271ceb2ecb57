import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { KnownSecrets } from '../../../../src/core/known-secrets.js';
import { TextExit } from '../../../../src/core/text-exit.js';
import { Stderr } from '../../../../src/session/transports/stderr.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function reading({ secret, isHeard = true }: { secret?: string; isHeard?: boolean } = {}) {
  const secrets = new KnownSecrets();
  if (secret !== undefined) secrets.add(secret);
  const lines: string[] = [];
  const stderr = new Stderr({
    exit: new TextExit(secrets),
    isHeard: () => isHeard,
    onLine: (line) => lines.push(line),
  });
  return { lines, stderr };
}

describe('lines of a process', () => {
  test('are handed on whole, wherever they are cut, also within a character', () => {
    const bytes = Buffer.from('first\n\n  \nzwölf 🔥\r\nwithout an end');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { lines, stderr } = reading();
      stderr.push(bytes.subarray(0, cut));
      stderr.push(bytes.subarray(cut));
      expect(lines).toEqual(['first', 'zwölf 🔥']);
    }
  });

  test('lose secrets and terminal escapes, and are cut', () => {
    const { lines, stderr } = reading({ secret: 'key-123456' });
    stderr.push(Buffer.from(`\u001b[31mkey-123456\u001b[0m ${'x'.repeat(5_000)}\n`));
    expect(lines[0]).toMatch(/^\[redacted\] x+…$/);
    expect(lines[0]?.length).toBeLessThan(2_100);
  });

  test('that come too fast are left out, and counted', () => {
    const { lines, stderr } = reading();
    stderr.push(Buffer.from('again\n'.repeat(5_000)));
    expect(lines).toHaveLength(1_000);
    vi.advanceTimersByTime(1_000);
    stderr.push(Buffer.from('later\n'));
    expect(lines.slice(1_000)).toEqual(['(4000 lines were left out)', 'later']);
  });

  test('are not made where nobody listens, but the last words are there', () => {
    const { lines, stderr } = reading({ isHeard: false });
    stderr.push(Buffer.from('one\ntwo\n'));
    expect(lines).toEqual([]);
    expect(stderr.lastWords).toBe('; the end of its stderr: one | two');
  });
});

describe('last words', () => {
  test('are none where there were none', () => {
    expect(reading().stderr.lastWords).toBe('');
  });

  test('are the end of much, without a half secret', () => {
    const { stderr } = reading({ secret: 'key-1234567890' });
    for (let times = 0; times < 10_000; times++) stderr.push(Buffer.from('key-1234567890 is wrong\n'));
    const { lastWords } = stderr;
    expect(lastWords).toMatch(/\[redacted\] is wrong$/);
    expect(lastWords).not.toMatch(/\d/);
    expect(lastWords.length).toBeLessThan(1_050);
  });

  test('are those of the process that runs', () => {
    const { stderr } = reading();
    stderr.push(Buffer.from('of the first'));
    stderr.restart();
    expect(stderr.lastWords).toBe('');
  });
});
