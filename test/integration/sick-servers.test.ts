import { McpClient, McpFleetError, McpManager, type ServerConfig } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';
import * as odd from '../fixtures/odd-servers.js';
import { stdioServer } from '../fixtures/stdio-servers.js';
import { mcpWebSocketServer } from '../fixtures/web-socket-server.js';

const CONNECT_TIMEOUT_MS = 500;

test('the others answer while one is dead, one hangs, one is a web page and one dies in the handshake', async () => {
  await using well = await mcpHttpServer();
  await using paged = await mcpHttpServer({ pageSize: 2 });
  await using hung = await odd.hungServer();
  await using page = await odd.htmlServer();
  await using manager = new McpManager({
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    servers: {
      hung: { url: hung.url },
      well: { url: well.url },
      dead: { url: await odd.deadUrl() },
      page: { url: page.url },
      paged: { url: paged.url },
      dying: stdioServer('dies'),
    },
  });

  const { tools, failed } = await manager.listTools();
  const count = (server: string) => tools.filter((tool) => tool.server === server).length;
  expect(count('well')).toBe(well.offer.tools.size);
  expect(count('paged')).toBe(paged.offer.tools.size);
  expect(failed.map(({ server, error }) => [server, error.code])).toEqual([
    ['hung', 'TIMEOUT'],
    ['dead', 'CONNECT_FAILED'],
    ['page', 'PROTOCOL_ERROR'],
    ['dying', 'CONNECT_FAILED'],
  ]);
  const messageOf = (name: string) => failed.find(({ server }) => server === name)?.error.message;
  expect(messageOf('hung')).toBe(`Not connected within ${CONNECT_TIMEOUT_MS} ms (connectTimeoutMs)`);
  expect(messageOf('dead')).toContain('ECONNREFUSED');
  expect(messageOf('page')).toContain('text/html');
  expect(messageOf('dying')).toContain('exited with code 3');
  expect(messageOf('dying')).toContain('fatal: license key missing');

  const { contents } = await manager.readResource({ server: 'paged', uri: 'memo://five' });
  expect(contents[0]).toMatchObject({ text: 'Memo five' });
});

describe('what cannot be connected gives a typed error within the connect timeout', () => {
  const cases: [string, () => Promise<{ config: ServerConfig; close?: () => Promise<void> }>, object][] = [
    [
      'a command that does not exist',
      async () => ({ config: { command: 'no-such-command-here' } }),
      { code: 'CONNECT_FAILED', retryable: false },
    ],
    [
      'a working directory that does not exist',
      async () => ({ config: { ...stdioServer('plain'), cwd: '/no/such/directory' } }),
      { code: 'CONNECT_FAILED', retryable: false },
    ],
    [
      'a WebSocket that refuses',
      async () => {
        const server = await mcpWebSocketServer({ refuseWith: 503 });
        return { config: { url: server.url }, close: server.close };
      },
      { code: 'HTTP_ERROR', httpStatus: 503, retryable: true },
    ],
    [
      'a WebSocket that wants a token',
      async () => {
        const server = await mcpWebSocketServer({ authorize: () => false });
        return { config: { url: server.url }, close: server.close };
      },
      { code: 'UNAUTHORIZED', retryable: false },
    ],
    [
      'a WebSocket where nobody listens',
      async () => ({ config: { url: (await odd.deadUrl()).replace('http', 'ws') } }),
      { code: 'CONNECT_FAILED', retryable: true },
    ],
    [
      'a name that does not resolve',
      async () => ({ config: { url: 'http://no-such-host.invalid/mcp' } }),
      { code: 'CONNECT_FAILED', retryable: true },
    ],
    [
      'a server that closes the connection',
      async () => {
        const server = await odd.closingServer();
        return { config: { url: server.url }, close: server.close };
      },
      { code: 'CONNECT_FAILED', retryable: true },
    ],
    [
      'a server in trouble, which says when to come back',
      async () => {
        const server = await odd.statusServer(503, { headers: { 'retry-after': '7' }, body: 'overloaded' });
        return { config: { url: server.url }, close: server.close };
      },
      {
        code: 'HTTP_ERROR',
        httpStatus: 503,
        retryable: true,
        retryAfterMs: 7_000,
        message: expect.stringMatching(/^HTTP 503 from http:.*\/mcp: overloaded$/),
      },
    ],
    [
      'a server that has had enough',
      async () => {
        const server = await odd.statusServer(429, { headers: { 'retry-after': 'soon' } });
        return { config: { url: server.url }, close: server.close };
      },
      { code: 'RATE_LIMITED', httpStatus: 429, retryable: true, retryAfterMs: undefined },
    ],
    [
      'a URL that speaks neither HTTP transport',
      async () => {
        const server = await odd.statusServer(404);
        return { config: { url: server.url }, close: server.close };
      },
      { code: 'HTTP_ERROR', httpStatus: 404, retryable: false },
    ],
    [
      'a custom transport that throws',
      async () => ({
        config: {
          type: 'custom',
          transport: () => {
            throw new Error('boom');
          },
        },
      }),
      { code: 'CONNECT_FAILED' },
    ],
  ];

  test.each(cases)('%s', async (_what, make, expected) => {
    const { config, close } = await make();
    await using client = new McpClient('odd', config, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
    const error = await client.connect().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(McpFleetError);
    // Whatever it was: nothing that a caller wanted to have done was sent.
    expect(error).toMatchObject({ ...expected, server: 'odd', delivery: 'not-sent' });
    expect((error as McpFleetError).cause ?? 'none needed').toBeDefined();
    expect(client.status).toBe((error as McpFleetError).retryable ? 'reconnecting' : 'failed');
    expect(client.lastError).toBe(error);
    expect(client.snapshot().lastError).toMatchObject({ code: (error as McpFleetError).code });
    await client.close();
    await close?.();
  });

  test('a process that never answers is not stopped: it may be starting for the first time', async () => {
    await using client = new McpClient('odd', stdioServer('mute'), { connectTimeoutMs: CONNECT_TIMEOUT_MS });
    await expect(client.connect()).rejects.toMatchObject({ code: 'TIMEOUT', delivery: 'not-sent' });
    expect(client.status).toBe('connecting');
  });
});

test('where only a person can help, calls get the known error at once, and connect() tries again', async () => {
  let open = false;
  await using server = await mcpHttpServer({ authorize: () => open });
  await using client = new McpClient('locked', { url: server.url });
  await expect(client.connect()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  const requests = server.requests.length;
  await expect(client.callTool({ name: 'echo' })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  expect(server.requests).toHaveLength(requests);
  open = true;
  await client.connect();
  expect(client.status).toBe('ready');
});
