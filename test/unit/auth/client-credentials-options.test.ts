import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { clientCredentials } from '../../../src/auth/client-credentials.js';
import type { ClientCredentialsOptions } from '../../../src/auth/client-credentials-options.js';
import { canonicalJson } from '../../../src/core/canonical-json.js';
import { ConfigError } from '../../../src/core/errors.js';

const OPTIONS: ClientCredentialsOptions = {
  clientId: 'service',
  clientSecret: 'opensesame',
  tokenUrl: 'https://as.example.com/token',
};

const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string;
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const EC_PEM = pemOf(EC.privateKey);
const PUBLIC_PEM = EC.publicKey.export({ type: 'spki', format: 'pem' }) as string;
const SHORT_PEM = pemOf(generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey);
const X25519_PEM = pemOf(generateKeyPairSync('x25519').privateKey);
const ENCRYPTED_PEM = EC.privateKey.export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-128-cbc',
  passphrase: 'opensesame',
}) as string;

describe('wrong options are refused when they are given', () => {
  test.each<[string, object, string]>([
    ['clientId', { clientId: '' }, 'expected a string that is not empty'],
    ['clientId', { clientId: undefined }, 'expected a string that is not empty'],
    ['clientSecret', { clientSecret: '' }, 'expected a string that is not empty, or a function'],
    ['clientSecret', { clientSecret: undefined }, 'expected a string that is not empty, or a function'],
    ['tokenUrl', { tokenUrl: undefined }, 'give tokenUrl, or issuer'],
    ['issuer', { issuer: 'https://as.example.com' }, 'not both'],
    ['tokenUrl', { tokenUrl: '/token' }, 'expected an absolute URL'],
    ['tokenUrl', { tokenUrl: 'ftp://as.example.com/token' }, 'got ftp:'],
    ['tokenUrl', { tokenUrl: 'http://as.example.com/token' }, 'set allowInsecureRequests'],
    ['tokenUrl', { tokenUrl: 'http://127.0.0.1.example.com/token' }, 'set allowInsecureRequests'],
    [
      'tokenUrl',
      { tokenUrl: 'https://user:opensesame@as.example.com/token' },
      'must not contain a user name',
    ],
    ['tokenUrl', { tokenUrl: 'https://as.example.com/token#x' }, 'must not contain a fragment'],
    ['issuer', { tokenUrl: undefined, issuer: 'https://as.example.com/?a=b' }, 'must not contain a query'],
    ['scopes', { scopes: 'read' }, 'expected a list'],
    ['scopes[1]', { scopes: ['read', ''] }, 'got ""'],
    ['scopes[0]', { scopes: ['read write'] }, 'got "read write"'],
    ['scopes[0]', { scopes: ['a"b'] }, 'without spaces'],
    ['resource', { resource: 'mcp' }, 'expected an absolute URI'],
    ['resource', { resource: true }, 'expected an absolute URI'],
    ['resource', { resource: 'https://mcp.example.com/#x' }, 'fragment'],
    ['parameters.audience', { parameters: { audience: 1 } }, 'got a value of type number'],
    ['parameters.grant_type', { parameters: { grant_type: 'password' } }, 'always client_credentials'],
    ['parameters.scope', { parameters: { scope: 'read' } }, 'the option scopes'],
    ['parameters.client_secret', { parameters: { client_secret: 'opensesame' } }, 'the option clientSecret'],
    [
      'clientAuth',
      { clientAuth: 'none' },
      'client_secret_post, client_secret_basic, private_key_jwt, got "none"',
    ],
    ['trustServerMetadata', { trustServerMetadata: true }, 'give it or tokenUrl, not both'],
    [
      'trustServerMetadata',
      { trustServerMetadata: true, tokenUrl: undefined, issuer: 'https://as.example.com' },
      'give it or issuer, not both',
    ],
    ['trustServerMetadata', { trustServerMetadata: 'yes' }, 'expected true or false'],
    ['tokenUrl', { tokenUrl: undefined, trustServerMetadata: false }, 'missing'],
    ['privateKey', { privateKey: 'opensesame' }, 'give clientSecret or privateKey, not both'],
    ['privateKey', { clientSecret: undefined, privateKey: 'opensesame' }, 'is not a private key'],
    ['privateKey', { clientSecret: undefined, privateKey: PUBLIC_PEM }, 'is not a private key'],
    ['privateKey', { clientSecret: undefined, privateKey: { kty: 'opensesame' } }, 'is not a private key'],
    ['privateKey', { clientSecret: undefined, privateKey: 7 }, 'expected a PEM, a JWK or a CryptoKey'],
    ['privateKey', { clientSecret: undefined, privateKey: SHORT_PEM }, '1024 bits; expected at least 2048'],
    ['privateKey', { clientSecret: undefined, privateKey: X25519_PEM }, 'is of the type x25519'],
    ['privateKey', { clientSecret: undefined, privateKey: ENCRYPTED_PEM }, 'is encrypted'],
    ['privateKey', { clientSecret: undefined, clientAuth: 'private_key_jwt' }, 'missing'],
    [
      'clientAuth',
      { clientSecret: undefined, privateKey: EC_PEM, clientAuth: 'client_secret_post' },
      'needs a clientSecret',
    ],
    ['signingAlgorithm', { signingAlgorithm: 'RS256' }, 'is for a privateKey'],
    ['keyId', { keyId: 'a' }, 'is for a privateKey'],
    ['keyId', { clientSecret: undefined, privateKey: EC_PEM, keyId: '' }, 'not empty'],
    [
      'signingAlgorithm',
      { clientSecret: undefined, privateKey: EC_PEM, signingAlgorithm: 'RS256' },
      'expected ES256 for this key, got "RS256"',
    ],
    [
      'signingAlgorithm',
      { clientSecret: undefined, privateKey: EC_PEM, signingAlgorithm: 'none' },
      'expected one of RS256',
    ],
    ['allowInsecureRequests', { allowInsecureRequests: 'yes' }, 'expected true or false'],
    ['timeoutMs', { timeoutMs: 0 }, 'got 0'],
    ['timeoutMs', { timeoutMs: Number.POSITIVE_INFINITY }, 'got Infinity'],
    ['clientsecret', { clientsecret: 'opensesame' }, 'unknown option; nearest: clientSecret'],
    ['constructor', { constructor: 'opensesame' }, 'unknown option'],
  ])('%s, %o', (option, change, problem) => {
    const error = thrownBy({ ...OPTIONS, ...change } as ClientCredentialsOptions);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({
      path: `clientCredentials.${option}`,
      message: expect.stringContaining(problem),
    });
    expect(inspect(error)).not.toContain('opensesame');
  });

  test('no options at all', () => {
    expect(thrownBy(undefined as unknown as ClientCredentialsOptions)).toBeInstanceOf(ConfigError);
  });
});

test.each([
  'http://localhost:1/token',
  'http://as.localhost/token',
  'http://127.8.9.1/token',
  'http://[::1]/token',
])('this machine needs no TLS: %s', (tokenUrl) => {
  expect(() => clientCredentials({ ...OPTIONS, tokenUrl })).not.toThrow();
});

test('no TLS elsewhere if it is asked for', () => {
  const tokenUrl = 'http://as.example.com/token';
  expect(() => clientCredentials({ ...OPTIONS, tokenUrl, allowInsecureRequests: true })).not.toThrow();
});

test('a private key may have tokenUrl and issuer, which is then its audience', () => {
  const { clientSecret: _none, ...options } = OPTIONS;
  const issuer = 'https://as.example.com';
  expect(() => clientCredentials({ ...options, privateKey: EC_PEM, issuer })).not.toThrow();
});

test('a private key is not printed, and tells providers apart', () => {
  const { clientSecret: _none, ...options } = OPTIONS;
  const jwk = EC.privateKey.export({ format: 'jwk' });
  const provider = clientCredentials({ ...options, privateKey: EC_PEM });
  expect(inspect(provider, { showHidden: true, depth: 9 })).not.toContain(jwk.d);
  expect(canonicalJson(provider)).toBe(canonicalJson(clientCredentials({ ...options, privateKey: jwk })));
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  expect(canonicalJson(provider)).not.toBe(
    canonicalJson(clientCredentials({ ...options, privateKey: pemOf(other) })),
  );
});

describe('a provider', () => {
  test('does not print its secret', () => {
    const provider = clientCredentials(OPTIONS);
    const printed = inspect(provider, { showHidden: true, depth: 9 }) + JSON.stringify(provider);
    expect(printed).not.toContain('opensesame');
  });

  test('equals one with equal options', () => {
    const canonical = canonicalJson(clientCredentials({ ...OPTIONS, scopes: ['read'] }));
    expect(canonical).toBe(canonicalJson(clientCredentials({ scopes: ['read'], ...OPTIONS })));
    expect(canonical).not.toContain('opensesame');
  });

  test.each<Partial<ClientCredentialsOptions>>([
    { clientSecret: 'openbarley' },
    { clientSecret: () => 'opensesame' },
    { tokenUrl: 'https://as.example.com/other' },
    { scopes: ['read'] },
    { resource: false },
    { parameters: { audience: 'a' } },
    { clientAuth: 'client_secret_basic' },
  ])('differs from one with %o', (change) => {
    expect(canonicalJson(clientCredentials({ ...OPTIONS, ...change }))).not.toBe(
      canonicalJson(clientCredentials(OPTIONS)),
    );
  });
});

function thrownBy(options: ClientCredentialsOptions): unknown {
  try {
    clientCredentials(options);
  } catch (error) {
    return error;
  }
  return undefined;
}
