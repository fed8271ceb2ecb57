import { McpClient, OutcomeUnknownError, type TokenProvider } from 'mcp-fleet';
import { fakeTokens } from 'mcp-fleet/testing';
import { expect, test, vi } from 'vitest';
import { mcpWebSocketServer } from '../fixtures/web-socket-server.js';

test('a WebSocket server is recognised by its URL, gets the headers, and works', async () => {
  await using server = await mcpWebSocketServer();
  await using client = new McpClient('socket', { url: server.url, headers: { 'x-team': 'blue' } });
  const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
  expect(content).toEqual([{ type: 'text', text: 'hi' }]);
  expect(client.snapshot()).toMatchObject({ transport: 'ws', status: 'ready' });
  expect(server.upgrades[0]).toMatchObject({ 'x-team': 'blue', 'sec-websocket-protocol': 'mcp' });
  const steps: number[] = [];
  await client.callTool({ name: 'progress' }, { onProgress: ({ progress }) => steps.push(progress) });
  expect(steps).toEqual([1, 2, 3]);
});

test('the token goes into the handshake; one that is refused is replaced once', async () => {
  await using server = await mcpWebSocketServer({ authorize: (token) => token === 'second' });
  const auth = fakeTokens('first', 'second');
  await using client = new McpClient('socket', { url: server.url, auth });
  await client.connect();
  expect(server.upgrades.map(({ authorization }) => authorization)).toEqual([
    'Bearer first',
    'Bearer second',
  ]);
  expect(auth.contexts.map(({ reason }) => reason)).toEqual(['initial', 'rejected']);
});

test('a connection that breaks leaves the fate of a call unknown, and another one is made', async () => {
  await using server = await mcpWebSocketServer();
  await using client = new McpClient('socket', { url: server.url });
  await client.listTools();
  const waiting = client.callTool({ name: 'wait' });
  const outcome = expect(waiting).rejects.toBeInstanceOf(OutcomeUnknownError);
  await vi.waitFor(() => expect(server.offer.calls).toHaveLength(1));
  server.dropConnections();
  await outcome;
  await expect(client.ping()).resolves.toBeGreaterThan(0);
  expect(server.offer.calls).toHaveLength(1);
});

test('closing closes the socket', async () => {
  await using server = await mcpWebSocketServer();
  const client = new McpClient('socket', { url: server.url });
  await client.connect();
  expect(server.openConnections).toBe(1);
  await client.close();
  await vi.waitFor(() => expect(server.openConnections).toBe(0));
});

test('a message larger than allowed ends the connection with a typed error', async () => {
  await using server = await mcpWebSocketServer();
  await using client = new McpClient('socket', { url: server.url, maxResponseBytes: 10_000 });
  const error = await client
    .callTool({ name: 'echo', arguments: { text: 'x'.repeat(20_000) } })
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  expect((error as Error).message).toContain('maxResponseBytes');
});

test('each identity has a handshake with a token of its own, plain strings too', async () => {
  await using server = await mcpWebSocketServer();
  const auth: TokenProvider = { getToken: async ({ identity }) => `token-of-${identity?.key}` };
  await using client = new McpClient('socket', { url: server.url, auth });
  await Promise.all(
    ['ada', 'grace', 'ada'].map((key) =>
      client.callTool({ name: 'echo', arguments: { text: key } }, { identity: key }),
    ),
  );
  const tokens = server.upgrades.map(({ authorization }) => authorization);
  expect(tokens.sort()).toEqual(['Bearer token-of-ada', 'Bearer token-of-grace']);
  expect(server.openConnections).toBe(2);
});
