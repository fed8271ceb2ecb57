import { getEventListeners } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  CallToolRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { type FakeServer, fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';

describe('as an MCP server', () => {
  test('answers tool calls through its fetch', async () => {
    await using fake = fakeServer(withGreet);
    const client = await connect(fake);
    expect(await client.callTool({ name: 'greet', arguments: { name: 'Ada' } })).toEqual(text('hello Ada'));
  });

  test('each session has a server of its own, which build sets up', async () => {
    const build = vi.fn(withGreet);
    await using fake = fakeServer(build);
    await Promise.all([connect(fake), connect(fake)]);
    const servers = build.mock.calls.map(([server]) => server);
    expect(new Set(servers).size).toBe(2);
  });

  test('sends what the server says by itself: logs and changed lists', async () => {
    let server: McpServer | undefined;
    await using fake = fakeServer((built) => {
      withGreet(built);
      server = built;
    });
    const opened = vi.fn();
    const client = await connect(fake, {}, async (url, init) => {
      const response = await fake.config.fetch(url, init);
      if (init?.method === 'GET') opened();
      return response;
    });
    await vi.waitFor(() => expect(opened).toHaveBeenCalled());
    const heard: string[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      heard.push(String(params.data));
    });
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      heard.push('tools');
    });
    await server?.sendLoggingMessage({ level: 'info', data: 'ready' });
    server?.registerTool('late', {}, () => text('late'));
    await vi.waitFor(() => expect(heard).toEqual(['ready', 'tools']));
  });

  test('has a URL of its own', async () => {
    await using one = fakeServer(withGreet);
    await using other = fakeServer(withGreet);
    expect(new URL(one.config.url).origin).not.toBe(new URL(other.config.url).origin);
  });

  test('an error in build rejects the request that opens a session', async () => {
    await using fake = fakeServer(() => {
      throw new Error('no such tool file');
    });
    await expect(connect(fake)).rejects.toThrow('no such tool file');
  });

  test('has no well-known documents', async () => {
    await using fake = fakeServer(withGreet);
    const url = new URL('/.well-known/oauth-protected-resource', fake.config.url);
    expect((await fake.config.fetch(url)).status).toBe(404);
  });
});

describe('its fetch for standard requests', () => {
  test('answers at any host and path', async () => {
    const build = vi.fn(withGreet);
    await using fake = fakeServer(build);
    const response = await fake.fetch(initialize('http://localhost:1234/elsewhere'));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('mcp-session-id')).toMatch(/.+/);
    expect(await response.text()).toContain('"serverInfo"');
  });

  test.each(['POST', 'GET', 'DELETE'])(
    'refuses a %s without a session and builds nothing',
    async (method) => {
      const build = vi.fn(withGreet);
      await using fake = fakeServer(build);
      const body = method === 'POST' ? JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }) : null;
      const response = await fake.fetch(new Request(fake.config.url, { method, headers: HEADERS, body }));
      expect(response.status).toBe(400);
      expect(build).not.toHaveBeenCalled();
    },
  );

  test('knows a session no longer that was deleted', async () => {
    await using fake = fakeServer(withGreet);
    const headers = await openSession(fake);
    expect((await fake.fetch(new Request(fake.config.url, { method: 'DELETE', headers }))).status).toBe(200);
    expect((await fake.fetch(new Request(fake.config.url, { headers }))).status).toBe(404);
  });
});

describe('calls', () => {
  test('are recorded in the order they ran, with the arguments as they were sent', async () => {
    await using fake = fakeServer(withGreet);
    const client = await connect(fake);
    await client.callTool({ name: 'greet', arguments: { name: 'Ada', extra: { deep: [1] } } });
    await client.callTool({ name: 'shrug' });
    expect(fake.calls).toEqual([
      { tool: 'greet', arguments: { name: 'Ada', extra: { deep: [1] } } },
      { tool: 'shrug', arguments: undefined },
    ]);
  });

  test('are recorded before the tool ends', async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    await using fake = fakeServer((server) => {
      server.registerTool('slow', {}, () => finished.then(() => text('done')));
    });
    const client = await connect(fake);
    const call = client.callTool({ name: 'slow' });
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    finish();
    await call;
  });

  test('carry the Authorization header of their request', async () => {
    await using fake = fakeServer(withGreet);
    const client = await connect(fake, { authorization: 'Bearer secret' });
    await client.callTool({ name: 'shrug' });
    expect(fake.calls).toEqual([{ tool: 'shrug', arguments: undefined, authorization: 'Bearer secret' }]);
  });

  test('hold copies: a tool that changes its arguments changes no record', async () => {
    await using fake = fakeServer((server) => {
      server.registerTool('sort', { inputSchema: { list: z.array(z.number()) } }, ({ list }) => {
        list.sort();
        return text(list.join());
      });
    });
    const client = await connect(fake);
    await client.callTool({ name: 'sort', arguments: { list: [2, 1] } });
    expect(fake.calls[0]?.arguments).toEqual({ list: [2, 1] });
  });

  test.each([
    ['an unknown tool', { name: 'nobody' }],
    ['invalid arguments', { name: 'greet', arguments: { name: 1 } }],
  ])('do not hold what was refused: %s', async (_what, call) => {
    await using fake = fakeServer(withGreet);
    const client = await connect(fake);
    expect(await client.callTool(call)).toMatchObject({ isError: true });
    expect(fake.calls).toEqual([]);
  });

  test('hold what a replaced callback ran', async () => {
    await using fake = fakeServer((server) => {
      server.registerTool('shrug', {}, () => text('old')).update({ callback: () => text('new') });
    });
    const client = await connect(fake);
    expect(await client.callTool({ name: 'shrug' })).toEqual(text('new'));
    expect(fake.calls).toHaveLength(1);
  });

  test('hold what a handler set on the protocol itself was given', async () => {
    await using fake = fakeServer(({ server }) => {
      server.registerCapabilities({ tools: {} });
      server.setRequestHandler(CallToolRequestSchema, () => text('raw'));
    });
    const client = await connect(fake);
    await client.callTool({ name: 'anything', arguments: { a: 1 } });
    expect(fake.calls).toEqual([{ tool: 'anything', arguments: { a: 1 } }]);
  });
});

describe('restart', () => {
  test('answers 404 to requests of old sessions and lets new ones begin', async () => {
    await using fake = fakeServer(withGreet);
    const client = await connect(fake);
    await client.callTool({ name: 'shrug' });
    fake.restart();
    await expect(client.callTool({ name: 'shrug' })).rejects.toMatchObject({ code: 404 });
    const again = await connect(fake);
    await again.callTool({ name: 'shrug' });
    expect(fake.calls).toHaveLength(2);
  });

  test('ends open streams and aborts running tools', async () => {
    const aborted = vi.fn();
    await using fake = fakeServer((server) => {
      server.registerTool('wait', {}, (extra) => {
        extra.signal.addEventListener('abort', aborted);
        return new Promise(() => {});
      });
    });
    const headers = await openSession(fake);
    const events = await fake.fetch(new Request(fake.config.url, { headers }));
    const request = { method: 'POST', headers, body: callBody('wait') };
    const answer = await fake.fetch(new Request(fake.config.url, request));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    fake.restart();
    expect(await events.text()).toBe('');
    expect(await answer.text()).toBe('');
    expect(aborted).toHaveBeenCalledOnce();
  });
});

describe('an abort', () => {
  test('before the request rejects with its reason and runs nothing', async () => {
    await using fake = fakeServer(withGreet);
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    await expect(fake.config.fetch(fake.config.url, { signal })).rejects.toBe(reason);
  });

  test('while the server has not answered rejects with its reason', async () => {
    await using fake = fakeServer(withGreet);
    const reason = new Error('changed my mind');
    const controller = new AbortController();
    const body = new ReadableStream({ pull: () => new Promise<void>(() => {}) });
    const request = { method: 'POST', headers: HEADERS, body, signal: controller.signal };
    const response = fake.config.fetch(fake.config.url, request);
    controller.abort(reason);
    await expect(response).rejects.toBe(reason);
  });

  test('breaks the body, and the server may open the stream again', async () => {
    await using fake = fakeServer(withGreet);
    const headers = await openSession(fake);
    const reason = new Error('changed my mind');
    const controller = new AbortController();
    const response = await fake.config.fetch(fake.config.url, { headers, signal: controller.signal });
    const body = response.text();
    controller.abort(reason);
    await expect(body).rejects.toBe(reason);
    const again = await fake.config.fetch(fake.config.url, { headers });
    expect(again.status).toBe(200);
    await again.body?.cancel();
  });

  test('works for a standard request too', async () => {
    await using fake = fakeServer(withGreet);
    const headers = await openSession(fake);
    const controller = new AbortController();
    const response = await fake.fetch(new Request(fake.config.url, { headers, signal: controller.signal }));
    controller.abort();
    await expect(response.text()).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('may come through a signal that many requests share, which gets no listener', async () => {
    await using fake = fakeServer((server) => {
      server.registerTool('wait', {}, () => new Promise(() => {}));
    });
    const headers = await openSession(fake);
    const reason = new Error('changed my mind');
    const controller = new AbortController();
    const { signal } = controller;
    const answers = Array.from({ length: 20 }, async (_, id) => {
      const request = { method: 'POST', headers, body: callBody('wait', id), signal };
      return (await fake.config.fetch(fake.config.url, request)).text();
    });
    const outcomes = Promise.allSettled(answers);
    await vi.waitFor(() => expect(fake.calls).toHaveLength(20));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    controller.abort(reason);
    expect(await outcomes).toEqual(answers.map(() => ({ status: 'rejected', reason })));
  });
});

describe('disposal', () => {
  test('ends open streams and rejects from then on as for a server that is not there', async () => {
    const fake = fakeServer(withGreet);
    const headers = await openSession(fake);
    const events = await fake.fetch(new Request(fake.config.url, { headers }));
    await fake[Symbol.asyncDispose]();
    expect(await events.text()).toBe('');
    await expect(fake.fetch(initialize(fake.config.url))).rejects.toMatchObject({
      name: 'TypeError',
      cause: { code: 'ECONNREFUSED' },
    });
  });

  test('may happen twice', async () => {
    const fake = fakeServer(withGreet);
    await fake[Symbol.asyncDispose]();
    await fake[Symbol.asyncDispose]();
  });
});

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

function withGreet(server: McpServer): void {
  server.registerTool('greet', { inputSchema: { name: z.string() } }, ({ name }) => text(`hello ${name}`));
  server.registerTool('shrug', {}, () => text('¯\\_(ツ)_/¯'));
}

function text(value: string): { content: [{ type: 'text'; text: string }] } {
  return { content: [{ type: 'text', text: value }] };
}

async function connect(
  fake: FakeServer,
  headers: Record<string, string> = {},
  fetch = fake.config.fetch,
): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' });
  // The SDK's transport does not satisfy its own interface under exactOptionalPropertyTypes.
  const url = new URL(fake.config.url);
  const transport = new StreamableHTTPClientTransport(url, { fetch, requestInit: { headers } });
  await client.connect(transport as Parameters<Client['connect']>[0]);
  return client;
}

function initialize(url: string): Request {
  const params = {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1.0.0' },
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params });
  return new Request(url, { method: 'POST', headers: HEADERS, body });
}

/** Headers of a new session. */
async function openSession(fake: FakeServer): Promise<Record<string, string>> {
  const response = await fake.fetch(initialize(fake.config.url));
  await response.text();
  return { ...HEADERS, 'mcp-session-id': response.headers.get('mcp-session-id') ?? '' };
}

function callBody(name: string, id = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } });
}
