import { createServer } from 'node:http';
import { McpClient, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test, vi } from 'vitest';
import { listenOnLoopback } from '../fixtures/loopback.js';
import { fieldServer, json, refused } from './http-server.js';
import { DONE, INITIALIZED, resultOf } from './mcp-answers.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false };

function fieldsIn(raw: readonly string[], name: string): string[] {
  return raw.filter((_value, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === name);
}

describe('a header field', () => {
  test.each([
    ['content-type', 'Content-Type', 'application/json; charset=utf-8'],
    ['accept', 'ACCEPT', 'application/json, text/event-stream'],
    ['user-agent', 'User-Agent', 'mine/1.0'],
    ['accept-encoding', 'Accept-Encoding', 'identity'],
    ['x-tenant', 'X-Tenant', 'acme'],
  ])('%s that is configured as %s is sent once, as it is configured', async (name, configured, value) => {
    await using server = await fieldServer();
    await using client = new McpClient('field', { url: server.url, headers: { [configured]: value } }, CALM);
    await client.callTool({ name: 'work' });
    for (const { raw } of server.received) expect(fieldsIn(raw, name)).toEqual([value]);
  });

  test.each(['content-type', 'accept', 'user-agent', 'accept-encoding', 'content-length', 'host'])(
    '%s of ours is sent once',
    async (name) => {
      await using server = await fieldServer();
      await using client = new McpClient('field', { url: server.url }, CALM);
      await client.callTool({ name: 'work' });
      for (const { raw } of server.received) expect(fieldsIn(raw, name)).toHaveLength(1);
    },
  );

  test('tells servers who asks, and gateways that want to know let it through', async () => {
    await using server = await fieldServer({
      on: ({ headers }, response) =>
        !/^mcp-fleet\/\d/.test(headers['user-agent'] ?? '') && refused(response, 403, 'who?'),
    });
    await using client = new McpClient('field', { url: server.url }, CALM);
    expect(await client.callTool({ name: 'work' })).toEqual(DONE);
  });
});

describe('the cookie of a load balancer', () => {
  test.each([
    ['LB=0; Path=/; HttpOnly', 'LB=1; Path=/; HttpOnly'],
    ['route="a=b|0"; Secure; SameSite=None', 'route="a=b|1"; Secure; SameSite=None'],
  ])('(%s) leads all requests of a session to one replica', async (...cookies) => {
    const replicas = [new Set<unknown>(), new Set<unknown>()];
    let turn = 0;
    await using server = await fieldServer({
      on({ id, method, headers }, response) {
        const sent = cookies.findIndex((cookie) => headers.cookie?.includes(cookie.split(';')[0] as string));
        const at = sent === -1 ? turn++ % 2 : sent;
        response.setHeader('set-cookie', cookies[at] as string);
        if (method === 'initialize') {
          const session = `session-${turn}-${replicas[at]?.size}`;
          replicas[at]?.add(session);
          return json(response, resultOf(id, INITIALIZED), 200, { 'mcp-session-id': session });
        }
        return !replicas[at]?.has(headers['mcp-session-id']) && refused(response, 404, 'no such session');
      },
    });
    await using client = new McpClient('field', { url: server.url }, CALM);
    for (let call = 0; call < 3; call++) expect(await client.callTool({ name: 'work' })).toEqual(DONE);
    expect(server.count('initialize')).toBe(1);
  });
});

describe('a proxy', () => {
  async function proxy() {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.writeHead(502).end('the proxy refuses');
    });
    server.on('connect', (request, socket) => {
      seen.push(`CONNECT ${request.url}`);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    const loopback = await listenOnLoopback(server);
    return { seen, url: `http://127.0.0.1:${loopback.port}`, [Symbol.asyncDispose]: loopback.close };
  }

  test.each(['HTTP_PROXY', 'http_proxy', 'ALL_PROXY'])('named by %s is used', async (variable) => {
    await using stand = await proxy();
    vi.stubEnv(variable, stand.url);
    await using client = new McpClient('field', { url: 'http://mcp.invalid/mcp' }, CALM);
    await client.connect().catch(() => {});
    expect(stand.seen[0]).toContain('mcp.invalid');
  });

  test('is used by HTTPS servers and WebSockets too', async () => {
    await using stand = await proxy();
    vi.stubEnv('HTTPS_PROXY', stand.url);
    for (const url of ['https://mcp.invalid/mcp', 'wss://mcp.invalid/mcp']) {
      await using client = new McpClient('field', { url }, CALM);
      await client.connect().catch(() => {});
    }
    expect(stand.seen).toEqual(expect.arrayContaining(['CONNECT mcp.invalid:443']));
    expect(stand.seen.length).toBeGreaterThanOrEqual(2);
  });

  test.each<[string, Record<string, string>, ServerDefaults]>([
    ['NO_PROXY names the host', { NO_PROXY: 'localhost,127.0.0.1' }, {}],
    ['NO_PROXY is a star', { NO_PROXY: '*' }, {}],
    ['the option says so', {}, { proxy: false }],
  ])('is passed by where %s', async (_what, variables, settings) => {
    await using stand = await proxy();
    await using server = await fieldServer();
    vi.stubEnv('HTTP_PROXY', stand.url);
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    await using client = new McpClient('field', { url: server.url }, { ...CALM, ...settings });
    expect(await client.callTool({ name: 'work' })).toEqual(DONE);
    expect(stand.seen).toEqual([]);
  });
});
