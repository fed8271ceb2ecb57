import { type ConnectionError, McpClient, McpManager, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test, vi } from 'vitest';
import { type FieldServerOptions, fieldServer, json } from './http-server.js';
import { INITIALIZED, resultOf, TOOL } from './mcp-answers.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false };
const tool = (name: string, more: object = {}) => ({ ...TOOL, name, ...more });

/** A list in pages: `undefined` is the last one. */
function paged(pages: Record<string, object>): NonNullable<FieldServerOptions['on']> {
  return ({ id, method, params }, response) =>
    method === 'tools/list' && json(response, resultOf(id, pages[params?.cursor ?? '']));
}

async function listed(options: FieldServerOptions, settings = CALM) {
  await using server = await fieldServer(options);
  await using client = new McpClient('field', { url: server.url }, settings);
  const errors: string[] = [];
  client.on('error', ({ error }) => errors.push(error.message));
  const tools = await client.listTools();
  return { names: tools.map(({ name }) => name), errors, truncated: client.snapshot().truncated };
}

describe('the end of a list', () => {
  test.each([undefined, null, ''])('may be said by a cursor of %j', async (nextCursor) => {
    const { names, errors } = await listed({ results: { 'tools/list': { tools: [tool('a')], nextCursor } } });
    expect([names, errors]).toEqual([['a'], []]);
  });

  test('that comes again is an end', async () => {
    const on = paged({
      '': { tools: [tool('a')], nextCursor: 'x' },
      x: { tools: [tool('b')], nextCursor: 'x' },
    });
    const { names, errors } = await listed({ on });
    expect(names).toEqual(['a', 'b']);
    expect(errors.join()).toContain('repeats a cursor');
  });

  test('is no end where a page brings nothing', async () => {
    const on = paged({
      '': { tools: [], nextCursor: 'x' },
      x: { tools: null, nextCursor: 'y' },
      y: { tools: [tool('a')] },
    });
    expect((await listed({ on })).names).toEqual(['a']);
  });
});

test.each<[string, object]>([
  ['fails', { jsonrpc: '2.0', error: { code: -32_603, message: 'no more' } }],
  ['is no answer', { jsonrpc: '2.0' }],
])('a page that %s costs what comes after it, and this is told', async (_what, answer) => {
  await using server = await fieldServer({
    on: ({ id, method, params }, response) =>
      method === 'tools/list' &&
      json(
        response,
        params?.cursor === 'x' ? { ...answer, id } : resultOf(id, { tools: [tool('a')], nextCursor: 'x' }),
      ),
  });
  await using manager = new McpManager({ servers: { field: { url: server.url } }, ...CALM });
  const errors: string[] = [];
  manager.on('error', ({ error }) => errors.push(error.message));
  const { tools, failed, truncated } = await manager.listTools();
  expect(tools.map(({ toolName }) => toolName)).toEqual(['a']);
  expect([failed, truncated]).toEqual([[], ['field']]);
  expect(errors.join()).toContain('The list of tools is not complete');
  // A tool that was not read may be there.
  await expect(manager.callTool({ server: 'field', name: 'of-page-two' })).resolves.toBeDefined();
});

test('ten thousand entries in pages of fifty are all there', async () => {
  const on: NonNullable<FieldServerOptions['on']> = ({ id, method, params }, response) => {
    if (method !== 'tools/list') return false;
    const page = Number(params?.cursor ?? 0);
    const tools = Array.from({ length: 50 }, (_, at) => tool(`tool-${page * 50 + at}`));
    return json(response, resultOf(id, { tools, nextCursor: page < 199 ? String(page + 1) : undefined }));
  };
  const { names, errors } = await listed({ on });
  expect([names.length, new Set(names).size, errors]).toEqual([10_000, 10_000, []]);
});

describe('an entry that is none', () => {
  test.each<[string, unknown]>([
    ['null', null],
    ['a text', 'tool'],
    ['without a name', { inputSchema: { type: 'object' } }],
    ['with a name of another type', tool(5 as never)],
    ['with a schema that is none', { name: 'b', inputSchema: 'object' }],
  ])('(%s) costs nobody the others, and is told', async (_what, entry) => {
    const { names, errors } = await listed({
      results: { 'tools/list': { tools: [tool('a'), entry, tool('c')] } },
    });
    expect(names).toEqual(['a', 'c']);
    expect(errors).toHaveLength(1);
  });

  test.each<[string, object]>([
    ['a title of null', { title: null }],
    ['a description of null', { description: null }],
    ['annotations of null', { annotations: null }],
    ['annotations in words', { annotations: { readOnlyHint: 'yes' } }],
    ['icons of null', { icons: null }],
    ['an output schema of null', { outputSchema: null }],
    ['a `_meta` of []', { _meta: [] }],
    ['members that are not known', { 'x-order': 1, version: null }],
  ])('is not one with %s', async (_what, members) => {
    const { names, errors } = await listed({ results: { 'tools/list': { tools: [tool('a', members)] } } });
    expect([names, errors]).toEqual([['a'], []]);
  });
});

test('a list that changes whenever it is read is read ever more seldom', async () => {
  let stream: { write(text: string): void } | undefined;
  await using server = await fieldServer({
    get(response) {
      stream = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    },
    on({ method }) {
      const changed = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
      if (method === 'tools/list') setTimeout(() => stream?.write(`data: ${changed}\n\n`), 5);
      return false;
    },
  });
  await using client = new McpClient('field', { url: server.url }, CALM);
  await client.connect();
  await vi.waitFor(() => expect(stream).toBeDefined());
  await client.listTools();
  // After 100, 200, 400, 800 ms.
  await new Promise((resolve) => setTimeout(resolve, 1_700));
  expect(server.count('tools/list')).toBeGreaterThan(2);
  expect(server.count('tools/list')).toBeLessThanOrEqual(6);
});

test('a server without tools is not asked for them', async () => {
  const initialize = { ...INITIALIZED, capabilities: {} };
  await using server = await fieldServer({ results: { initialize } });
  await using client = new McpClient('field', { url: server.url }, CALM);
  const outcome = await client.listTools().catch((error: ConnectionError) => error);
  expect(server.count('tools/list')).toBe(0);
  expect(outcome).toEqual([]);
});
