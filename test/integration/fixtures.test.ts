import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';
import {
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { everythingServer, everythingStdio } from '../fixtures/everything-server.js';
import { filesystemServer } from '../fixtures/filesystem-server.js';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';
import * as odd from '../fixtures/odd-servers.js';
import { sseServer } from '../fixtures/sse-server.js';
import { offeredTool, textResult } from '../fixtures/standard-tools.js';
import { isAlive, type StdioCommand, type StdioScript, stdioServer } from '../fixtures/stdio-servers.js';
import { mcpWebSocketServer } from '../fixtures/web-socket-server.js';

describe('the HTTP server', () => {
  test('pages its lists', async () => {
    await using server = await mcpHttpServer({ pageSize: 2 });
    await using client = await connect(http(server.url));
    const first = await client.listTools();
    expect(first).toMatchObject({ tools: [{ name: 'echo' }, { name: 'whoami' }], nextCursor: '2' });
    expect(await client.listResourceTemplates({ cursor: '2' })).toMatchObject({
      resourceTemplates: [{ name: 'archive' }],
    });
    expect((await client.listPrompts({ cursor: '2' })).nextCursor).toBeUndefined();
  });

  test('asks the client, reports progress, completes and notes what was cancelled', async () => {
    await using server = await mcpHttpServer();
    await using client = await connect(http(server.url));
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept', content: { name: 'Ada' } }));
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///a' }] }));
    expect(JSON.parse(await call(client, 'ask'))).toEqual({ action: 'accept', content: { name: 'Ada' } });
    expect(JSON.parse(await call(client, 'roots'))).toEqual({ roots: [{ uri: 'file:///a' }] });

    const onprogress = vi.fn();
    await client.callTool({ name: 'progress', arguments: { steps: 2 } }, undefined, { onprogress });
    expect(onprogress).toHaveBeenCalledTimes(2);

    const ref = { type: 'ref/prompt', name: 'paint' } as const;
    const { completion } = await client.complete({ ref, argument: { name: 'color', value: 'a' } });
    expect(completion.values).toEqual(['amber', 'azure']);

    const controller = new AbortController();
    const waiting = client.callTool({ name: 'wait' }, undefined, { signal: controller.signal });
    await vi.waitFor(() => expect(server.offer.calls.at(-1)?.tool).toBe('wait'));
    controller.abort();
    await expect(waiting).rejects.toThrow();
    await vi.waitFor(() => expect(server.offer.cancelled).toEqual(['wait']));
  });

  test('tells of changes', async () => {
    await using server = await mcpHttpServer();
    await using client = await connect(http(server.url));
    const heard: unknown[] = [];
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard.push('tools'));
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) => void heard.push(n.params.uri));
    client.setNotificationHandler(LoggingMessageNotificationSchema, (n) => void heard.push(n.params.data));
    await client.subscribeResource({ uri: 'memo://one' });
    await vi.waitFor(() => expect(server.requests.map(({ method }) => method)).toContain('GET'));
    await server.offer.updateResource('memo://one');
    await server.offer.updateResource('memo://two');
    await server.offer.addTool(offeredTool('late', () => textResult('late')));
    await server.offer.log({ level: 'info', data: 'hello' });
    await vi.waitFor(() => expect(heard).toEqual(['memo://one', 'tools', 'hello']));
    expect(server.offer.subscriptions).toEqual(['memo://one']);
  });

  test('lets in who may come, and points others to the authorization server', async () => {
    await using server = await mcpHttpServer({
      authorize: (token) => token === 'good' || (token === 'weak' && { lacksScope: 'write' }),
      authorizationServers: ['https://issuer.test'],
    });
    const none = await fetch(server.url, { method: 'POST' });
    const metadata = `${server.origin}/.well-known/oauth-protected-resource/mcp`;
    expect(none.status).toBe(401);
    expect(none.headers.get('www-authenticate')).toContain(`resource_metadata="${metadata}"`);
    expect(await (await fetch(metadata)).json()).toMatchObject({ resource: server.url });
    const weak = await fetch(server.url, { method: 'POST', headers: { authorization: 'Bearer weak' } });
    expect(weak.status).toBe(403);
    expect(weak.headers.get('www-authenticate')).toContain('error="insufficient_scope", scope="write"');
    await using client = await connect(http(server.url, { authorization: 'Bearer good' }));
    expect(await call(client, 'whoami')).toBe('Bearer good');
    expect(server.requests.at(-1)).toMatchObject({ rpcMethod: 'tools/call', authorization: 'Bearer good' });
  });

  test('forgets its sessions when restarted', async () => {
    await using server = await mcpHttpServer({ json: true });
    await using client = await connect(http(server.url));
    expect(server.sessions).toHaveLength(1);
    server.restart();
    expect(server.sessions).toEqual([]);
    await expect(call(client, 'echo')).rejects.toMatchObject({ code: 404 });
  });

  test('resumes the stream of a request', async () => {
    await using server = await mcpHttpServer({ resumable: true });
    await using client = await connect(http(server.url));
    expect(await call(client, 'detach', { ms: 50 })).toBe('attached again');
    expect(server.requests.filter(({ headers }) => headers['last-event-id'] !== undefined)).toHaveLength(1);
    expect(server.offer.calls).toHaveLength(1);
  });
});

test('the SSE server speaks the older transport only', async () => {
  await using server = await sseServer({ postStatus: 404 });
  expect((await fetch(server.url, { method: 'POST' })).status).toBe(404);
  await using client = await connect(new SSEClientTransport(new URL(server.url)));
  expect(await call(client, 'echo', { text: 'hi' })).toBe('hi');
});

test('the WebSocket server works, and refuses at the upgrade', async () => {
  vi.stubGlobal('WebSocket', WebSocket);
  await using server = await mcpWebSocketServer();
  await using client = await connect(new WebSocketClientTransport(new URL(server.url)));
  expect(await call(client, 'echo', { text: 'hi' })).toBe('hi');

  for (const [options, status] of [
    [{ authorize: () => false }, 401],
    [{ refuseWith: 503 }, 503],
  ] as const) {
    await using refusing = await mcpWebSocketServer(options);
    const socket = new WebSocket(refusing.url, 'mcp');
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(status);
    response.resume();
  }
});

test('the odd servers are odd', async () => {
  await using html = await odd.htmlServer();
  expect(await (await fetch(html.url)).text()).toContain('<title>');
  await using closing = await odd.closingServer();
  await expect(fetch(closing.url, { method: 'POST', body: 'x' })).rejects.toThrow();
  expect(closing.requests).toMatchObject([{ method: 'POST', path: '/mcp', body: 'x' }]);
  await using sink = await odd.sinkServer();
  await using redirecting = await odd.redirectingServer(sink.url);
  await fetch(redirecting.url);
  expect(sink.requests).toHaveLength(1);
  await using hung = await odd.hungServer();
  await expect(fetch(hung.url, { signal: AbortSignal.timeout(100) })).rejects.toThrow();
  await expect(fetch(await odd.deadUrl())).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});

describe('the stdio scripts', () => {
  test.each<StdioScript>(['plain', 'banner', 'stubborn', 'grandchild'])('%s works', async (script) => {
    await using client = await connect(stdio(stdioServer(script)));
    const pid = Number(await call(client, 'pid'));
    expect(isAlive(pid)).toBe(true);
    if (script === 'grandchild') process.kill(Number(await call(client, 'grandchild')));
    if (script === 'stubborn') process.kill(pid, 'SIGKILL');
  });

  test.each<StdioScript>(['dies', 'mute'])('%s never gets through the handshake', async (script) => {
    const client = new Client({ name: 'test', version: '1.0.0' });
    const handshake = client.connect(stdio(stdioServer(script)), { timeout: 1_000 });
    await expect(handshake).rejects.toThrow(script === 'dies' ? 'closed' : 'timed out');
    await client.close();
  });
});

describe('server-everything', () => {
  test.each(['streamableHttp', 'sse'] as const)('runs over %s and comes back on its port', async (kind) => {
    await using server = await everythingServer(kind);
    const transport = () => (kind === 'sse' ? new SSEClientTransport(new URL(server.url)) : http(server.url));
    await using client = await connect(transport());
    expect(await call(client, 'echo', { message: 'hi' })).toBe('Echo: hi');
    const first = server.process;
    await server.restart();
    expect(first.signalCode).toBe('SIGKILL');
    await using again = await connect(transport());
    expect(await call(again, 'echo', { message: 'again' })).toBe('Echo: again');
    await server.close();
    expect(server.process.signalCode).toBe('SIGTERM');
  });

  test('runs over stdio', async () => {
    await using client = await connect(stdio(everythingStdio));
    expect(await call(client, 'echo', { message: 'hi' })).toBe('Echo: hi');
  });
});

test('server-filesystem reads the files of its folder', async () => {
  await using server = await filesystemServer();
  await using client = await connect(stdio(server));
  expect(await call(client, 'read_text_file', { path: `${server.directory}/notes.txt` })).toContain('42');
});

type SdkTransport = Parameters<Client['connect']>[0];

async function connect(transport: object): Promise<Client & AsyncDisposable> {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { capabilities: { elicitation: {}, roots: {} } },
  );
  // The SDK's transports do not satisfy its own interface under exactOptionalPropertyTypes.
  await client.connect(transport as SdkTransport);
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

function http(url: string, headers: Record<string, string> = {}): StreamableHTTPClientTransport {
  return new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
}

function stdio({ command, args }: StdioCommand): StdioClientTransport {
  return new StdioClientTransport({ command, args, stderr: 'ignore' });
}

/** The text that a tool answers. */
async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
  const { content } = await client.callTool({ name, arguments: args });
  return (content as { text: string }[])[0]?.text ?? '';
}
