import { describe, expect, test } from 'vitest';
import { withoutSecrets } from '../../../src/core/redaction.js';

const SECRET = 'a+b/c d&"é=';

describe('a text without secrets', () => {
  test.each<[string, string]>([
    ['as it is', SECRET],
    ['percent-encoded', encodeURIComponent(SECRET)],
    [
      'percent-encoded in lower case',
      encodeURIComponent(SECRET).replace(/%../g, (octet) => octet.toLowerCase()),
    ],
    ['form-encoded', new URLSearchParams({ '': SECRET }).toString().slice(1)],
    ['in base64', Buffer.from(SECRET).toString('base64')],
    ['in base64 without padding', Buffer.from(SECRET).toString('base64').replace(/=+$/, '')],
    ['in base64url', Buffer.from(SECRET).toString('base64url')],
    ['in hexadecimal', Buffer.from(SECRET).toString('hex')],
    ['in JSON', JSON.stringify(SECRET).slice(1, -1)],
  ])('lacks one that stands there %s', (_how, form) => {
    expect(withoutSecrets(`before ${form} after ${form}`, [SECRET])).toBe(
      'before [redacted] after [redacted]',
    );
  });

  test('lacks the longer of two where one is a part of the other', () => {
    expect(withoutSecrets('secret-key secret', ['secret', 'secret-key'])).toBe('[redacted] [redacted]');
  });

  test('keeps what is too short to be one', () => {
    expect(withoutSecrets('a is an article', ['a', '', 'is'])).toBe('a is an article');
  });

  test('does not fail on half a character', () => {
    expect(withoutSecrets('x', ['half \ud800 a character'])).toBe('x');
  });
});
