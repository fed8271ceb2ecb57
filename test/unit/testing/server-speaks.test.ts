import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpClient, McpManager } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test, vi } from 'vitest';
import { offering, text, textOf } from '../client/fakes.js';

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

describe('a fake server tells its clients', () => {
  test('that a list changed, each once it listens', async () => {
    const tools = ['one'];
    await using fake = fakeServer(offering(tools));
    await using manager = new McpManager({ servers: { a: fake.config, b: fake.config } });
    await manager.listTools();
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

  test('that a resource was updated', async () => {
    await using fake = fakeServer(({ server }) =>
      server.registerCapabilities({ resources: { subscribe: true } }),
    );
    await using client = new McpClient('a', fake.config);
    await client.connect();
    const updated = client.once('resource');
    await fake.notifyResourceUpdated('file:///x');
    expect(await updated).toEqual({ server: 'a', uri: 'file:///x' });
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

describe('a fake server asks its client', () => {
  test('for input, a model answer and its roots', async () => {
    await using fake = fakeServer(offering(['one']));
    const handlers = {
      elicitation: vi.fn(async () => ({ action: 'accept' as const, content: { colour: 'red' } })),
      sampling: vi.fn(async () => ANSWER),
      roots: async () => [{ uri: 'file:///srv', name: 'data' }],
    };
    await using client = new McpClient('a', { ...fake.config, handlers });
    await client.connect();
    expect(await fake.elicit(FORM)).toEqual({ action: 'accept', content: { colour: 'red' } });
    expect(await fake.sample(QUESTION)).toEqual(ANSWER);
    expect(await fake.listRoots()).toEqual([{ uri: 'file:///srv', name: 'data' }]);
    expect(handlers.elicitation).toHaveBeenCalledWith(expect.objectContaining(FORM), expect.anything());
    expect(handlers.sampling).toHaveBeenCalledWith(expect.objectContaining(QUESTION), expect.anything());
  });

  test('from inside of a tool, on the stream of its call', async () => {
    await using fake = fakeServer((server) => {
      server.registerTool('paint', {}, async ({ requestId }) => {
        const { content } = await server.server.elicitInput(FORM, { relatedRequestId: requestId });
        return text(`painted ${content?.colour}`);
      });
    });
    fake.inject({ kind: 'status', status: 405 }, { method: 'GET' });
    const elicitation = async () => ({ action: 'accept' as const, content: { colour: 'blue' } });
    await using client = new McpClient('a', { ...fake.config, handlers: { elicitation } });
    expect(textOf(await client.callTool({ name: 'paint' }))).toBe('painted blue');
  });

  test('that connected last, and says so when there is none or it has no handler', async () => {
    await using fake = fakeServer(offering(['one']));
    await expect(fake.elicit(FORM)).rejects.toThrow('No client is connected to the fake server');
    await using client = new McpClient('a', fake.config);
    await client.connect();
    await expect(fake.elicit(FORM)).rejects.toThrow('does not support');
    await expect(fake.sample(QUESTION)).rejects.toThrow('Method not found');
    const roots = async () => [{ uri: 'file:///second' }];
    await using second = new McpClient('b', { ...fake.config, handlers: { roots } });
    await second.connect();
    expect(await fake.listRoots()).toEqual([{ uri: 'file:///second' }]);
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
