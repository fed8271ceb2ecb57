import { describe, expect, test } from 'vitest';
import { parseChallenge } from '../../../src/auth/challenge.js';

const METADATA = 'https://mcp.example.com/.well-known/oauth-protected-resource';

describe('the Bearer challenge', () => {
  test.each([
    ['alone', 'Bearer', {}],
    ['with a realm', 'Bearer realm="mcp"', {}],
    [
      'with an error',
      'Bearer error="invalid_token", error_description="expired, sorry"',
      { error: 'invalid_token' },
    ],
    ['in capitals', 'BEARER ERROR="invalid_token"', { error: 'invalid_token' }],
    [
      'without quotation marks',
      'Bearer error=invalid_token,scope=read',
      { error: 'invalid_token', scopes: ['read'] },
    ],
    ['with space around the equals sign', 'Bearer error = "invalid_token"', { error: 'invalid_token' }],
    ['with escapes', 'Bearer realm="a \\"b\\", Basic c", error="x\\y"', { error: 'xy' }],
    [
      'without commas',
      'Bearer error="insufficient_scope" scope="a b"',
      { error: 'insufficient_scope', scopes: ['a', 'b'] },
    ],
    ['after another scheme', 'Basic realm="x", Bearer error="invalid_token"', { error: 'invalid_token' }],
    ['before another scheme', 'Bearer error="invalid_token", Basic realm="x"', { error: 'invalid_token' }],
    ['after a token68', 'Negotiate abc+/def==, Bearer scope="read"', { scopes: ['read'] }],
    ['after a scheme without parameters', 'NTLM, Bearer scope="read"', { scopes: ['read'] }],
    ['after empty list members', ', ,Bearer scope="read",,', { scopes: ['read'] }],
    ['after junk', '"=?, foo=bar, Bearer scope="read"', { scopes: ['read'] }],
    ['more than once', 'Bearer realm="a", Bearer error="invalid_token"', { error: 'invalid_token' }],
    ['with a parameter twice', 'Bearer error="first", error="second"', { error: 'first' }],
    ['with scopes that are none', 'Bearer scope="  read\\\\ write  "', { scopes: ['write'] }],
    ['with an empty scope', 'Bearer scope=""', {}],
    ['with metadata that is no URL', 'Bearer resource_metadata="nowhere"', {}],
    ['with metadata of another protocol', 'Bearer resource_metadata="file:///etc/passwd"', {}],
  ])('%s', (_where, header, expected) => {
    expect(parseChallenge(header)).toEqual(expected);
  });

  test('names the metadata of the resource', () => {
    expect(parseChallenge(`Bearer resource_metadata="${METADATA}"`)).toEqual({
      resourceMetadata: new URL(METADATA),
    });
  });

  test.each([null, '', 'Basic realm="Bearer error=x"', 'Bearerish error="x"', 'DPoP algs="ES256"'])(
    'is not found in %j',
    (header) => {
      expect(parseChallenge(header)).toBeUndefined();
    },
  );
});

test.each(['Bearer a="', '"', 'a=', ' \t', 'Bearer '])('%j a million times is read in no time', (part) => {
  const header = part.repeat(1_000_000);
  const startedAt = performance.now();
  parseChallenge(header);
  expect(performance.now() - startedAt).toBeLessThan(500);
});
