import { generateKeyPairSync } from 'node:crypto';
import { clientCredentials, staticToken, type TokenProvider, tokenExchange } from 'mcp-fleet';
import { describeTokenProvider, fakeTokens } from 'mcp-fleet/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../fixtures/authorization-server.js';

const runner = { describe, test };
let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer();
});
afterAll(() => server.close());

describeTokenProvider('staticToken with a text', () => staticToken('an-api-key'), runner);
describeTokenProvider('staticToken with a function', () => staticToken(async () => 'an-api-key'), runner);
describeTokenProvider('fakeTokens', () => fakeTokens('first', 'second'), runner);
describeTokenProvider('fakeTokens without any', () => fakeTokens(), runner);

describeTokenProvider(
  'clientCredentials with a secret',
  () => clientCredentials({ ...server.clients.post, tokenUrl: server.tokenUrl }),
  runner,
);
describeTokenProvider(
  'clientCredentials with a private key',
  () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    server.registerKey('contract', { ...publicKey.export({ format: 'jwk' }), use: 'sig' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    return clientCredentials({ clientId: 'contract', privateKey: pem, issuer: server.issuer });
  },
  runner,
);
describeTokenProvider(
  'tokenExchange',
  () => {
    server.trustSubject('token-of-ada', 'ada');
    return tokenExchange({
      ...server.clients.post,
      tokenUrl: server.tokenUrl,
      subjectToken: () => 'token-of-ada',
    });
  },
  runner,
);
describeTokenProvider(
  'tokenExchange for nobody',
  () => tokenExchange({ ...server.clients.post, tokenUrl: server.tokenUrl, subjectToken: () => undefined }),
  runner,
);
describeTokenProvider(
  'a provider of five lines',
  (): TokenProvider => ({
    async getToken({ server: name }) {
      return { token: `token-for-${name}`, expiresAt: Date.now() + 60_000 };
    },
  }),
  runner,
);
