import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import { type HttpServerConfig, McpClient, staticToken } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';
import { oddServer } from '../fixtures/odd-servers.js';

const TOKEN = 'canary-token';
const STATUSES = [301, 302, 303, 307, 308];
const FAST = { retry: false, healthCheck: false, connectTimeoutMs: 5_000, callTimeoutMs: 5_000 } as const;

const person: OAuthClientProvider = {
  redirectUrl: 'http://127.0.0.1/callback',
  clientMetadata: { redirect_uris: ['http://127.0.0.1/callback'] },
  clientInformation: () => ({ client_id: 'a' }),
  tokens: () => ({ access_token: TOKEN, token_type: 'Bearer' }),
  saveTokens: () => {},
  redirectToAuthorization: () => {},
  saveCodeVerifier: () => {},
  codeVerifier: () => 'v',
};
const KINDS: Record<string, Partial<HttpServerConfig>> = {
  'a static token': { auth: staticToken(TOKEN) },
  'a token that is kept': {
    auth: { getToken: async () => ({ token: TOKEN, expiresAt: Date.now() + 60_000 }) },
  },
  'the login of a person': { oauth: person },
  'a header': { headers: { authorization: `Bearer ${TOKEN}` } },
};

describe.each(Object.entries(KINDS))('%s', (_kind, credentials) => {
  test.each(STATUSES)('never follows HTTP %i to another host, port, scheme or user', async (status) => {
    const seen: string[] = [];
    await using sink = await oddServer(({ headers, path }, response) => {
      seen.push(`${headers.authorization} ${path}`);
      response.writeHead(202).end();
    });
    const { port } = new URL(sink.url);
    let target = '';
    await using source = await oddServer((_request, response) => {
      response.writeHead(status, { location: target }).end();
    });
    const own = new URL(source.url);
    const targets = [
      sink.url,
      `http://localhost:${port}/mcp`,
      `//localhost:${port}/mcp`,
      `http://127.0.0.2:${port}/mcp`,
      `http://localhost:${own.port}/mcp`,
      `https://127.0.0.1:${own.port}/mcp`,
      `http://user:pass@127.0.0.1:${own.port}/mcp`,
      `http://127.0.0.1:${own.port}@127.0.0.1:${port}/mcp`,
      `\\\\127.0.0.1:${port}\\mcp`,
    ];
    for (target of targets) {
      for (const type of ['http', 'sse'] as const) {
        const client = new McpClient('a', { url: source.url, type, ...FAST, ...credentials });
        await expect(client.connect()).rejects.toMatchObject({ name: expect.stringMatching(/Error$/) });
        await client.close();
      }
    }
    expect(seen).toEqual([]);
    // And where it did go, it was at home.
    expect(source.requests.every(({ headers }) => headers.host === own.host)).toBe(true);
    expect(source.requests.length).toBeGreaterThanOrEqual(2 * targets.length);
  });

  test.each(STATUSES)('is not sent again by a tool call that meets HTTP %i', async (status) => {
    const seen: unknown[] = [];
    await using sink = await oddServer(({ headers }, response) => {
      seen.push(headers.authorization);
      response.writeHead(202).end();
    });
    await using server = await mcpHttpServer();
    const fetch: NonNullable<HttpServerConfig['fetch']> = async (url, init) => {
      const moved = String(init?.body).includes('"tools/call"');
      if (moved) return new Response(null, { status, headers: { location: sink.url } });
      return globalThis.fetch(url, init);
    };
    await using client = new McpClient('a', { url: server.url, ...FAST, ...credentials, fetch });
    await expect(client.callTool({ name: 'echo' })).rejects.toMatchObject({ code: expect.any(String) });
    expect(seen).toEqual([]);
    expect(server.offer.calls).toEqual([]);
  });
});
