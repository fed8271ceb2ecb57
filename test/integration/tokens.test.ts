import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withBearer } from '../../src/auth/bearer-fetch.js';
import { clientCredentials } from '../../src/auth/client-credentials.js';
import type { ClientCredentialsOptions } from '../../src/auth/client-credentials-options.js';
import type { AccessToken } from '../../src/auth/token-provider.js';
import { type TokenRefresh, TokenSource } from '../../src/auth/token-source.js';
import { AuthError } from '../../src/core/errors.js';
import { createHttpClient } from '../../src/net/http-client.js';
import { type AuthorizationServer, startAuthorizationServer } from '../fixtures/authorization-server.js';
import { bearerToken } from '../fixtures/bearer.js';
import { listenOnLoopback } from '../fixtures/loopback.js';

const RESOURCE = 'http://127.0.0.1:4711/mcp';

let server: AuthorizationServer;
beforeAll(async () => {
  server = await startAuthorizationServer();
});
afterAll(() => server.close());

describe.each(['post', 'basic'] as const)('the client whose secret goes by %s', (method) => {
  test.each(['tokenUrl', 'issuer'] as const)('gets a token by %s', async (place) => {
    const { tokenRequests, metadataRequests } = server;
    const token = await getToken({
      ...server.clients[method],
      clientAuth: `client_secret_${method}`,
      [place]: server[place],
      scopes: ['read'],
    });
    expect(await server.verify(token.token)).toMatchObject({
      clientId: server.clients[method].clientId,
      audience: RESOURCE,
      scopes: ['read'],
    });
    expect(token.scopes).toEqual(['read']);
    expect(Math.abs((token.expiresAt ?? 0) - Date.now() - 3_600_000)).toBeLessThan(10_000);
    expect(server.tokenRequests - tokenRequests).toBe(1);
    expect(server.metadataRequests - metadataRequests).toBe(place === 'issuer' ? 1 : 0);
  });

  test('is refused for good with another secret', async () => {
    const { clientId } = server.clients[method];
    const asked = getToken({
      clientId,
      clientSecret: 'wrong',
      clientAuth: `client_secret_${method}`,
      tokenUrl: server.tokenUrl,
    });
    await expect(asked).rejects.toBeInstanceOf(AuthError);
    await expect(asked).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
      retryable: false,
      message: expect.stringContaining('invalid_client'),
    });
  });
});

describe('the audience', () => {
  test('is the configured resource', async () => {
    const token = await getToken({ ...byTokenUrl(server), resource: 'https://api.example.com' });
    expect(await server.verify(token.token)).toMatchObject({ audience: 'https://api.example.com' });
  });

  test('is nobody in particular without a resource', async () => {
    const token = await getToken({ ...byTokenUrl(server), resource: false });
    expect(await server.verify(token.token)).toMatchObject({ audience: undefined });
  });

  test('is part of opaque tokens, too', async () => {
    await using opaque = await startAuthorizationServer({ tokenFormat: 'opaque' });
    const token = await getToken(byTokenUrl(opaque));
    expect(token.token).not.toContain('.');
    expect(await opaque.verify(token.token)).toMatchObject({ audience: RESOURCE });
    expect(await opaque.verify('another')).toBeUndefined();
  });

  test('must be known to the authorization server', async () => {
    await using strict = await startAuthorizationServer({ resources: ['https://api.example.com'] });
    await expect(getToken(byTokenUrl(strict))).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining('invalid_target'),
    });
  });
});

test('an issuer on another host is not believed', async () => {
  const asked = getToken({
    ...server.clients.post,
    issuer: server.issuer.replace('127.0.0.1', 'localhost'),
  });
  await expect(asked).rejects.toMatchObject({
    retryable: false,
    message: expect.stringContaining(`names another issuer, ${server.issuer}`),
  });
});

test('an authorization server that is away is worth another try', async () => {
  const away = await startAuthorizationServer();
  await away.close();
  await expect(getToken(byTokenUrl(away))).rejects.toMatchObject({
    code: 'TOKEN_FAILED',
    retryable: true,
    cause: { code: 'CONNECT_FAILED' },
  });
});

describe('with a server that checks tokens', () => {
  test('a hundred calls at once cause one token request', async () => {
    await using stand = await startStand();
    expect(await stand.callAtOnce(100)).toEqual(new Array(100).fill(200));
    expect(stand.authorizationServer.tokenRequests).toBe(1);
  });

  test('when the token is revoked under a hundred calls, one request replaces it and no call fails', async () => {
    await using stand = await startStand();
    await stand.callAtOnce(1);
    stand.authorizationServer.revokeTokens();
    expect(await stand.callAtOnce(100)).toEqual(new Array(100).fill(200));
    expect(stand.authorizationServer.tokenRequests).toBe(2);
    expect(stand.refreshes.map(({ reason }) => reason)).toEqual(['initial', 'rejected']);
  });

  test('tokens of five seconds are replaced without any call failing', async () => {
    await using stand = await startStand({ tokenLifetimeSeconds: 5 });
    const statuses = new Set<number>();
    for (const until = performance.now() + 6_000; performance.now() < until; await sleep(20)) {
      for (const status of await stand.callAtOnce(8)) statuses.add(status);
    }
    expect([...statuses]).toEqual([200]);
    expect(stand.refreshes.slice(0, 2).map(({ reason }) => reason)).toEqual(['initial', 'expiring']);
  });

  test('a hundred calls at once on a lack of scope cause one token request', async () => {
    await using stand = await startStand({}, 'write');
    expect(await stand.callAtOnce(100)).toEqual(new Array(100).fill(200));
    expect(stand.refreshes.map(({ reason }) => reason)).toEqual(['initial', 'insufficient_scope']);
  });
});

function byTokenUrl({ tokenUrl, clients }: AuthorizationServer): ClientCredentialsOptions {
  return { ...clients.post, tokenUrl };
}

async function getToken(options: ClientCredentialsOptions): Promise<AccessToken> {
  const token = await clientCredentials(options).getToken({
    server: 'docs',
    url: new URL(RESOURCE),
    signal: new AbortController().signal,
    reason: 'initial',
    previous: undefined,
    challenge: undefined,
  });
  if (typeof token !== 'object') throw new Error('Expected an object');
  return token;
}

/** An authorization server, a server that lets its tokens in, and a client of both. */
async function startStand(options: { tokenLifetimeSeconds?: number } = {}, neededScope = 'read') {
  const authorizationServer = await startAuthorizationServer(options);
  const resourceServer = await listenOnLoopback(
    createServer(async ({ headers }, response) => {
      const found = await authorizationServer.verify(bearerToken(headers) ?? '');
      if (found === undefined)
        response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' });
      else if (!found.scopes.includes(neededScope)) {
        response.writeHead(403, {
          'www-authenticate': `Bearer error="insufficient_scope", scope="${neededScope}"`,
        });
      }
      response.end();
    }),
  );
  const url = new URL(`http://127.0.0.1:${resourceServer.port}/mcp`);
  const http = createHttpClient({ connectTimeoutMs: 5_000 });
  const refreshes: TokenRefresh[] = [];
  const source = new TokenSource({
    provider: clientCredentials({ ...byTokenUrl(authorizationServer), scopes: ['read'] }),
    server: 'docs',
    url,
    onRefresh: (refresh) => void refreshes.push(refresh),
  });
  const fetch = withBearer(http.fetch, { current: async () => source }, url.origin);
  return {
    authorizationServer,
    refreshes,
    callAtOnce: (count: number) =>
      Promise.all(Array.from({ length: count }, async () => (await fetch(url)).status)),
    async [Symbol.asyncDispose]() {
      source.close();
      await http.close();
      await resourceServer.close();
      await authorizationServer.close();
    },
  };
}
