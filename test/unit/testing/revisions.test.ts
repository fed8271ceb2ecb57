import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpClient } from 'mcp-fleet';
import { type FakeServerOptions, fakeServer, fakeTokens } from 'mcp-fleet/testing';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { offering, rejection, text, textOf } from '../client/fakes.js';

const FORM = {
  message: 'Who?',
  requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } },
};
const MODERN = { protocol: '2026-07-28' } as const;

/** Tools that do what tools do, in whatever revision. */
function everyKind(server: McpServer): void {
  server.registerTool('add', { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) =>
    text(`${a + b}`),
  );
  server.registerTool('ask', {}, async ({ requestId }) => {
    const asked = await server.server.elicitInput(FORM, { relatedRequestId: requestId });
    const model = await server.server.createMessage(
      { messages: [], maxTokens: 1 },
      { relatedRequestId: requestId },
    );
    return text(`${asked.content?.name} and ${(model.content as { text: string }).text}`);
  });
  server.registerTool('steps', {}, async ({ _meta, sendNotification, sessionId }) => {
    const progressToken = _meta?.progressToken;
    if (progressToken !== undefined)
      await sendNotification({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
    await server.sendLoggingMessage({ level: 'warning', data: 'done' }, sessionId);
    return text('done');
  });
  server.registerTool('slow', {}, async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    stopped();
    return text('stopped');
  });
  server.registerResource('note', 'file:///note', {}, () => ({
    contents: [{ uri: 'file:///note', text: 'N' }],
  }));
  server.registerPrompt('greet', {}, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'Hello' } }],
  }));
  server.server.registerCapabilities({ resources: { subscribe: true } });
}
const stopped = vi.fn();

const handlers = {
  elicitation: async () => ({ action: 'accept' as const, content: { name: 'Ann' } }),
  sampling: async () => ({
    model: 'm',
    role: 'assistant' as const,
    content: { type: 'text' as const, text: 'Bob' },
  }),
};

describe.each<[string, FakeServerOptions, string]>([
  ['the older revisions', { protocol: '2025-11-25' }, '2025-11-25'],
  ['2026-07-28', MODERN, '2026-07-28'],
])('a fake server of %s', (_name, options, revision) => {
  test('does what tools do', async () => {
    await using fake = fakeServer(everyKind, options);
    await using client = new McpClient('a', { ...fake.config, handlers });
    expect((await client.listTools()).map(({ name }) => name)).toEqual(['add', 'ask', 'steps', 'slow']);
    expect(client.protocolVersion).toBe(revision);
    expect(client.serverInfo?.name).toBe('fake-server');
    expect(textOf(await client.callTool({ name: 'add', arguments: { a: 1, b: 2 } }))).toBe('3');
    expect(textOf(await client.callTool({ name: 'ask' }))).toBe('Ann and Bob');
    expect((await client.readResource('file:///note')).contents).toMatchObject([{ text: 'N' }]);
    expect((await client.getPrompt('greet')).messages).toHaveLength(1);
    await client.ping();
    // However often it was sent, it ran once.
    expect(fake.calls.map(({ tool }) => tool)).toEqual(['add', 'ask']);
  });

  test('tells progress, and logs at the level that was asked for', async () => {
    await using fake = fakeServer(everyKind, options);
    await using client = new McpClient('a', fake.config);
    const logged = vi.fn();
    client.on('log', ({ level }) => logged(level));
    await client.setLogLevel('error');
    const onProgress = vi.fn();
    await client.callTool({ name: 'steps' }, { onProgress });
    expect(onProgress).toHaveBeenCalledWith({ progress: 1 });
    expect(logged).not.toHaveBeenCalled();
    await client.setLogLevel('info');
    await client.callTool({ name: 'steps' });
    await vi.waitFor(() => expect(logged).toHaveBeenCalledWith('warning'));
  });

  test('tells progress before it asks and after, each once', async () => {
    await using fake = fakeServer((server) => {
      server.registerTool('ask', {}, async ({ requestId, sendNotification, _meta }) => {
        const progressToken = _meta?.progressToken ?? '';
        const tell = (progress: number) =>
          sendNotification({ method: 'notifications/progress', params: { progressToken, progress } });
        await tell(1);
        await server.server.elicitInput(FORM, { relatedRequestId: requestId });
        await tell(2);
        return text('done');
      });
    }, options);
    await using client = new McpClient('a', { ...fake.config, handlers });
    const onProgress = vi.fn();
    await client.callTool({ name: 'ask' }, { onProgress });
    expect(onProgress.mock.calls).toEqual([[{ progress: 1 }], [{ progress: 2 }]]);
  });

  test('tells what has changed', async () => {
    const tools = ['one'];
    await using fake = fakeServer((server) => {
      offering(tools)(server);
      server.server.registerCapabilities({ resources: { subscribe: true, listChanged: true } });
      server.registerResource('note', 'file:///note', {}, () => ({ contents: [] }));
    }, options);
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    const changed = client.once('catalog');
    tools.push('two');
    await fake.notifyListChanged('tools');
    expect(await changed).toMatchObject({ added: ['two'] });
  });

  test('sees that a call is not waited for any more', async () => {
    stopped.mockClear();
    await using fake = fakeServer(everyKind, options);
    await using client = new McpClient('a', fake.config);
    const leave = new AbortController();
    const call = client.callTool({ name: 'slow' }, { signal: leave.signal });
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    leave.abort('enough');
    await expect(call).rejects.toBe('enough');
    await vi.waitFor(() => expect(stopped).toHaveBeenCalledOnce());
  });

  test('refuses what it does not know', async () => {
    await using fake = fakeServer(everyKind, options);
    await using client = new McpClient('a', fake.config);
    expect(await client.callTool({ name: 'add', arguments: { a: 'x' } })).toMatchObject({ isError: true });
    expect(await rejection(client.getPrompt('nobody'))).toMatchObject({ code: 'REMOTE_ERROR' });
    expect(fake.calls).toEqual([]);
  });

  test.each(['restart', 'close'] as const)('breaks a call that runs with %s()', async (how) => {
    stopped.mockClear();
    await using fake = fakeServer(everyKind, options);
    await using client = new McpClient('a', { ...fake.config, retry: false });
    const call = rejection(client.callTool({ name: 'slow' }));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    await fake[how]();
    expect(await call).toMatchObject({ code: 'OUTCOME_UNKNOWN', cause: { code: 'CONNECTION_LOST' } });
    await vi.waitFor(() => expect(stopped).toHaveBeenCalledOnce());
  });

  test('refuses connections once it is closed', async () => {
    await using fake = fakeServer(everyKind, options);
    await using client = new McpClient('a', { ...fake.config, retry: false });
    await client.listTools();
    await fake.close();
    await fake.close();
    const error = await rejection(client.callTool({ name: 'add', arguments: { a: 1, b: 2 } }));
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent' });
  });

  test('records calls as they were sent, with who sent them', async () => {
    await using fake = fakeServer(everyKind, options);
    await using client = new McpClient('a', { ...fake.config, auth: fakeTokens('secret') });
    await client.callTool({ name: 'add', arguments: { a: 1, b: 2, extra: { deep: [1] } } });
    await client.callTool({ name: 'add', arguments: { a: 'no number' } });
    expect(fake.calls).toEqual([
      { tool: 'add', arguments: { a: 1, b: 2, extra: { deep: [1] } }, authorization: 'Bearer secret' },
    ]);
    expect(fake.requests.filter(({ method }) => method === 'tools/call')).toHaveLength(2);
  });

  test('is well again after a restart', async () => {
    await using fake = fakeServer(everyKind, options);
    await using client = new McpClient('a', fake.config);
    await client.callTool({ name: 'add', arguments: { a: 1, b: 2 } });
    fake.restart();
    expect(textOf(await client.callTool({ name: 'add', arguments: { a: 1, b: 2 } }))).toBe('3');
    expect(fake.calls).toHaveLength(2);
  });
});

describe('a fake server', () => {
  test.each<[FakeServerOptions]>([[{}], [{ protocol: 'both' }]])(
    'of %j speaks both, as the client begins',
    async (options) => {
      await using fake = fakeServer(everyKind, options);
      await using older = new McpClient('a', fake.config);
      await using newer = new McpClient('b', { ...fake.config, protocol: '2026-07-28' });
      await Promise.all([older.connect(), newer.connect()]);
      expect([older.protocolVersion, newer.protocolVersion]).toEqual(['2025-11-25', '2026-07-28']);
    },
  );

  test.each<[FakeServerOptions, '2026-07-28' | '2025-11-25']>([
    [MODERN, '2025-11-25'],
    [{ protocol: '2025-11-25' }, '2026-07-28'],
  ])('of %j alone refuses clients of %s', async (options, protocol) => {
    await using fake = fakeServer(everyKind, options);
    await using client = new McpClient('a', { ...fake.config, protocol });
    expect(await rejection(client.connect())).toMatchObject({ delivery: 'not-sent', retryable: false });
    expect(client.status).toBe('failed');
  });

  test('without sessions asks within calls alone', async () => {
    await using fake = fakeServer(everyKind, MODERN);
    await using client = new McpClient('a', { ...fake.config, handlers });
    await client.connect();
    await expect(fake.elicit(FORM)).rejects.toThrow('asks its clients within their calls alone');
  });

  test('without sessions holds its clients to the headers and the envelope', async () => {
    await using fake = fakeServer(everyKind, MODERN);
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const send = async (headers: Record<string, string>, _meta: object = meta) => {
      const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'add', _meta } };
      const response = await fake.fetch(
        new Request(fake.config.url, { method: 'POST', headers, body: JSON.stringify(body) }),
      );
      const answer = await response.text();
      return [response.status, /"code":(-\d+)/.exec(answer)?.[1]];
    };
    const right = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'add' };
    expect(await send(right)).toEqual([200, undefined]);
    expect(await send({ ...right, 'mcp-name': '=?base64?YWRk?=' })).toEqual([200, undefined]);
    for (const name of Object.keys(right)) {
      const { [name as keyof typeof right]: _left, ...others } = right;
      expect(await send(others)).toEqual([400, '-32020']);
      expect(await send({ ...right, [name]: 'other' })).toEqual([400, '-32020']);
    }
    expect(await send(right, {})).toEqual([400, '-32602']);
    expect(await send(right, { ...meta, 'io.modelcontextprotocol/clientCapabilities': null })).toEqual([
      400,
      '-32602',
    ]);
  });
});
