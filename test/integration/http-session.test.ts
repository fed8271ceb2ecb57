import { McpClient, McpManager, OutcomeUnknownError, TimeoutError } from 'mcp-fleet';
import { describe, expect, test, vi } from 'vitest';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';
import * as odd from '../fixtures/odd-servers.js';
import { sseServer } from '../fixtures/sse-server.js';
import { offeredTool, textResult } from '../fixtures/standard-tools.js';

describe('the transport of a URL', () => {
  test.each([400, 404, 405] as const)(
    'is HTTP+SSE where the first POST is answered with %i',
    async (postStatus) => {
      await using server = await sseServer({ postStatus });
      await using client = new McpClient('older', { url: server.url });
      await client.connect();
      expect(client.snapshot()).toMatchObject({ status: 'ready', transport: 'sse' });
      const result = await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
      expect(result.content).toEqual([{ type: 'text', text: 'hi' }]);
    },
  );

  test.each([401, 403, 406, 500, 503])('is not tried again as HTTP+SSE after %i', async (status) => {
    await using server = await odd.statusServer(status);
    await using client = new McpClient('odd', { url: server.url });
    await expect(client.connect()).rejects.toThrow(`HTTP ${status}`);
    expect(server.requests.map(({ method }) => method)).toEqual(['POST']);
  });

  test('is only what was asked for, when a type is given', async () => {
    await using older = await sseServer();
    await using http = new McpClient('http', { type: 'http', url: older.url });
    await expect(http.connect()).rejects.toMatchObject({ httpStatus: 405 });
    expect(older.requests).toEqual(['POST /sse']);

    await using sse = new McpClient('sse', { type: 'sse', url: older.url });
    await sse.connect();
    expect(older.requests.slice(1)).not.toContain('POST /sse');
  });

  test('follows a redirect of the initialization within its origin, once and for all', async () => {
    await using server = await mcpHttpServer({ redirects: { '/old': { status: 307, location: '/mcp' } } });
    await using client = new McpClient('moved', { url: `${server.origin}/old`, headers: { 'x-key': 'k' } });
    await client.callTool({ name: 'echo', arguments: { text: 'hi' } });
    const paths = server.requests.filter(({ method }) => method === 'POST').map(({ path }) => path);
    expect(paths.filter((path) => path === '/old')).toHaveLength(1);
    expect(server.requests.every(({ headers }) => headers['x-key'] === 'k')).toBe(true);
  });

  test('is never another origin, whatever a redirect says', async () => {
    await using sink = await odd.sinkServer();
    await using server = await odd.redirectingServer(sink.url);
    await using client = new McpClient('moved', {
      url: server.url,
      headers: { authorization: 'Bearer canary' },
    });
    await expect(client.connect()).rejects.toThrow(/another origin/);
    expect(sink.requests).toEqual([]);
  });
});

describe('a session', () => {
  test('names its id and its revision on every request after the first, and ends with DELETE', async () => {
    await using server = await mcpHttpServer();
    const client = new McpClient('server', { url: server.url });
    await client.listTools();
    expect(server.sessions).toHaveLength(1);
    await client.close();
    expect(server.sessions).toEqual([]);
    const [first, ...others] = server.requests;
    expect(first).toMatchObject({ rpcMethod: 'initialize', sessionId: undefined });
    for (const request of others) {
      expect(request.sessionId).toBeDefined();
      expect(request.headers['mcp-protocol-version']).toBe('2025-11-25');
    }
    expect(server.requests.at(-1)?.method).toBe('DELETE');
  });

  test('does not wait for ever for its DELETE', async () => {
    let hang = false;
    await using real = await mcpHttpServer();
    await using server = await odd.oddServer((request, response) => {
      if (hang) return;
      void fetch(real.url, {
        method: request.method,
        headers: headersOf(request.headers),
        ...(request.method === 'POST' && { body: request.body }),
      }).then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        response.end(request.method === 'GET' ? undefined : Buffer.from(await answer.arrayBuffer()));
      });
    });
    const client = new McpClient('server', { url: server.url });
    await client.connect();
    hang = true;
    const startedAt = performance.now();
    await client.close();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  test('that the server forgot is followed by another one, and the call that met it did not run', async () => {
    await using server = await mcpHttpServer();
    await using client = new McpClient('server', { url: server.url });
    await client.listTools();
    server.restart();
    const error = await client.callTool({ name: 'echo' }).catch((thrown: unknown) => thrown);
    // The broken stream of the server may be noticed first; then the call already waits for the new session.
    if (error instanceof Error)
      expect(error).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'rejected', retryable: true });
    const result = await client.callTool({ name: 'echo', arguments: { text: 'again' } });
    expect(result.content).toEqual([{ type: 'text', text: 'again' }]);
    expect(server.offer.calls.filter(({ arguments: args }) => args !== undefined)).toHaveLength(1);
  });

  test('that a server refuses with 400 instead of 404 is recognised too', async () => {
    let sessions = ['first'];
    await using server = await odd.oddServer(({ method, headers, body }, response) => {
      const json = (status: number, value: object, more = {}) =>
        response
          .writeHead(status, { 'content-type': 'application/json', ...more })
          .end(JSON.stringify(value));
      if (method !== 'POST') return response.writeHead(405).end();
      const { id, method: rpc } = JSON.parse(body);
      if (rpc === 'initialize') {
        const result = {
          protocolVersion: '2025-06-18',
          capabilities: { tools: {} },
          serverInfo: { name: 'x', version: '1' },
        };
        sessions.push('second');
        return json(200, { jsonrpc: '2.0', id, result }, { 'mcp-session-id': sessions.at(-1) });
      }
      if (!sessions.includes(String(headers['mcp-session-id']))) {
        return json(400, { jsonrpc: '2.0', id: null, error: { code: -32_000, message: 'No valid session' } });
      }
      if (id === undefined) return response.writeHead(202).end();
      return json(200, { jsonrpc: '2.0', id, result: rpc === 'tools/list' ? { tools: [] } : {} });
    });
    await using client = new McpClient('server', { url: server.url });
    await client.listTools();
    sessions = [];
    await expect(client.ping()).resolves.toBeGreaterThan(0);
    expect(sessions).toEqual(['second']);
  });

  test('resumes the stream of a request where it broke, without sending the request again', async () => {
    await using server = await mcpHttpServer({ resumable: true });
    await using client = new McpClient('server', { url: server.url });
    const result = await client.callTool({ name: 'detach', arguments: { ms: 50 } });
    expect(result.content).toEqual([{ type: 'text', text: 'attached again' }]);
    expect(server.offer.calls.map(({ tool }) => tool)).toEqual(['detach']);
  });

  test('whose request stream breaks and cannot be resumed leaves the fate of the call unknown', async () => {
    await using server = await mcpHttpServer({ resumable: true });
    await using client = new McpClient('server', { url: server.url });
    await client.listTools();
    const call = { name: 'progress', arguments: { steps: 20, ms: 50 } };
    const lost = await client
      .callTool(call, { onProgress: () => void server.close() })
      .catch((thrown: unknown) => thrown);
    expect(lost).toMatchObject({ code: 'OUTCOME_UNKNOWN', delivery: 'unknown' });
  });

  test('whose request stream ends without an answer says that the fate of the call is unknown', async () => {
    await using server = await mcpHttpServer();
    await using client = new McpClient('server', { url: server.url });
    await client.listTools();
    const waiting = client.callTool({ name: 'wait' });
    await vi.waitFor(() => expect(server.offer.calls).toHaveLength(1));
    server.dropConnections();
    const error = await waiting.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({
      delivery: 'unknown',
      server: 'server',
      cause: { code: 'CONNECTION_LOST' },
    });
    expect(server.offer.calls).toHaveLength(1);
  });
});

describe('the end of a call', () => {
  test('by its caller comes at once, with the very reason, and the server is told', async () => {
    await using server = await mcpHttpServer();
    await using client = new McpClient('server', { url: server.url });
    await client.listTools();
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const waiting = client.callTool({ name: 'wait' }, { signal: controller.signal });
    await vi.waitFor(() => expect(server.offer.calls).toHaveLength(1));
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await vi.waitFor(() => expect(server.offer.cancelled).toEqual(['wait']));
    await expect(client.ping({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('by its deadline says that it may have run, and frees the connection', async () => {
    await using server = await mcpHttpServer();
    await using client = new McpClient('server', { url: server.url });
    await client.listTools();
    const before = server.openConnections;
    const error = await client
      .callTool({ name: 'wait' }, { timeoutMs: 150 })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ code: 'TIMEOUT', delivery: 'unknown', server: 'server' });
    await vi.waitFor(() => expect(server.offer.cancelled).toEqual(['wait']));
    await vi.waitFor(() => expect(server.openConnections).toBeLessThanOrEqual(before));
  });

  test('is put off by progress, but not for ever', async () => {
    await using server = await mcpHttpServer();
    await using client = new McpClient('server', { url: server.url });
    await client.listTools();
    const call = { name: 'progress', arguments: { steps: 6, ms: 100 } };
    await expect(client.callTool(call, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(client.callTool(call, { timeoutMs: 300, maxTotalTimeoutMs: 5_000 })).resolves.toBeDefined();
    await expect(client.callTool(call, { timeoutMs: 300, maxTotalTimeoutMs: 400 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
  });
});

describe('what a server asks and tells', () => {
  test('is answered by the handlers, and only they are offered', async () => {
    await using server = await mcpHttpServer();
    const asked: unknown[] = [];
    await using client = new McpClient('server', {
      url: server.url,
      handlers: {
        elicitation: async (request, context) => {
          asked.push([request.mode ?? 'form', context.server]);
          return request.mode === 'url'
            ? { action: 'accept' }
            : { action: 'accept', content: { name: 'Ada' } };
        },
        sampling: async () => ({ model: 'm', role: 'assistant', content: { type: 'text', text: 'Hi' } }),
        roots: async () => [{ uri: 'file:///project' }],
      },
    });
    const answer = async (name: string) => {
      const { content } = await client.callTool({ name });
      return JSON.parse((content[0] as { text: string }).text);
    };
    expect(await answer('ask')).toEqual({ action: 'accept', content: { name: 'Ada' } });
    expect(await answer('visit')).toEqual({ action: 'accept' });
    expect(await answer('sample')).toMatchObject({ content: { text: 'Hi' } });
    expect(await answer('roots')).toEqual({ roots: [{ uri: 'file:///project' }] });
    expect(asked).toEqual([
      ['form', 'server'],
      ['url', 'server'],
    ]);

    await using bare = new McpClient('bare', { url: server.url });
    expect(await bare.callTool({ name: 'ask' })).toMatchObject({ isError: true });
  });

  test('a handler that throws is an error event here, and tells the server nothing', async () => {
    await using server = await mcpHttpServer();
    await using client = new McpClient('server', {
      url: server.url,
      handlers: {
        roots: async () => {
          throw new Error('secret path');
        },
      },
    });
    const error = client.once('error');
    const result = await client.callTool({ name: 'roots' });
    expect(result.isError).toBe(true);
    expect(JSON.stringify(result)).not.toContain('secret path');
    expect(await error).toMatchObject({ during: 'transport', server: 'server' });
  });

  test('becomes events: log messages, updates of subscribed resources, changed lists', async () => {
    await using server = await mcpHttpServer();
    await using manager = new McpManager({ servers: { server: { url: server.url } } });
    const logs: unknown[] = [];
    const updates: string[] = [];
    manager.on('log', ({ server: from, level, data }) => logs.push([from, level, data]));
    manager.on('resource', ({ uri }) => updates.push(uri));
    await manager.listTools();
    await manager.subscribeResource({ server: 'server', uri: 'memo://one' });
    await manager.client('server').setLogLevel('warning');
    await vi.waitFor(() => expect(server.requests.some(({ method }) => method === 'GET')).toBe(true));

    const catalog = manager.once('catalog');
    await server.offer.log({ level: 'info', data: 'too quiet' });
    await server.offer.log({ level: 'error', data: 'heard' });
    await server.offer.updateResource('memo://one');
    await server.offer.addTool(offeredTool('late', () => textResult('late')));
    server.offer.tools.delete('fail');
    expect(await catalog).toEqual({
      server: 'server',
      kind: 'tools',
      added: ['late'],
      removed: ['fail'],
      changed: [],
    });
    await vi.waitFor(() => expect(updates).toEqual(['memo://one']));
    expect(logs).toEqual([['server', 'error', 'heard']]);

    await manager.unsubscribeResource({ server: 'server', uri: 'memo://one' });
    expect(server.offer.subscriptions).toEqual([]);
  });

  test('subscriptions and the log level are made again after a reconnect', async () => {
    await using server = await mcpHttpServer();
    await using client = new McpClient('server', { url: server.url });
    await client.subscribeResource('memo://two');
    await client.setLogLevel('error');
    server.restart();
    await client.ping().catch(() => client.ping());
    await vi.waitFor(() => expect(server.offer.subscriptions).toEqual(['memo://two']));
    await vi.waitFor(() =>
      expect(server.requests.filter(({ rpcMethod }) => rpcMethod === 'logging/setLevel')).toHaveLength(2),
    );
  });

  test.each(['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'])(
    'is understood in revision %s',
    async (revision) => {
      const seen: unknown[] = [];
      await using server = await odd.oddServer(({ method, headers, body }, response) => {
        if (method !== 'POST') return response.writeHead(405).end();
        const { id, method: rpc } = JSON.parse(body);
        if (rpc !== 'initialize') seen.push(headers['mcp-protocol-version']);
        if (id === undefined) return response.writeHead(202).end();
        const result =
          rpc === 'initialize'
            ? {
                protocolVersion: revision,
                capabilities: { tools: {} },
                serverInfo: { name: 'old', version: '1' },
              }
            : rpc === 'tools/list'
              ? { tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }
              : { content: [{ type: 'text', text: 'hi' }] };
        const answer = { jsonrpc: '2.0', id, result };
        // Batches were part of 2025-03-26 only.
        const text = JSON.stringify(revision === '2025-03-26' ? [answer] : answer);
        return response.writeHead(200, { 'content-type': 'application/json' }).end(text);
      });
      await using client = new McpClient('old', { url: server.url });
      expect((await client.callTool({ name: 'echo' })).content).toEqual([{ type: 'text', text: 'hi' }]);
      expect(client.protocolVersion).toBe(revision);
      expect(seen).toEqual([revision, revision, revision]);
    },
  );

  test('in a revision that is unknown here is a typed error', async () => {
    await using server = await odd.oddServer(({ body }, response) => {
      const result = {
        protocolVersion: '2031-01-01',
        capabilities: {},
        serverInfo: { name: 'new', version: '9' },
      };
      const answer = { jsonrpc: '2.0', id: JSON.parse(body).id, result };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
    await using client = new McpClient('new', { url: server.url });
    await expect(client.connect()).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    expect(client.status).toBe('failed');
  });

  test('what the server cannot do is refused here', async () => {
    await using server = await odd.oddServer(({ method, body }, response) => {
      if (method !== 'POST') return response.writeHead(405).end();
      const { id } = JSON.parse(body);
      if (id === undefined) return response.writeHead(202).end();
      const result = {
        protocolVersion: '2024-11-05',
        capabilities: {},
        serverInfo: { name: 'bare', version: '1' },
      };
      return response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    });
    await using client = new McpClient('bare', { url: server.url });
    expect(await client.listTools()).toEqual([]);
    expect(await client.listPrompts()).toEqual([]);
    expect(await client.listResourceTemplates()).toEqual([]);
    await expect(client.callTool({ name: 'x' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      delivery: 'not-sent',
    });
    await expect(client.readResource('a:b')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await expect(client.setLogLevel('info')).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(client.protocolVersion).toBe('2024-11-05');
  });
});

function headersOf(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const dropped = new Set(['host', 'connection', 'content-length', 'transfer-encoding']);
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (dropped.has(name) ? [] : [[name, String(value)]])),
  );
}
