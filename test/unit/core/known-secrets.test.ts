import { describe, expect, test } from 'vitest';
import { KnownSecrets } from '../../../src/core/known-secrets.js';

const SECRET = 'a+b/c d&"é=';
const base64 = (text: string) => Buffer.from(text).toString('base64');

function knowing(...secrets: string[]): KnownSecrets {
  const known = new KnownSecrets();
  for (const secret of secrets) known.add(secret);
  return known;
}

describe('a text without secrets', () => {
  test.each<[string, string]>([
    ['as it is', SECRET],
    ['in capitals', SECRET.toUpperCase()],
    ['percent-encoded', encodeURIComponent(SECRET)],
    [
      'percent-encoded in lower case',
      encodeURIComponent(SECRET).replace(/%../g, (octet) => octet.toLowerCase()),
    ],
    ['form-encoded', new URLSearchParams({ '': SECRET }).toString().slice(1)],
    ['in base64', base64(SECRET)],
    ['in base64 without padding', base64(SECRET).replace(/=+$/, '')],
    ['in base64url', Buffer.from(SECRET).toString('base64url')],
    ['in hexadecimal', Buffer.from(SECRET).toString('hex')],
    ['in JSON', JSON.stringify(SECRET).slice(1, -1)],
  ])('lacks one that stands there %s', (_how, form) => {
    expect(knowing(SECRET).redact(`before ${form} after ${form}`)).toBe('before [redacted] after [redacted]');
  });

  test.each(['', 'u', 'us', 'user:'])('lacks one that stands in base64 behind %j', (before) => {
    const shown = knowing('correct horse battery').redact(base64(`${before}correct horse battery:x`));
    expect(shown).toContain('[redacted]');
    expect(shown.replace('[redacted]', '').length).toBeLessThan(before.length + 16);
  });

  test('lacks the longer of two where one is a part of the other, and both where they overlap', () => {
    expect(knowing('secret', 'secret-key').redact('secret-key secret')).toBe('[redacted] [redacted]');
    expect(knowing('abcdef', 'defghi').redact('>abcdefghi<')).toBe('>[redacted]<');
  });

  test('keeps what is too short to be one, and what is too long', () => {
    expect(knowing('a', '', 'is').redact('a is an article')).toBe('a is an article');
    const long = 'x'.repeat(20_000);
    expect(knowing(long).redact(long)).toBe(long);
  });

  test('does not fail on half a character', () => {
    expect(knowing('half \ud800 a character').redact('x')).toBe('x');
  });

  test('is found where places in lower case are not places in the text', () => {
    // One character in capitals, two in small letters.
    expect(knowing('TOKEN-1234').redact('İİİ token-1234 İ')).toBe('İİİ [redacted] İ');
  });
});

describe('a part of a text', () => {
  const known = knowing('secret-key');
  const text = 'ab secret-key cd';
  test.each([
    [0, 3, 'ab '],
    [0, 5, 'ab [redacted]'],
    [5, 16, '[redacted] cd'],
    [4, 9, '[redacted]'],
    [13, 16, ' cd'],
    [16, 16, ''],
  ])('from %i to %i is %j', (start, end, shown) => {
    expect(known.redact(text, start, end)).toBe(shown);
  });
});

describe('secrets that come and go', () => {
  test('are known until others have taken their place', () => {
    const known = new KnownSecrets(2);
    known.add('for-good');
    for (const token of ['token-1', 'token-2', 'token-1', 'token-3']) known.passing(token);
    expect(known.list()).toEqual(['for-good', 'token-1', 'token-3']);
    expect(known.redact('token-1 token-2 token-3 for-good')).toBe('[redacted] token-2 [redacted] [redacted]');
    known.passing('token-4');
    expect(known.redact('token-1 token-3 token-4')).toBe('token-1 [redacted] [redacted]');
  });

  test('tell how far beyond a cut one has to look', () => {
    const known = new KnownSecrets();
    expect(known.longestForm).toBe(0);
    known.passing('0123456789');
    expect(known.longestForm).toBe(20);
  });
});

test('a long text with thousands of secrets takes one pass', () => {
  const known = new KnownSecrets(4_000);
  for (let number = 0; number < 4_000; number++)
    known.passing(`eyJhbGciOiJSUzI1NiJ9.common-payload.${number}-signature`);
  const text = 'eyJhbGciOiJSUzI1NiJ9.common-payload.'.repeat(3_000);
  known.redact('');
  const { user } = process.cpuUsage();
  expect(known.redact(`${text}17-signature`)).toMatch(/payload\.\[redacted\]$|\[redacted\]$/);
  expect((process.cpuUsage().user - user) / 1_000).toBeLessThan(500);
});
