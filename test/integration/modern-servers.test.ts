import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { McpClient, McpManager, type ServerConfig, type ServerDefaults } from 'mcp-fleet';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';
import { type ModernServer, modernHttpServer } from '../fixtures/modern-server.js';
// @ts-expect-error It is a program, too.
import { modernServer } from '../fixtures/stdio/modern-offer.mjs';
import { stdioServer } from '../fixtures/stdio-servers.js';
import { type McpWebSocketServer, mcpWebSocketServer } from '../fixtures/web-socket-server.js';

const handlers: ServerDefaults['handlers'] = {
  elicitation: async ({ message }) =>
    message === 'Who?' ? { action: 'accept', content: { name: 'Ann' } } : { action: 'accept', content: {} },
};
const text = (words: string) => [{ type: 'text', text: words }];

describe('a real server', () => {
  let http: ModernServer;
  let dual: ModernServer;
  let sockets: McpWebSocketServer;
  let manager: McpManager;

  beforeAll(async () => {
    [http, dual] = await Promise.all([modernHttpServer(), modernHttpServer({ isDual: true })]);
    sockets = await mcpWebSocketServer({
      serve: (transport) =>
        serveStdio(() => modernServer(), { legacy: 'reject', transport: transport as never }),
    });
    manager = new McpManager({
      servers: {
        http: { url: http.url },
        stdio: stdioServer('modern'),
        ws: { url: sockets.url },
        pinned: { url: dual.url, protocol: '2026-07-28' },
      },
      handlers,
    });
    expect(await manager.connect()).toEqual({ ready: ['http', 'stdio', 'ws', 'pinned'], failed: [] });
  });

  afterAll(async () => {
    await manager.close();
    await Promise.all([http.close(), dual.close(), sockets.close()]);
  });

  describe.each(['http', 'stdio', 'ws', 'pinned'])('of 2026-07-28 (%s)', (server) => {
    const run = (name: string, args: object = {}, options = {}) =>
      manager.callTool({ server, name, arguments: args as Record<string, unknown> }, options);

    test('says who it is', () => {
      const client = manager.client(server);
      expect(client.snapshot()).toMatchObject({ status: 'ready', protocolVersion: '2026-07-28' });
      expect(client.serverInfo).toMatchObject({ name: 'modern', title: 'Modern' });
      expect(client.instructions).toBe('Be kind.');
    });

    test('lists its tools with all that they say', async () => {
      const { tools, failed } = await manager.listTools({ server });
      expect(failed).toEqual([]);
      expect(tools.find(({ toolName }) => toolName === 'echo')).toMatchObject({
        name: `${server}__echo`,
        title: 'Echo',
        annotations: { readOnlyHint: true, title: 'Echo' },
        icons: [{ mimeType: 'image/png' }],
        _meta: { team: 'a' },
      });
    });

    test('answers calls as older ones do', async () => {
      const plain = await run('echo', { text: 'hi' });
      expect(plain.content).toEqual(text('hi'));
      expect(plain).not.toHaveProperty('resultType');
      expect((await run('place', { region: 'Zürich' })).content).toEqual(text('in Zürich'));
      expect(await run('sum', { a: 3 })).toMatchObject({ structuredContent: { total: 3 } });
      expect(await run('fails')).toMatchObject({ isError: true, content: text('No') });
    });

    test('gets what it asks for, twice within one call', async () => {
      expect((await run('asks')).content).toEqual(text('Ann é\u2028in Bern'));
    });

    test('tells progress, and logs what was asked for', async () => {
      const logged: unknown[] = [];
      const off = manager.client(server).on('log', ({ level, data }) => logged.push([level, data]));
      const progress: unknown[] = [];
      await run('steps', {}, { onProgress: (each: object) => progress.push(each) });
      expect(progress).toMatchObject([
        { progress: 1, total: 2, message: 'step 1' },
        { progress: 2, total: 2, message: 'step 2' },
      ]);
      expect(logged).toEqual([]);
      await manager.client(server).setLogLevel('info');
      await run('steps');
      expect(logged).toEqual([['warning', 'two steps done']]);
      off();
    });

    test('reads, prompts and pings', async () => {
      const { resources } = await manager.listResources({ server });
      expect(resources).toMatchObject([{ uri: 'file:///note', title: 'Note' }]);
      expect((await manager.readResource({ server, uri: 'file:///note' })).contents).toMatchObject([
        { text: 'N' },
      ]);
      expect(await manager.listResourceTemplates({ server })).toMatchObject({
        resourceTemplates: [],
        failed: [],
      });
      const { prompts } = await manager.listPrompts({ server });
      expect(prompts.map(({ name }) => name)).toEqual(['greet']);
      expect((await manager.getPrompt({ server, name: 'greet' })).messages).toHaveLength(1);
      expect(await manager.client(server).ping()).toBeGreaterThan(0);
    });

    test('learns that a call is not waited for any more', async () => {
      const leave = new AbortController();
      const call = run('slow', {}, { signal: leave.signal });
      setTimeout(() => leave.abort('enough'), 100);
      await expect(call).rejects.toBe('enough');
      expect((await run('echo', { text: 'still here' })).content).toEqual(text('still here'));
      const stops = { http, pinned: dual }[server];
      if (stops !== undefined) await vi.waitFor(() => expect(stops.stopped).toBe(1));
    });
  });

  test('of 2026-07-28 gets the header fields of the specification', () => {
    const calls = http.requests.filter(({ method }) => method === 'tools/call');
    const place = calls.find(({ headers }) => headers['mcp-name'] === 'place');
    expect(place?.headers).toMatchObject({
      'mcp-method': 'tools/call',
      'mcp-protocol-version': '2026-07-28',
      'mcp-param-region': '=?base64?WsO8cmljaA==?=',
    });
    expect(http.requests.map(({ headers }) => headers['mcp-session-id'])).toEqual(
      http.requests.map(() => undefined),
    );
  });
});

describe('changes at a server of 2026-07-28', () => {
  test('are told to those who have read the list, and what they know is read again', async () => {
    await using server = await modernHttpServer();
    await using client = new McpClient('a', { url: server.url });
    const changed = vi.fn();
    client.on('catalog', changed);
    await client.connect();
    server.notify.toolsChanged();
    await client.listTools();
    await listening(server);
    // The server said that the list does not hold, before it promised to tell of changes.
    await client.listTools();
    const before = count(server, 'tools/list');
    await client.listTools();
    expect(count(server, 'tools/list')).toBe(before);
    server.notify.toolsChanged();
    await vi.waitFor(() => expect(count(server, 'tools/list')).toBe(before + 1));
  });

  test('of a resource are told to those who have subscribed, also after a break', async () => {
    await using server = await modernHttpServer();
    await using client = new McpClient('a', { url: server.url });
    const updates: string[] = [];
    client.on('resource', ({ uri }) => updates.push(uri));
    await client.subscribeResource('file:///note');
    server.notify.resourceUpdated('file:///note');
    await vi.waitFor(() => expect(updates).toEqual(['file:///note']));
    server.dropConnections();
    // What may have been missed meanwhile counts as changed.
    await vi.waitFor(() => expect(updates).toHaveLength(2), { timeout: 5_000 });
    server.notify.resourceUpdated('file:///note');
    await vi.waitFor(() => expect(updates).toHaveLength(3));
    await client.unsubscribeResource('file:///note');
    await vi.waitFor(() => expect(client.status).toBe('ready'));
  });

  test('are not listened for where nobody has read anything', async () => {
    await using server = await modernHttpServer();
    await using client = new McpClient('a', { url: server.url });
    await client.connect();
    await client.ping();
    expect(count(server, 'subscriptions/listen')).toBe(0);
  });
});

describe('how long things hold', () => {
  const reads = (server: ModernServer) => count(server, 'resources/read');

  test('is what the server says, up to what is configured', async () => {
    const hint = { ttlMs: 60_000, cacheScope: 'public' };
    await using server = await modernHttpServer({ cacheHints: { 'resources/read': hint } });
    await using client = new McpClient('a', { url: server.url });
    const first = await client.readResource('file:///note');
    expect(await client.readResource('file:///note')).toEqual(first);
    expect(reads(server)).toBe(1);
    await using never = new McpClient('b', { url: server.url, cache: { resourceTtlMs: 0 } });
    await never.readResource('file:///note');
    await never.readResource('file:///note');
    expect(reads(server)).toBe(3);
  });

  test('is nothing where the server says 0', async () => {
    await using server = await modernHttpServer();
    await using client = new McpClient('a', { url: server.url, cache: { resourceTtlMs: 60_000 } });
    await client.readResource('file:///note');
    await client.readResource('file:///note');
    expect(reads(server)).toBe(2);
  });

  test('ends with an update', async () => {
    const hint = { ttlMs: 60_000, cacheScope: 'public' };
    await using server = await modernHttpServer({ cacheHints: { 'resources/read': hint } });
    await using client = new McpClient('a', { url: server.url });
    await client.subscribeResource('file:///note');
    await client.readResource('file:///note');
    const updated = client.once('resource');
    server.notify.resourceUpdated('file:///note');
    await updated;
    await client.readResource('file:///note');
    expect(reads(server)).toBe(2);
  });

  test('does not make calls read the list again', async () => {
    await using server = await modernHttpServer();
    await using client = new McpClient('a', { url: server.url });
    for (let n = 0; n < 5; n++) await client.callTool({ name: 'echo', arguments: { text: 'x' } });
    expect(count(server, 'tools/list')).toBe(1);
  });
});

describe('a server that is replaced', () => {
  const call = (client: McpClient) => client.callTool({ name: 'echo', arguments: { text: 'hi' } });
  const config = (url: string): ServerConfig => ({ url, callTimeoutMs: 20_000 });

  test('by itself between two calls is not noticed', async () => {
    let server = await modernHttpServer();
    await using client = new McpClient('a', config(server.url));
    await call(client);
    const statuses: string[] = [];
    client.on('status', ({ status }) => statuses.push(status));
    await server.close();
    server = await modernHttpServer({ port: server.port });
    expect((await call(client)).content).toEqual(text('hi'));
    expect(statuses).toEqual([]);
    await server.close();
  });

  test('while 50 calls run loses none of them', async () => {
    let server = await modernHttpServer();
    await using client = new McpClient('a', config(server.url));
    await call(client);
    await server.close();
    const calls = Array.from({ length: 50 }, () => call(client));
    server = await modernHttpServer({ port: server.port });
    for (const { content } of await Promise.all(calls)) expect(content).toEqual(text('hi'));
    await server.close();
  });

  test.each(['older', 'newer'] as const)(
    'by one of the other kind (%s first) loses no call',
    async (first) => {
      const older = (port?: number) => mcpHttpServer(port === undefined ? {} : { port });
      const newer = (port?: number) => modernHttpServer(port === undefined ? {} : { port });
      let server = await (first === 'older' ? older() : newer());
      const port = Number(new URL(server.url).port);
      await using client = new McpClient('a', config(server.url));
      await call(client);
      const before = client.protocolVersion;
      await server.close();
      server = await (first === 'older' ? newer(port) : older(port));
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => call(client)));
      expect(outcomes.map(({ isError }) => isError ?? false)).toEqual(outcomes.map(() => false));
      expect([before, client.protocolVersion].sort()).toEqual(['2025-11-25', '2026-07-28']);
      // And back.
      await server.close();
      server = await (first === 'older' ? older(port) : newer(port));
      await call(client);
      expect(client.protocolVersion).toBe(before);
      await server.close();
    },
  );
});

function count({ requests }: ModernServer, method: string): number {
  return requests.filter((request) => request.method === method).length;
}

function listening(server: ModernServer): Promise<void> {
  return vi.waitFor(() => expect(count(server, 'subscriptions/listen')).toBeGreaterThan(0));
}
