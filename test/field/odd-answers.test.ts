import { McpClient, type McpFleetError, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { fieldServer, json } from './http-server.js';
import { DONE, INITIALIZED, type Results, TOOL } from './mcp-answers.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false };
const PAID = { type: 'text', text: 'paid' };

/** What becomes of one call of a tool, and then of another tool of that server. */
async function called(members: object, settings: ServerDefaults = CALM) {
  const tools = [TOOL, { ...TOOL, name: 'other' }];
  await using server = await fieldServer({
    results: { 'tools/list': { tools } },
    on: ({ id, method, params }, response) =>
      method === 'tools/call' && params.name === 'work' && json(response, { jsonrpc: '2.0', id, ...members }),
  });
  await using client = new McpClient('field', { url: server.url }, settings);
  const outcomes = [];
  for (let times = 0; times < 6; times++) {
    outcomes.push(
      await client.callTool({ name: 'work' }).then(
        (result) => ({ result, error: undefined }),
        (error: McpFleetError) => ({ result: undefined, error }),
      ),
    );
  }
  expect(await client.callTool({ name: 'other' })).toEqual(DONE);
  expect(server.count('tools/call')).toBe(7);
  return outcomes[0] as (typeof outcomes)[number];
}

describe('a result is not lost for', () => {
  test.each<[string, object, object?]>([
    ['annotations of null', { content: [{ ...PAID, annotations: null }] }],
    ['a `_meta` of null', { content: [PAID], _meta: null }],
    ['a `_meta` of []', { content: [PAID], _meta: [] }],
    ['an `isError` of null', { content: [PAID], isError: null }],
    ['an `isError` in words', { content: [PAID], isError: 'false' }],
    ['structured content of null', { content: [PAID], structuredContent: null }],
    ['structured content that is a list', { content: [PAID], structuredContent: [1] }],
    ['structured content that is a text', { content: [PAID], structuredContent: 'paid' }],
    ['a block of a kind that is not known', { content: [PAID, { type: 'video', data: 'eA==' }] }],
    ['an image without its type', { content: [PAID, { type: 'image', data: 'eA==' }] }],
    ['an image in base64url', { content: [PAID, { type: 'image', data: 'a-_b', mimeType: 'image/png' }] }],
    ['a text that is a number', { content: [PAID, { type: 'text', text: 5 }] }],
    ['a block that is none', { content: [PAID, null, 5] }],
    ['members that are not known', { content: [PAID], took: 5, pages: { next: null } }],
    ['a priority out of range', { content: [{ ...PAID, annotations: { priority: 7, audience: 'user' } }] }],
    ['a link without a name', { content: [PAID, { type: 'resource_link', uri: 'file:///a' }] }],
    ['a resource without an address', { content: [PAID, { type: 'resource', resource: { text: 'A' } }] }],
  ])('%s', async (_what, result) => {
    const { result: got, error } = await called({ result });
    expect(error).toBeUndefined();
    expect(got?.content[0]).toMatchObject(PAID);
  });

  test.each<[string, unknown]>([
    ['content of null', { content: null, structuredContent: { paid: true } }],
    ['no content', { structuredContent: { paid: true } }],
    ['content that is one block', { content: PAID }],
    ['content that is a text', { content: 'paid' }],
  ])('%s', async (_what, result) => {
    const { result: got, error } = await called({ result });
    expect(error).toBeUndefined();
    expect(Array.isArray(got?.content)).toBe(true);
    expect(JSON.stringify(got)).toContain('paid');
  });

  test('members that are data of the host', async () => {
    const result = { content: [{ ...PAID, 'x-cost': 3 }], 'x-trace': 'abc', _meta: { 'a/b': [1] } };
    expect((await called({ result })).result).toEqual(result);
  });

  test.each<[string, object]>([
    ['an error of null beside it', { result: DONE, error: null }],
    ['members of the envelope that are not known', { result: DONE, took: 3, debug: null }],
    ['another version', { jsonrpc: '2', result: DONE }],
    ['no version', { jsonrpc: undefined, result: DONE }],
  ])('%s', async (_what, members) => {
    expect((await called(members)).result).toEqual(DONE);
  });
});

describe('an error is told in the words of the server', () => {
  const words = 'amount must be positive';
  test.each<[string, object]>([
    ['beside a result of null', { result: null, error: { code: -32_602, message: words } }],
    ['with a code in words', { error: { code: '-32602', message: words } }],
    ['with a code that is no number', { error: { code: 'E_AMOUNT', message: words } }],
    ['without a code', { error: { message: words } }],
    ['that is a text', { error: words }],
    ['with its words in data', { error: { code: -32_602, message: '', data: words } }],
    ['with data of null', { error: { code: 1.5, message: words, data: null } }],
  ])('%s', async (_what, members) => {
    const { error } = await called(members);
    expect(error).toMatchObject({ code: 'REMOTE_ERROR' });
    expect(JSON.stringify(error) + String((error as { data?: unknown })?.data)).toContain(words);
  });

  test.each<[string, object]>([
    ['without words', { error: { code: -32_602 } }],
    ['that is empty', { error: {} }],
    ['of false', { error: false }],
  ])('%s', async (_what, members) => {
    expect((await called(members)).error).toMatchObject({
      delivery: expect.stringMatching(/answered|rejected/),
    });
  });

  test.each<[string, object]>([
    ['nothing', {}],
    ['null', { result: null }],
    ['a text', { result: 'paid' }],
    ['a list', { result: [PAID] }],
    ['a number', { result: 0 }],
  ])('or at once, where it answered %s', async (_what, members) => {
    const { error, result } = await called(members);
    if (error !== undefined) expect(error).toMatchObject({ delivery: 'answered' });
    else expect(Array.isArray(result?.content)).toBe(true);
  });
});

describe('a server is taken as it is', () => {
  test.each<[string, unknown]>([
    ['instructions of null', { ...INITIALIZED, instructions: null }],
    ['capabilities of null', { ...INITIALIZED, capabilities: null }],
    ['a capability of []', { ...INITIALIZED, capabilities: { tools: [], prompts: null, logging: true } }],
    ['no server info', { ...INITIALIZED, serverInfo: undefined }],
    ['server info of null', { ...INITIALIZED, serverInfo: null }],
    ['no version of its own', { ...INITIALIZED, serverInfo: { name: 'field' } }],
    ['a `_meta` of null', { ...INITIALIZED, _meta: null }],
    ['members that are not known', { ...INITIALIZED, motto: 'x', capabilities: { tools: {}, 'x-y': 1 } }],
    ['icons that are none', { ...INITIALIZED, serverInfo: { name: 'a', version: '1', icons: null } }],
  ])('with %s', async (_what, initialize) => {
    await using server = await fieldServer({ results: { initialize } });
    await using client = new McpClient('field', { url: server.url }, CALM);
    expect(await client.callTool({ name: 'work' })).toEqual(DONE);
  });

  test.each<[string, Results]>([
    ['[]', { ping: [] }],
    ['null', { ping: null }],
    ['a text', { ping: 'pong' }],
    ['members', { ping: { pong: true } }],
  ])('when it answers a ping with %s', async (_what, results) => {
    await using server = await fieldServer({ results });
    await using client = new McpClient('field', { url: server.url }, CALM);
    expect(await client.ping()).toBeGreaterThanOrEqual(0);
  });

  test.each(['prompts/list', 'resources/list', 'resources/templates/list'])(
    'when it does not know %s: then the list is empty',
    async (method) => {
      const capabilities = { tools: {}, prompts: {}, resources: {} };
      await using server = await fieldServer({ results: { initialize: { ...INITIALIZED, capabilities } } });
      await using client = new McpClient('field', { url: server.url }, CALM);
      const list = {
        'prompts/list': () => client.listPrompts(),
        'resources/list': () => client.listResources(),
        'resources/templates/list': () => client.listResourceTemplates(),
      }[method];
      expect(await list?.()).toEqual([]);
      expect(server.count(method)).toBe(1);
    },
  );
});
