import { McpClient, type ServerConfig } from 'mcp-fleet';
import { describe, expect, test, vi } from 'vitest';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';
import { type ModernServer, modernHttpServer } from '../fixtures/modern-server.js';

const text = (words: string) => [{ type: 'text', text: words }];

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
