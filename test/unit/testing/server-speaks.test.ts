import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { ReadResourceRequestSchema, SubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { McpClient, McpManager } from 'mcp-fleet';
import { type FakeServer, fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test, vi } from 'vitest';
import { offering, rejection, text, textOf } from '../client/fakes.js';

const PROTOCOLS = ['2025-11-25', '2026-07-28'] as const;
const MODERN = { protocol: '2026-07-28' } as const;
const FORM = {
  message: 'Which colour?',
  requestedSchema: { type: 'object' as const, properties: { colour: { type: 'string' as const } } },
};
const QUESTION = {
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'Which colour?' } }],
  maxTokens: 10,
};
const ANSWER = {
  role: 'assistant' as const,
  content: { type: 'text' as const, text: 'red' },
  model: 'scripted',
};

describe.each(PROTOCOLS)('a fake server of %s tells its clients', (protocol) => {
  test('that a list changed, each that listens', async () => {
    const tools = ['one'];
    await using fake = fakeServer(offering(tools), { protocol });
    await using manager = new McpManager({ servers: { a: fake.config, b: fake.config } });
    await manager.listTools();
    await vi.waitFor(() => expect(listening(fake)).toBe(2));
    const changed: unknown[] = [];
    manager.on('catalog', ({ server, added }) => changed.push([server, added]));
    tools.push('two');
    await fake.notifyListChanged('tools');
    await vi.waitFor(() => expect(changed).toHaveLength(2));
    expect(changed.sort()).toEqual([
      ['a', ['two']],
      ['b', ['two']],
    ]);
  });

  test('that a list changed, before it listens', async () => {
    const tools = ['one'];
    await using fake = fakeServer(offering(tools), { protocol });
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    const changed = client.once('catalog');
    tools.push('two');
    await fake.notifyListChanged('tools');
    expect(await changed).toMatchObject({ added: ['two'] });
  });

  test('that a resource was updated', async () => {
    await using fake = fakeServer(subscribable, { protocol });
    await using client = new McpClient('a', fake.config);
    await client.subscribeResource('file:///x');
    const updated = client.once('resource');
    await fake.notifyResourceUpdated('file:///x');
    expect(await updated).toEqual({ server: 'a', uri: 'file:///x' });
  });

  test('what a tool changes while it runs', async () => {
    const tools = ['one'];
    await using fake = fakeServer(
      (server) => {
        offering(tools, async (name) => {
          tools.push('two');
          await server.server.sendToolListChanged();
          return text(name);
        })(server);
      },
      { protocol },
    );
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    await vi.waitFor(() => expect(listening(fake)).toBe(1));
    const changed = client.once('catalog');
    expect(textOf(await client.callTool({ name: 'one' }))).toBe('one');
    expect(await changed).toMatchObject({ added: ['two'] });
  });

  test('what happens after a restart, too', async () => {
    await using fake = fakeServer(subscribable, { protocol });
    await using client = new McpClient('a', fake.config);
    await client.subscribeResource('file:///x');
    fake.restart();
    await client.readResource('file:///x');
    await vi.waitFor(() => expect(listening(fake)).toBe(2), 10_000);
    const updated = client.once('resource');
    await fake.notifyResourceUpdated('file:///x');
    expect(await updated).toMatchObject({ uri: 'file:///x' });
  });

  test('nothing when there is none', async () => {
    await using fake = fakeServer(offering(['one']), { protocol });
    await fake.notifyListChanged('tools');
    await fake.notifyResourceUpdated('file:///x');
  });
});

describe('a fake server with sessions tells its clients', () => {
  test('what McpServer says when a tool is registered in an open session', async () => {
    let server: McpServer | undefined;
    await using fake = fakeServer((built) => {
      built.registerTool('one', {}, () => text('1'));
      server = built;
    });
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    // It listens as soon as it is asked something on its stream.
    await vi.waitFor(() => expect(fake.requests.some(({ http }) => http === 'GET')).toBe(true));
    const changed = client.once('catalog');
    server?.registerTool('two', {}, () => text('2'));
    expect(await changed).toMatchObject({ added: ['two'] });
  });

  test('nothing when there is none, or when it goes before it listens', async () => {
    await using fake = fakeServer(offering(['one']));
    await fake.notifyListChanged('tools');
    fake.inject({ kind: 'hang' }, { method: 'GET' });
    await using client = new McpClient('a', fake.config);
    await client.connect();
    const notified = fake.notifyListChanged('tools');
    await client.close();
    await notified;
  });
});

/** Its tool `work` runs until `finish` is called. */
function working() {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return {
    finish,
    build: offering(['work'], async (name) => {
      await finished;
      return text(name);
    }),
  };
}

describe.each(PROTOCOLS)('a fake server of %s asks its client', (protocol) => {
  const handlers = () => ({
    elicitation: vi.fn(async () => ({ action: 'accept' as const, content: { colour: 'red' } })),
    sampling: vi.fn(async () => ANSWER),
    roots: async () => [{ uri: 'file:///srv', name: 'data' }],
  });

  test('for input, a model answer and its roots, while a call runs', async () => {
    const { build, finish } = working();
    await using fake = fakeServer(build, { protocol });
    const answering = handlers();
    await using client = new McpClient('a', { ...fake.config, handlers: answering });
    const call = client.callTool({ name: 'work' });
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    expect(await fake.elicit(FORM)).toEqual({ action: 'accept', content: { colour: 'red' } });
    expect(await fake.sample(QUESTION)).toEqual(ANSWER);
    expect(await fake.listRoots()).toEqual([{ uri: 'file:///srv', name: 'data' }]);
    finish();
    expect(textOf(await call)).toBe('work');
    expect(answering.elicitation).toHaveBeenCalledWith(expect.objectContaining(FORM), expect.anything());
    expect(answering.sampling).toHaveBeenCalledWith(expect.objectContaining(QUESTION), expect.anything());
    // However often it was sent, it ran once.
    expect(fake.calls).toHaveLength(1);
  });

  test('several things at once', async () => {
    const { build, finish } = working();
    await using fake = fakeServer(build, { protocol });
    await using client = new McpClient('a', { ...fake.config, handlers: handlers() });
    const call = client.callTool({ name: 'work' });
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    const [elicited, roots] = await Promise.all([fake.elicit(FORM), fake.listRoots()]);
    expect([elicited.action, roots.length]).toEqual(['accept', 1]);
    finish();
    await call;
  });

  test('from inside of a tool, on the stream of its call', async () => {
    await using fake = fakeServer(
      (server) => {
        server.registerTool('paint', {}, async ({ requestId }) => {
          const { content } = await server.server.elicitInput(FORM, { relatedRequestId: requestId });
          return text(`painted ${content?.colour}`);
        });
      },
      { protocol },
    );
    fake.inject({ kind: 'status', status: 405 }, { method: 'GET' });
    const elicitation = async () => ({ action: 'accept' as const, content: { colour: 'blue' } });
    await using client = new McpClient('a', { ...fake.config, handlers: { elicitation } });
    expect(textOf(await client.callTool({ name: 'paint' }))).toBe('painted blue');
    expect(fake.calls).toHaveLength(1);
  });

  test('and learns that there is none, that it has no handler, or that it has gone', async () => {
    const { build } = working();
    await using fake = fakeServer(build, { protocol });
    await expect(fake.elicit(FORM)).rejects.toThrow('No client is connected to the fake server');
    await using client = new McpClient('a', { ...fake.config, handlers: { roots: handlers().roots } });
    const leave = new AbortController();
    const call = client.callTool({ name: 'work' }, { signal: leave.signal });
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    await expect(fake.elicit(FORM)).rejects.toThrow('does not support');
    await expect(fake.sample(QUESTION)).rejects.toThrow(/Method not found|does not support/);
    leave.abort('enough');
    await expect(call).rejects.toBe('enough');
  });

  test('that hangs when the server restarts, and learns that', async () => {
    const { build } = working();
    await using fake = fakeServer(build, { protocol });
    const elicitation = vi.fn(() => new Promise<never>(() => {}));
    await using client = new McpClient('a', { ...fake.config, retry: false, handlers: { elicitation } });
    const call = rejection(client.callTool({ name: 'work' }, { timeoutMs: 500 }));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    const asked = rejection(fake.elicit(FORM));
    await vi.waitFor(() => expect(elicitation).toHaveBeenCalledOnce());
    fake.restart();
    expect(String(await asked)).toContain('Connection closed');
    expect(await call).toMatchObject({ delivery: expect.stringMatching('unknown|answered') });
  });
});

describe('a fake server with sessions asks its client', () => {
  test('outside of calls, the one that connected last', async () => {
    await using fake = fakeServer(offering(['one']));
    const first = async () => [{ uri: 'file:///first' }];
    await using client = new McpClient('a', { ...fake.config, handlers: { roots: first } });
    await client.connect();
    expect(await fake.listRoots()).toEqual([{ uri: 'file:///first' }]);
    const roots = async () => [{ uri: 'file:///second' }];
    await using second = new McpClient('b', { ...fake.config, handlers: { roots } });
    await second.connect();
    expect(await fake.listRoots()).toEqual([{ uri: 'file:///second' }]);
  });
});

describe('a fake server of both revisions asks', () => {
  test('in the call of a modern client that is under way, and else the session', async () => {
    const { build, finish } = working();
    await using fake = fakeServer(build, { protocol: 'both' });
    const of = (uri: string) => ({ roots: async () => [{ uri }] });
    await using older = new McpClient('a', { ...fake.config, handlers: of('file:///older') });
    await older.connect();
    await using newer = new McpClient('b', { ...fake.config, ...MODERN, handlers: of('file:///newer') });
    const call = newer.callTool({ name: 'work' });
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    expect(await fake.listRoots()).toEqual([{ uri: 'file:///newer' }]);
    finish();
    await call;
    expect(await fake.listRoots()).toEqual([{ uri: 'file:///older' }]);
  });
});

test('requests are seen as they arrived, whatever became of them', async () => {
  await using fake = fakeServer(offering(['one']));
  await using client = new McpClient('a', { ...fake.config, headers: { 'x-team': 'billing' } });
  await client.callTool({ name: 'one', arguments: { a: 1 } });
  fake.inject({ kind: 'status', status: 500 }, { method: 'ping' });
  await client.ping();
  await client.close();
  const seen = fake.requests.map(({ http, method }) => (http === 'POST' ? method : http));
  expect(seen).toEqual(
    expect.arrayContaining(['initialize', 'notifications/initialized', 'GET', 'tools/call']),
  );
  expect(seen.slice(-3)).toEqual(['ping', 'ping', 'DELETE']);
  expect(fake.requests.find(({ method }) => method === 'tools/call')).toMatchObject({
    http: 'POST',
    id: expect.anything(),
    params: { name: 'one', arguments: { a: 1 } },
    headers: { 'x-team': 'billing', 'mcp-session-id': expect.anything() },
  });
});

/** How many times clients have begun to listen. */
function listening({ requests }: FakeServer): number {
  return requests.filter(({ http, method }) => http === 'GET' || method === 'subscriptions/listen').length;
}

function subscribable({ server }: McpServer): void {
  server.registerCapabilities({ resources: { subscribe: true } });
  server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  server.setRequestHandler(ReadResourceRequestSchema, () => ({ contents: [] }));
}
