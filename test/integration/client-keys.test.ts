import { generateKeyPairSync, type JsonWebKey, type KeyObject, webcrypto } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientCredentials } from '../../src/auth/client-credentials.js';
import type { ClientCredentialsOptions } from '../../src/auth/client-credentials-options.js';
import type { AccessToken, TokenContext } from '../../src/auth/token-provider.js';
import { type AuthorizationServer, startAuthorizationServer } from '../fixtures/authorization-server.js';

const RESOURCE = 'http://127.0.0.1:4711/mcp';

let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer();
});
afterAll(() => server.close());

interface KeyKind {
  readonly algorithm: string;
  readonly generate: () => { publicKey: KeyObject; privateKey: KeyObject };
  readonly imported: webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams | { name: string };
}
const KINDS: Record<string, KeyKind> = {
  RSA: {
    algorithm: 'RS256',
    generate: () => generateKeyPairSync('rsa', { modulusLength: 2_048 }),
    imported: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  },
  'P-256': {
    algorithm: 'ES256',
    generate: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    imported: { name: 'ECDSA', namedCurve: 'P-256' },
  },
  Ed25519: {
    algorithm: 'EdDSA',
    generate: () => generateKeyPairSync('ed25519'),
    imported: { name: 'Ed25519' },
  },
};

describe.each(Object.entries(KINDS))(
  'a private key of the kind %s',
  (kind, { algorithm, generate, imported }) => {
    const { publicKey, privateKey } = generate();
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const jwk = privateKey.export({ format: 'jwk' });
    const clientId = `key-${kind}`;
    beforeAll(() => server.registerKey(clientId, publicJwk(publicKey, { alg: algorithm })));

    const forms: [string, () => Promise<NonNullable<ClientCredentialsOptions['privateKey']>>][] = [
      ['a PEM', async () => pem],
      ['a JWK', async () => jwk],
      ['a JWK that names its algorithm', async () => ({ ...jwk, alg: algorithm }) as JsonWebKey],
      [
        'a CryptoKey that cannot be exported',
        async () => {
          const der = privateKey.export({ type: 'pkcs8', format: 'der' });
          return webcrypto.subtle.importKey('pkcs8', der, imported, false, ['sign']);
        },
      ],
    ];
    test.each(forms)('proves the client as %s', async (_form, make) => {
      const token = await getToken({ clientId, privateKey: await make(), issuer: server.issuer });
      expect(await server.verify(token.token)).toMatchObject({ clientId, audience: RESOURCE });
    });

    test('names the token endpoint as its audience, or the issuer where it is given', async () => {
      for (const issuer of [undefined, server.issuer]) {
        const options = { clientId, privateKey: pem, tokenUrl: server.tokenUrl, ...(issuer && { issuer }) };
        const { metadataRequests } = server;
        expect(await getToken(options)).toMatchObject({ token: expect.any(String) });
        expect(server.metadataRequests).toBe(metadataRequests);
      }
    });

    test('of another client is refused for good', async () => {
      const stranger = generate().privateKey.export({ format: 'jwk' });
      const asked = getToken({ clientId, privateKey: stranger, tokenUrl: server.tokenUrl });
      await expect(asked).rejects.toMatchObject({
        code: 'TOKEN_FAILED',
        retryable: false,
        message: expect.stringContaining('invalid_client'),
      });
    });
  },
);

test('an RSA key signs with PS256 where that is asked for', async () => {
  const { publicKey, privateKey } = (KINDS.RSA as KeyKind).generate();
  server.registerKey('pss', publicJwk(publicKey, { alg: 'PS256' }));
  const token = await getToken({
    clientId: 'pss',
    privateKey: privateKey.export({ format: 'jwk' }),
    signingAlgorithm: 'PS256',
    tokenUrl: server.tokenUrl,
  });
  expect(await server.verify(token.token)).toMatchObject({ clientId: 'pss' });
});

test('a key that was rotated at the server is refused until the new one is used, by its id', async () => {
  const kind = KINDS['P-256'] as KeyKind;
  const [old, fresh] = [kind.generate(), kind.generate()];
  server.registerKey('rotating', publicJwk(old.publicKey, { kid: 'old' }));
  const withKey = (privateKey: KeyObject, keyId: string) =>
    getToken({
      clientId: 'rotating',
      privateKey: privateKey.export({ format: 'jwk' }),
      keyId,
      tokenUrl: server.tokenUrl,
    });
  await withKey(old.privateKey, 'old');
  server.registerKey('rotating', publicJwk(fresh.publicKey, { kid: 'fresh' }));
  await expect(withKey(old.privateKey, 'old')).rejects.toMatchObject({ retryable: false });
  await expect(withKey(fresh.privateKey, 'fresh')).resolves.toMatchObject({ token: expect.any(String) });
});

test('a secret that rotates is asked for each time, so the new one is used at once', async () => {
  server.registerSecret('rotating-secret', 'first secret');
  let clientSecret = 'first secret';
  const provider = clientCredentials({
    clientId: 'rotating-secret',
    clientSecret: () => clientSecret,
    tokenUrl: server.tokenUrl,
  });
  await provider.getToken(context());
  server.registerSecret('rotating-secret', 'second secret');
  await expect(provider.getToken(context())).rejects.toThrow('invalid_client');
  clientSecret = 'second secret';
  await expect(provider.getToken(context())).resolves.toMatchObject({ token: expect.any(String) });
});

test('a client that was revoked is refused for good', async () => {
  server.registerSecret('leaving', 'a secret');
  const options = { clientId: 'leaving', clientSecret: 'a secret', tokenUrl: server.tokenUrl };
  await getToken(options);
  server.revokeClient('leaving');
  await expect(getToken(options)).rejects.toMatchObject({
    code: 'TOKEN_FAILED',
    retryable: false,
    message: expect.stringContaining('invalid_client'),
  });
});

function publicJwk(key: KeyObject, more: object): JsonWebKey {
  return { ...key.export({ format: 'jwk' }), use: 'sig', ...more };
}

async function getToken(options: ClientCredentialsOptions): Promise<AccessToken> {
  return (await clientCredentials(options).getToken(context())) as AccessToken;
}

function context(): TokenContext {
  return {
    server: 'docs',
    url: new URL(RESOURCE),
    signal: new AbortController().signal,
    reason: 'initial',
    previous: undefined,
    challenge: undefined,
  };
}
