import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import {
  AuthError,
  clientCredentials,
  McpClient,
  McpManager,
  staticToken,
  type TokenProvider,
} from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../fixtures/authorization-server.js';
import { type McpHttpServer, mcpHttpServer } from '../fixtures/mcp-http-server.js';
import { oddServer } from '../fixtures/odd-servers.js';

/** Lets in only who has a token of `issuer` that was made for this very server. */
function protectedServer(issuer: AuthorizationServer): Promise<McpHttpServer> {
  const server = mcpHttpServer({
    authorize: async (token) => {
      const verified = token === undefined ? undefined : await issuer.verify(token);
      return verified !== undefined && verified.audience === (await server).url;
    },
  });
  return server;
}

const client = ({ clientId, clientSecret }: AuthorizationServer['clients']['post']) => ({
  clientId,
  clientSecret,
});

describe('a server behind a real authorization server', () => {
  test.each([
    [
      'the token URL and a secret in the body',
      (issuer: AuthorizationServer) => ({ ...client(issuer.clients.post), tokenUrl: issuer.tokenUrl }),
    ],
    [
      'the issuer and a secret in the header',
      (issuer: AuthorizationServer) => ({
        ...client(issuer.clients.basic),
        issuer: issuer.issuer,
        clientAuth: 'client_secret_basic' as const,
      }),
    ],
  ])('is reached with %s: one token for 50 calls', async (_how, options) => {
    await using issuer = await startAuthorizationServer();
    await using server = await protectedServer(issuer);
    await using manager = new McpManager({
      servers: { locked: { url: server.url, auth: clientCredentials(options(issuer)) } },
    });
    const calls = Array.from({ length: 50 }, (_, n) => ({
      name: 'locked__echo',
      arguments: { text: String(n) },
    }));
    const outcomes = await manager.callTools(calls);
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(issuer.tokenRequests).toBe(1);
    expect(manager.snapshot().servers[0]?.tokenExpiresAt).toMatch(/^\d{4}-/);
  });

  test('a token that is revoked is replaced once for all calls, and each runs once', async () => {
    await using issuer = await startAuthorizationServer();
    await using server = await protectedServer(issuer);
    const auth = clientCredentials({ ...client(issuer.clients.post), tokenUrl: issuer.tokenUrl });
    await using manager = new McpManager({ servers: { locked: { url: server.url, auth } } });
    const refreshes: string[] = [];
    manager.on('refresh', ({ reason }) => refreshes.push(reason));
    await manager.listTools();
    issuer.revokeTokens();
    const outcomes = await manager.callTools(Array.from({ length: 20 }, () => ({ name: 'locked__echo' })));
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(server.offer.calls).toHaveLength(20);
    expect(issuer.tokenRequests).toBe(2);
    expect(refreshes).toEqual(['initial', 'rejected']);

    expect(await manager.refreshTokens()).toEqual({ refreshed: ['locked'], failed: [] });
    expect(refreshes.at(-1)).toBe('forced');
  });

  test('a wrong secret is an AuthError that shows it to nobody, and the server never hears of the call', async () => {
    await using issuer = await startAuthorizationServer();
    await using server = await protectedServer(issuer);
    const auth = clientCredentials({
      clientId: 'post-client',
      clientSecret: 'canary-secret',
      tokenUrl: issuer.tokenUrl,
    });
    await using locked = new McpClient('locked', { url: server.url, auth });
    const error = await locked.callTool({ name: 'echo' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AuthError);
    expect(error).toMatchObject({
      code: 'TOKEN_FAILED',
      delivery: 'not-sent',
      retryable: false,
      server: 'locked',
    });
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toContain('canary-secret');
    expect(locked.status).toBe('failed');
    expect(server.requests).toEqual([]);
  });
});

test("a company's own scheme is a provider of a few lines", async () => {
  await using server = await mcpHttpServer({ authorize: (token) => token === 'company-server' });
  const auth: TokenProvider = {
    getToken: async ({ server: name }) => ({ token: `company-${name}`, expiresAt: Date.now() + 60_000 }),
  };
  await using manager = new McpManager({ servers: { server: { url: server.url, auth } } });
  expect((await manager.callTool({ name: 'server__whoami' })).content).toMatchObject([
    { text: 'Bearer company-server' },
  ]);
});

test('a token that stays refused ends in the status failed', async () => {
  await using server = await mcpHttpServer({ authorize: () => false });
  await using client = new McpClient('locked', { url: server.url, auth: staticToken('nope') });
  await expect(client.connect()).rejects.toMatchObject({ code: 'UNAUTHORIZED', retryable: false });
  expect(client.status).toBe('failed');
  expect(client.lastError?.message).not.toContain('nope');
});

test("the SDK's interactive flow runs where a token is refused, and ends where a person is needed", async () => {
  await using issuer = await oddServer(({ headers }, response) => {
    const origin = `http://${headers.host}`;
    const metadata = {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
  });
  await using server = await mcpHttpServer({
    authorize: (token) => token === 'fresh',
    authorizationServers: [new URL(issuer.url).origin],
  });
  let token = 'expired';
  let redirects = 0;
  const oauth: OAuthClientProvider = {
    redirectUrl: 'http://127.0.0.1/callback',
    clientMetadata: { redirect_uris: ['http://127.0.0.1/callback'] },
    clientInformation: () => ({ client_id: 'gateway' }),
    tokens: () => ({ access_token: token, token_type: 'Bearer' }),
    saveTokens: () => {},
    redirectToAuthorization: () => {
      redirects++;
    },
    saveCodeVerifier: () => {},
    codeVerifier: () => 'verifier',
  };
  await using client = new McpClient('person', { url: server.url, oauth });
  await expect(client.connect()).rejects.toMatchObject({ code: 'UNAUTHORIZED', retryable: false });
  expect(client.status).toBe('failed');
  expect(redirects).toBe(1);

  token = 'fresh';
  await client.connect();
  expect((await client.callTool({ name: 'whoami' })).content).toMatchObject([{ text: 'Bearer fresh' }]);
});
