import { AsyncLocalStorage } from 'node:async_hooks';
import { McpClient, type TokenProvider, tokenExchange } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { startAuthorizationServer } from '../fixtures/authorization-server.js';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';

const caller = new AsyncLocalStorage<string>();
const USERS = ['ada', 'grace', 'linus', 'mallory'];
const PATIENT = { healthCheck: false } as const;

/** Calls side by side, of all users in turn; each says on whose behalf it is. */
function callsOfAll(client: McpClient, count: number) {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const user = USERS[index % USERS.length] as string;
      const result = await caller.run(user, () => client.callTool({ name: 'whoami', arguments: {} }));
      const [content] = result.content as { text: string }[];
      return { user, authorization: content?.text };
    }),
  );
}

describe('users behind one client', () => {
  test('each call goes out with the token of its user: queued, refused and renewed', async () => {
    await using server = await mcpHttpServer({
      // The first token of each user has been revoked already.
      authorize: (token = '') => token === 'nobody-1' || !token.endsWith('-1'),
    });
    const issued = new Map<string, number>();
    const auth: TokenProvider = {
      key: async () => {
        await Promise.resolve();
        return caller.getStore();
      },
      async getToken({ key = 'nobody' }) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        const count = (issued.get(key) ?? 0) + 1;
        issued.set(key, count);
        return { token: `${key}-${count}`, expiresAt: Date.now() + 60_000 };
      },
    };
    await using client = new McpClient('a', { url: server.url, auth, maxConcurrency: 3, ...PATIENT });
    await client.connect();
    for (const { user, authorization } of await callsOfAll(client, 40))
      expect(authorization).toBe(`Bearer ${user}-2`);
    // What the server saw of each call that ran, too.
    expect(server.requests.filter(({ authorization }) => authorization === undefined)).toEqual([]);
    expect(Object.fromEntries(issued)).toEqual({ nobody: 1, ada: 2, grace: 2, linus: 2, mallory: 2 });
  });

  test('a service exchanges the token of each caller, once, with a real authorization server', async () => {
    await using issuer = await startAuthorizationServer();
    for (const user of USERS) issuer.trustSubject(`session-of-${user}`, user);
    issuer.trustSubject('session-of-gateway', 'gateway');
    const behalf: string[] = [];
    const server = await mcpHttpServer({
      authorize: async (token = '', { rpcMethod }) => {
        const found = await issuer.verify(token);
        if (rpcMethod === 'tools/call') behalf.push(String(found?.onBehalfOf));
        return found?.audience === (await url);
      },
    });
    const url = Promise.resolve(server.url);
    await using _server = server;
    const auth = tokenExchange({
      ...issuer.clients.post,
      issuer: issuer.issuer,
      subjectToken: () => `session-of-${caller.getStore() ?? 'gateway'}`,
    });
    await using client = new McpClient('a', { url: server.url, auth, ...PATIENT });
    await client.connect();
    await client.listTools();
    await callsOfAll(client, 40);
    expect(
      Object.fromEntries(USERS.map((user) => [user, behalf.filter((one) => one === user).length])),
    ).toEqual({
      ada: 10,
      grace: 10,
      linus: 10,
      mallory: 10,
    });
    expect(issuer.tokenRequests).toBe(USERS.length + 1);

    const stranger = caller.run('stranger', () => client.callTool({ name: 'whoami' }));
    await expect(stranger).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
      retryable: false,
      message: expect.not.stringContaining('session-of-stranger'),
    });
  });
});
