import { createServer, type IncomingHttpHeaders } from 'node:http';
import { text as bodyOf } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { McpClient, type McpFleetError, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test, vi } from 'vitest';
import { listenOnLoopback } from '../fixtures/loopback.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false };
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';

interface Asked {
  readonly id: number;
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly headers: IncomingHttpHeaders;
}
/** `undefined`: what every server answers. A string is the body; `false` is no answer at all. */
type Odd = (asked: Asked, count: number) => object | string | false | undefined;

const TOOL = { name: 'work', inputSchema: { type: 'object' } };
const RESULTS: Record<string, object> = {
  'server/discover': {
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, prompts: {} },
  },
  'tools/list': { tools: [TOOL] },
  'tools/call': { content: [{ type: 'text', text: 'done' }] },
  'resources/list': { resources: [{ uri: 'file:///a', name: 'a' }] },
  'resources/read': { contents: [{ uri: 'file:///a', text: 'A' }] },
  'prompts/list': { prompts: [{ name: 'p' }] },
};

/** A server of 2026-07-28 that is odd in one way. Streams of notifications are acknowledged and stay open. */
async function oddServer(odd: Odd = () => undefined) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return response.writeHead(405).end();
    const body = JSON.parse(await bodyOf(request));
    const one: Asked = { ...body, headers: request.headers };
    asked.push(one);
    const { id, method, params } = body;
    const json = (status: number, message: object) =>
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ jsonrpc: '2.0', id, ...message }));
    const version = params?._meta?.[VERSION_KEY];
    const own = odd(one, asked.filter((each) => each.method === method).length);
    if (own === false) return undefined;
    if (typeof own === 'string') {
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).end(own);
    }
    if (own !== undefined) return json('error' in own ? 400 : 200, 'error' in own ? own : { result: own });
    if (version !== '2026-07-28') {
      const data = { supported: ['2026-07-28'], requested: version };
      return json(400, { error: { code: -32_022, message: 'Unsupported protocol version', data } });
    }
    if (method === 'subscriptions/listen') {
      const meta = { 'io.modelcontextprotocol/subscriptionId': id };
      const told = { notifications: params.notifications, _meta: meta };
      const message = { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: told };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return response.write(`data: ${JSON.stringify(message)}\n\n`);
    }
    const result = RESULTS[method];
    if (result === undefined) return json(404, { error: { code: -32_601, message: 'Method not found' } });
    return json(200, { result: { resultType: 'complete', ...result } });
  });
  const loopback = await listenOnLoopback(server);
  return {
    config: { url: `http://127.0.0.1:${loopback.port}/mcp` },
    asked,
    sent: (method: string) => asked.filter((each) => each.method === method),
    get openConnections() {
      return loopback.openConnections;
    },
    [Symbol.asyncDispose]: loopback.close,
  };
}

const failure = (work: Promise<unknown>): Promise<McpFleetError> =>
  work.then(
    () => expect.unreachable('it worked'),
    (error: McpFleetError) => error,
  );
const on =
  (method: string, answer: (asked: Asked, count: number) => object | string | false): Odd =>
  (asked, count) =>
    asked.method === method ? answer(asked, count) : undefined;

const elicit = { who: { method: 'elicitation/create', params: { message: 'Who?' } } };

describe('a server that asks for more', () => {
  test.each<[string, object, RegExp]>([
    ['for ever', { inputRequests: {}, requestState: 's' }, /asked for more 10 times/],
    ['with a state of 1 MB and more', { requestState: 'x'.repeat(1_100_000) }, /longer than 1048576/],
    ['for what nobody answers', { inputRequests: elicit }, /no handler \(handlers\.elicitation\)/],
    ['for nothing', {}, /neither for what/],
  ])('%s fails that call, which was answered, and no other', async (_how, more, words) => {
    await using server = await oddServer(
      on('tools/call', ({ params }) =>
        (params.arguments as { odd?: boolean } | undefined)?.odd
          ? { resultType: 'input_required', ...more }
          : { resultType: 'complete', content: [] },
      ),
    );
    await using client = new McpClient('a', { ...server.config, ...CALM });
    const error = await failure(client.callTool({ name: 'work', arguments: { odd: true } }));
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', delivery: 'answered' });
    expect(error.message).toMatch(words);
    expect(server.sent('tools/call').length).toBeLessThanOrEqual(11);
    await client.callTool({ name: 'work' });
    expect(client.snapshot()).toMatchObject({ status: 'ready', circuit: 'closed' });
  });

  test('and does not wait for the answer of a person leaves the truth: nobody knows', async () => {
    await using server = await oddServer(
      on('tools/call', () => ({ resultType: 'input_required', inputRequests: elicit })),
    );
    const handlers: ServerDefaults['handlers'] = {
      elicitation: (_request, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    };
    await using client = new McpClient('a', { ...server.config, ...CALM, handlers });
    const error = await failure(client.callTool({ name: 'work' }, { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'TIMEOUT', delivery: 'unknown' });
  });

  test('and is gone when it gets its answer leaves the truth, and the call is not begun again', async () => {
    await using server = await oddServer(
      on('tools/call', () => ({ resultType: 'input_required', inputRequests: elicit })),
    );
    const handlers: ServerDefaults['handlers'] = {
      async elicitation() {
        await server[Symbol.asyncDispose]();
        return { action: 'accept', content: {} };
      },
    };
    await using client = new McpClient('a', { ...server.config, healthCheck: false, handlers });
    const error = await failure(client.callTool({ name: 'work' }, { timeoutMs: 5_000 }));
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', delivery: 'unknown' });
    expect(server.sent('tools/call')).toHaveLength(1);
  });

  test('where nothing can be asked, or with a result of no known type, has failed', async () => {
    await using server = await oddServer((asked) =>
      asked.method === 'tools/call'
        ? { resultType: 'tomorrow' }
        : asked.method === 'prompts/list'
          ? { resultType: 'input_required', requestState: 's' }
          : undefined,
    );
    await using client = new McpClient('a', { ...server.config, ...CALM });
    const error = await failure(client.callTool({ name: 'work' }));
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', delivery: 'answered' });
    expect(error.message).toContain('"tomorrow"');
    expect(await failure(client.listPrompts())).toMatchObject({ delivery: 'answered' });
    expect(server.sent('prompts/list')).toHaveLength(1);
  });

  test.each([null, '', undefined])('a result type of %j is a result', async (resultType) => {
    await using server = await oddServer(on('tools/call', () => ({ resultType, content: [] })));
    await using client = new McpClient('a', { ...server.config, ...CALM });
    if (resultType === '') await failure(client.callTool({ name: 'work' }));
    else expect((await client.callTool({ name: 'work' })).content).toEqual([]);
  });
});

describe('a list that names header fields', () => {
  const tools = [
    { ...TOOL, name: 'fits', inputSchema: schema({ a: { type: 'string', 'x-mcp-header': 'A' } }) },
    { ...TOOL, name: 'does-not', inputSchema: schema({ a: { type: 'object', 'x-mcp-header': 'A' } }) },
    { ...TOOL, name: 'breaks', inputSchema: schema({ a: { type: 'string', 'x-mcp-header': 'A\r\nB: c' } }) },
  ];

  test('in a way that is not allowed loses those tools, with one report', async () => {
    await using server = await oddServer(on('tools/list', () => ({ tools })));
    await using client = new McpClient('a', { ...server.config, ...CALM });
    const reports: string[] = [];
    client.on('error', ({ error }) => reports.push(error.message));
    expect((await client.listTools()).map(({ name }) => name)).toEqual(['fits']);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatch(/2 entries.*does-not.*breaks/);
    expect(await failure(client.callTool({ name: 'does-not' }))).toMatchObject({ code: 'UNKNOWN_TOOL' });
  });

  test('that has changed is read again when a call is refused for it, once', async () => {
    let field = 'Old';
    await using server = await oddServer((asked) => {
      if (asked.method === 'tools/list')
        return {
          tools: [{ ...TOOL, inputSchema: schema({ a: { type: 'string', 'x-mcp-header': field } }) }],
        };
      if (asked.method !== 'tools/call' || asked.headers[`mcp-param-${field.toLowerCase()}`] === 'x')
        return undefined;
      return { error: { code: -32_020, message: 'Header mismatch' } };
    });
    await using client = new McpClient('a', { ...server.config, ...CALM });
    await client.listTools();
    field = 'New';
    await client.callTool({ name: 'work', arguments: { a: 'x' } });
    expect(server.sent('tools/call')).toHaveLength(2);
    const error = await failure(client.callTool({ name: 'work', arguments: { a: null } }));
    expect(error).toMatchObject({ code: 'REMOTE_ERROR', rpcCode: -32_020, delivery: 'answered' });
    expect(server.sent('tools/call')).toHaveLength(4);
  });
});

describe('a stream of notifications', () => {
  const lists = async (client: McpClient) => {
    await client.listTools();
    await delay(100);
  };

  test.each<[string, Odd]>([
    ['ends at once', on('subscriptions/listen', () => ': bye\n\n')],
    ['is answered at once', on('subscriptions/listen', () => ({ resultType: 'complete' }))],
    ['is refused', on('subscriptions/listen', () => ({ error: { code: -32_601, message: 'No' } }))],
    ['is never acknowledged', on('subscriptions/listen', () => false)],
    ['holds nonsense', on('subscriptions/listen', () => 'data: {"jsonrpc":"2.0","method":5}\n\ndata: x\n\n')],
    [
      'acknowledges another',
      on(
        'subscriptions/listen',
        () =>
          'data: {"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":{"toString":0}}}}\n\n',
      ),
    ],
  ])('that %s costs no call, and is not asked for again and again', async (_how, odd) => {
    await using server = await oddServer(odd);
    await using client = new McpClient('a', { ...server.config, ...CALM });
    await lists(client);
    for (let n = 0; n < 5; n++) await client.callTool({ name: 'work' });
    await delay(500);
    // Each wait before the next is random, up to a second and more.
    expect(server.sent('subscriptions/listen').length).toBeLessThanOrEqual(6);
    expect(client.status).toBe('ready');
  });

  test('that floods is heard within a bound', async () => {
    const updated =
      '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///a"}}';
    await using server = await oddServer(
      on('subscriptions/listen', () => `data: ${updated}\n\n`.repeat(20_000)),
    );
    await using client = new McpClient('a', { ...server.config, ...CALM });
    let heard = 0;
    client.on('resource', () => heard++);
    await lists(client);
    await client.callTool({ name: 'work' });
    expect(heard).toBeLessThan(1_500);
  });

  test('is not there for an idle server, which holds no connection', async () => {
    await using server = await oddServer();
    await using client = new McpClient('a', { ...server.config, ...CALM });
    await client.connect();
    await vi.waitFor(() => expect(server.openConnections).toBe(0), { timeout: 10_000 });
    expect(client.status).toBe('ready');
    await client.callTool({ name: 'work' });
  });

  test('ends with its client', async () => {
    await using server = await oddServer();
    const client = new McpClient('a', { ...server.config, ...CALM });
    await lists(client);
    expect(server.sent('subscriptions/listen')).toHaveLength(1);
    await client.close();
    await vi.waitFor(() => expect(server.openConnections).toBe(0));
  });
});

function schema(properties: object) {
  return { type: 'object', properties };
}
