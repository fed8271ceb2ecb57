import { McpClient, McpManager } from 'mcp-fleet';
import { expect, test, vi } from 'vitest';
import { stdioProgram, webSocketProgram } from '../servers/connections.js';
import { type HttpProgram, httpProgram } from '../servers/http.js';
import { NOTE } from '../servers/program.js';

/** Idle connections are closed at once, so that those that are left are in use. */
const BRIEF = { keepAliveMs: 50 };
const patiently = { timeout: 10_000 };

function connections(server: HttpProgram, open: number): Promise<void> {
  return vi.waitFor(() => expect(server.openConnections).toBe(open), patiently);
}

test('a server of 2026-07-28 whose lists nobody has read holds no connection', async () => {
  await using server = await httpProgram('newer', BRIEF);
  await using client = new McpClient('a', { url: server.url });
  await client.connect();
  await client.ping();
  await client.getPrompt('greet', { color: 'blue' });
  await client.readResource(NOTE);
  await connections(server, 0);
  expect(server.openResponses).toBe(0);
  expect(server.count('subscriptions/listen')).toBe(0);
  const statuses: string[] = [];
  client.on('status', ({ status }) => statuses.push(status));
  expect((await client.readResource(NOTE)).contents).toMatchObject([{ text: 'The first note' }]);
  expect([client.status, statuses]).toEqual(['ready', []]);
});

test('nor do a hundred clients that are connected, and nothing else', async () => {
  await using server = await httpProgram('newer', BRIEF);
  const servers = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`s${n}`, { url: server.url }]));
  await using manager = new McpManager({ servers });
  expect((await manager.connect()).failed).toEqual([]);
  await connections(server, 0);
  expect(manager.snapshot().status).toBe('ready');
});

test('what is wanted of it is one connection, however much it is, and none when nothing is wanted any more', async () => {
  await using server = await httpProgram('newer', BRIEF);
  const client = new McpClient('a', { url: server.url });
  await Promise.all([
    client.listTools(),
    client.listResources(),
    client.listResourceTemplates(),
    client.listPrompts(),
    client.subscribeResource(NOTE),
  ]);
  await vi.waitFor(() => expect(server.openResponses).toBe(1), patiently);
  await connections(server, 1);
  await client.close();
  await connections(server, 0);
  expect(server.openResponses).toBe(0);
});

test('a subscription that ends leaves no connection where no list was read', async () => {
  await using server = await httpProgram('newer', BRIEF);
  await using client = new McpClient('a', { url: server.url });
  await client.subscribeResource(NOTE);
  await connections(server, 1);
  await client.unsubscribeResource(NOTE);
  await connections(server, 0);
  expect(client.status).toBe('ready');
});

test('processes of either revision end with their client', async () => {
  const processes = () => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;
  const before = processes();
  const manager = new McpManager({ servers: { older: stdioProgram('older'), newer: stdioProgram('newer') } });
  await manager.connect();
  await manager.listTools();
  await manager.subscribeResource({ server: 'newer', uri: NOTE });
  expect(processes()).toBe(before + 2);
  await manager.close();
  await vi.waitFor(() => expect(processes()).toBe(before));
});

test('a server that speaks both is met with the handshake, and works without sessions and notifications', async () => {
  await using server = await httpProgram('both');
  await using client = new McpClient('a', { url: server.url });
  await client.connect();
  expect(client.protocolVersion).toBe('2025-11-25');
  expect((await client.listTools()).map(({ name }) => name)).toContain('echo');
  const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
  expect(content).toEqual([{ type: 'text', text: 'hi' }]);
  expect((await client.readResource(NOTE)).contents).toMatchObject([{ text: 'The first note' }]);
  expect(server.count('server/discover')).toBe(0);
  expect(server.requests.filter(({ headers }) => headers['mcp-session-id'] !== undefined)).toEqual([]);
});

test.each(['http', 'stdio', 'ws'] as const)(
  'a revision that is pinned and not spoken is named, over %s',
  async (transport) => {
    for (const [speaks, protocol, words] of [
      [
        'older',
        '2026-07-28',
        'The server does not answer as one of 2026-07-28, which the option protocol pins',
      ],
      [
        'newer',
        '2025-11-25',
        'The server speaks 2026-07-28 of the revisions of MCP; this client speaks 2025-',
      ],
    ] as const) {
      const over = {
        http: async () => {
          const server = await httpProgram(speaks);
          return { config: { url: server.url }, close: server.close };
        },
        stdio: async () => ({ config: stdioProgram(speaks), close: async () => {} }),
        ws: async () => {
          const server = await webSocketProgram(speaks);
          return { config: { url: server.url }, close: server.close };
        },
      };
      const { config, close } = await over[transport]();
      await using client = new McpClient('a', { ...config, protocol });
      await expect(client.connect()).rejects.toMatchObject({
        code: 'PROTOCOL_ERROR',
        message: expect.stringContaining(words),
      });
      expect(client.status).toBe('failed');
      await client.close();
      await close();
    }
  },
);
