import { type FleetTool, McpManager, type ServerConfig, type ServerDefaults } from 'mcp-fleet';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { McpWebSocketServer } from '../fixtures/web-socket-server.js';
import { stdioProgram, webSocketProgram } from '../servers/connections.js';
import { type HttpProgram, httpProgram } from '../servers/http.js';
import { ASKED_CITY, CITY_TEMPLATE, NOTE } from '../servers/program.js';

/** One program, in one fleet: by server its revision and its transport. */
const SERVERS = {
  newer: ['2026-07-28', 'http'],
  pinned: ['2026-07-28', 'http'],
  'newer-stdio': ['2026-07-28', 'stdio'],
  'newer-ws': ['2026-07-28', 'ws'],
  older: ['2025-11-25', 'http'],
  'older-stdio': ['2025-11-25', 'stdio'],
  'older-ws': ['2025-11-25', 'ws'],
} as const;
type Server = keyof typeof SERVERS;
const names = Object.keys(SERVERS) as Server[];

const ANSWERS: Readonly<Record<string, Record<string, string>>> = {
  'Who?': { name: 'Ann é\u2028' },
  'Where?': { city: 'Bern', street: 'Hill 1' },
};

let asked: string[] = [];
const handlers: ServerDefaults['handlers'] = {
  async elicitation({ message }, { server }) {
    asked.push(`${server}: ${message}`);
    if (message === 'Why?') return new Promise(() => {});
    return { action: 'accept', content: ANSWERS[message] ?? {} };
  },
  async sampling({ messages: [message] }) {
    const text = `Well: ${JSON.stringify(message?.content)}`;
    return { model: 'test', role: 'assistant', content: { type: 'text', text } };
  },
  roots: async () => [{ uri: 'file:///data' }, { uri: 'file:///more' }],
};

let newer: HttpProgram;
let pinned: HttpProgram;
let older: HttpProgram;
let newerSockets: McpWebSocketServer;
let olderSockets: McpWebSocketServer;
let manager: McpManager;

beforeAll(async () => {
  [newer, pinned, older] = await Promise.all([
    httpProgram('newer'),
    httpProgram('both'),
    httpProgram('older'),
  ]);
  [newerSockets, olderSockets] = await Promise.all([webSocketProgram('newer'), webSocketProgram('older')]);
  const servers: Record<Server, ServerConfig> = {
    newer: { url: newer.url },
    pinned: { url: pinned.url, protocol: '2026-07-28' },
    'newer-stdio': stdioProgram('newer'),
    'newer-ws': { url: newerSockets.url },
    older: { url: older.url },
    'older-stdio': stdioProgram('older'),
    'older-ws': { url: olderSockets.url },
  };
  manager = new McpManager({ servers, handlers });
  expect(await manager.connect()).toEqual({ ready: names, failed: [] });
});

afterAll(async () => {
  await manager.close();
  await Promise.all([newer, pinned, older, newerSockets, olderSockets].map((server) => server.close()));
});

describe.each(names)('%s', (server) => {
  const [protocolVersion, transport] = SERVERS[server];
  const run = (name: string, args: Record<string, unknown> = {}, options = {}) =>
    manager.callTool({ server, name, arguments: args }, options);
  const text = (words: string) => [{ type: 'text', text: words }];

  test('is what it says', () => {
    const client = manager.client(server);
    expect(client.snapshot()).toMatchObject({
      status: 'ready',
      transport,
      protocolVersion,
      serverInfo: { name: 'program', version: '1.2.3' },
    });
    expect(client.serverInfo).toMatchObject({ title: 'Program' });
    expect(client.instructions).toBe('Be kind.');
    expect(client.capabilities).toMatchObject({
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      prompts: { listChanged: true },
      completions: {},
      logging: {},
    });
  });

  test('lists its tools with all that they say of themselves', async () => {
    const { tools, failed, truncated } = await manager.listTools({ server });
    expect([failed, truncated]).toEqual([[], undefined]);
    expect(tools.map(({ toolName }) => toolName)).toEqual([
      'echo',
      'sum',
      'fails',
      'place',
      'slow',
      'cancelled',
      'steps',
      'says',
      'asks',
      'consults',
      'large',
      'waits',
      'change',
      'write',
    ]);
    expect(tools[0]).toMatchObject({
      name: `${server}__echo`,
      server,
      toolName: 'echo',
      title: 'Echo',
      description: 'The tool echo',
      annotations: { title: 'Says it again', readOnlyHint: true, idempotentHint: true, openWorldHint: false },
      icons: [{ src: 'data:image/png;base64,iVBORw0KGgo=', mimeType: 'image/png', sizes: ['16x16'] }],
      _meta: { 'example.com/team': { name: 'a', size: 3 } },
      inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
    } satisfies Partial<FleetTool>);
    expect(tools[1]?.outputSchema).toMatchObject({ type: 'object', required: ['total'] });
    expect(tools[3]?.inputSchema.properties).toMatchObject({ region: { 'x-mcp-header': 'Region' } });
  });

  test('lists its resources, templates and prompts', async () => {
    const { resources } = await manager.listResources({ server });
    expect(resources).toEqual([{ server, name: 'note', uri: NOTE, title: 'Note', mimeType: 'text/plain' }]);
    const { resourceTemplates } = await manager.listResourceTemplates({ server });
    expect(resourceTemplates).toEqual([{ server, name: 'city', uriTemplate: CITY_TEMPLATE, title: 'City' }]);
    const { prompts } = await manager.listPrompts({ server });
    expect(prompts).toMatchObject([
      { server, name: 'greet', title: 'Greet', arguments: [{ name: 'color', required: true }] },
      { server, name: 'introduce', title: 'Introduce', description: 'Asks who is to be introduced' },
    ]);
    expect(prompts).toHaveLength(2);
  });

  test('answers calls', async () => {
    // Servers of the newer revision say in each result who they are.
    const meta = protocolVersion === '2026-07-28' && {
      _meta: { 'io.modelcontextprotocol/serverInfo': expect.objectContaining({ name: 'program' }) },
    };
    expect(await run('echo', { text: 'é\u2028' })).toEqual({ content: text('é\u2028'), ...meta });
    expect(await run('sum', { a: 1, b: 2.5 })).toEqual({
      content: text('3.5'),
      structuredContent: { total: 3.5 },
      ...meta,
    });
    expect(await run('fails')).toEqual({ content: text('It does not work'), isError: true, ...meta });
    const place = await run('place', { region: 'Zürich', floor: 3 });
    expect(place).toEqual({ content: text('3 in Zürich'), ...meta });
    await expect(run('ecko')).rejects.toMatchObject({ code: 'UNKNOWN_TOOL' });
    await expect(manager.readResource({ server, uri: 'memo://none' })).rejects.toMatchObject({
      code: 'REMOTE_ERROR',
      delivery: 'answered',
      rpcCode: -32_602,
    });
  });

  test('reads resources, of templates too, one of which asks', async () => {
    const read = async (uri: string) => (await manager.readResource({ server, uri })).contents;
    expect(await read(NOTE)).toEqual([{ uri: NOTE, mimeType: 'text/plain', text: 'The first note' }]);
    expect(await read('city://bern')).toMatchObject([{ text: 'The city of bern' }]);
    expect(await read(ASKED_CITY)).toMatchObject([{ uri: ASKED_CITY, text: 'The city of Bern' }]);
  });

  test('tells updates of a resource to who has subscribed, and of no other', async () => {
    const updates: string[] = [];
    const off = manager.client(server).on('resource', ({ uri }) => updates.push(uri));
    await manager.subscribeResource({ server, uri: NOTE });
    await run('write', { text: 'Another note' });
    await vi.waitFor(() => expect(updates).toEqual([NOTE]));
    expect((await manager.readResource({ server, uri: NOTE })).contents).toMatchObject([
      { text: 'Another note' },
    ]);
    await manager.unsubscribeResource({ server, uri: NOTE });
    await run('write', { text: 'The first note' });
    await run('echo', { text: 'what was told before this answer has arrived' });
    expect(updates).toEqual([NOTE]);
    off();
  });

  test('tells each update while other subscriptions come and go', async () => {
    const updates: string[] = [];
    const off = manager.client(server).on('resource', ({ uri }) => updates.push(uri));
    await manager.subscribeResource({ server, uri: NOTE });
    for (let n = 0; n < 10; n++) {
      const other = { server, uri: `city://number-${n}` };
      await Promise.all([manager.subscribeResource(other), run('write', { text: 'The first note' })]);
      await manager.unsubscribeResource(other);
    }
    // Over HTTP two streams are not in order, and what both tell is told twice rather than not at all.
    await vi.waitFor(() => expect(updates.length).toBeGreaterThanOrEqual(10));
    if (transport !== 'http') expect(updates).toHaveLength(10);
    await manager.unsubscribeResource({ server, uri: NOTE });
    off();
  });

  test('gives prompts, one of which asks', async () => {
    const get = async (name: string, args = {}) =>
      (await manager.getPrompt({ server, name, arguments: args })).messages;
    expect(await get('greet', { color: 'blue' })).toEqual([
      { role: 'user', content: { type: 'text', text: 'A blue good morning' } },
    ]);
    expect(await get('introduce')).toMatchObject([{ content: { text: 'This is Ann é\u2028' } }]);
  });

  test('completes arguments of prompts and variables of templates', async () => {
    const prompt = { type: 'ref/prompt', name: 'greet' } as const;
    const template = { type: 'ref/resource', uri: CITY_TEMPLATE } as const;
    const complete = async (ref: typeof prompt | typeof template, name: string, value: string) =>
      (await manager.complete({ server, ref, argument: { name, value } })).completion.values;
    expect(await complete(prompt, 'color', 'a')).toEqual(['amber', 'azure']);
    expect(await complete(template, 'name', 'ber')).toEqual(['bergen', 'berlin', 'bern']);
  });

  test('logs what the level lets through', async () => {
    const logged: unknown[] = [];
    const off = manager.client(server).on('log', ({ level, logger, data }) => {
      logged.push([level, logger, data]);
    });
    await manager.client(server).setLogLevel('warning');
    await run('says');
    const [warning, error] = [
      ['warning', 'program', 'of warning'],
      ['error', 'program', 'of error'],
    ];
    await vi.waitFor(() => expect(logged).toEqual([warning, error]));
    await manager.client(server).setLogLevel('error');
    await run('says');
    await vi.waitFor(() => expect(logged).toEqual([warning, error, error]));
    off();
  });

  test('tells its progress', async () => {
    const steps: unknown[] = [];
    await run('steps', {}, { onProgress: (step: object) => steps.push(step) });
    expect(steps).toEqual([1, 2, 3].map((progress) => ({ progress, total: 3, message: `step ${progress}` })));
    expect((await run('steps')).content).toEqual(text('done'));
  });

  test('learns that a call is not waited for any more', async () => {
    const before = await run('cancelled');
    const leave = new AbortController();
    const call = run('slow', {}, { signal: leave.signal });
    // The request is on its way before another one is answered.
    await run('echo', { text: 'hi' });
    leave.abort('enough');
    await expect(call).rejects.toBe('enough');
    await expect(run('slow', {}, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      delivery: 'unknown',
    });
    const count = (result: typeof before) => Number((result.content[0] as { text: string }).text);
    await vi.waitFor(async () => expect(count(await run('cancelled'))).toBe(count(before) + 2));
  });

  test('gets what it asks for, twice within one call', async () => {
    asked = [];
    const outcomes: string[] = [];
    const off = manager
      .client(server)
      .on('call', ({ name, outcome }) => outcomes.push(`${name}: ${outcome}`));
    expect((await run('asks')).content).toEqual(text('Ann é\u2028 lives at Hill 1 in Bern'));
    expect(asked).toEqual([`${server}: Who?`, `${server}: Where?`]);
    expect(outcomes).toEqual(['asks: ok']);
    off();
  });

  test('asks the model of the host, and for its folders', async () => {
    const { content } = await run('consults', { prompt: 'Why?' });
    expect(content).toEqual(text('Well: {"type":"text","text":"Why?"} (file:///data,file:///more)'));
  });

  test('answers many calls at once, some of which ask, and none gets the answer of another', async () => {
    const calls = Array.from({ length: 60 }, (_, n) =>
      n % 3 === 0 ? run('asks') : run('echo', { text: `number ${n}` }),
    );
    const contents = (await Promise.all(calls)).map(({ content }) => content);
    expect(contents).toEqual(
      contents.map((_, n) => text(n % 3 === 0 ? 'Ann é\u2028 lives at Hill 1 in Bern' : `number ${n}`)),
    );
  });

  test('may answer at length', async () => {
    const { content } = await run('large', { length: 2_000_000 });
    expect(content).toEqual(text('é'.repeat(2_000_000)));
  });

  test('may have run when time is up while the user is asked', async () => {
    asked = [];
    await expect(run('waits', {}, { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      delivery: 'unknown',
    });
    expect(asked).toEqual([`${server}: Why?`]);
  });

  test.each([
    ['tools', 'extra'],
    ['resources', 'memo://extra'],
    ['prompts', 'extra'],
  ] as const)('tells that the list of its %s changed, both ways', async (kind, name) => {
    const client = manager.client(server);
    const list = () => ({
      tools: async () => (await client.listTools()).map((tool) => tool.name),
      resources: async () => (await client.listResources()).map(({ uri }) => uri),
      prompts: async () => (await client.listPrompts()).map((prompt) => prompt.name),
    });
    await list()[kind]();
    const changes: unknown[] = [];
    const off = client.on('catalog', (change) => changes.push(change));
    await run('change', { list: kind });
    const added = { server, kind, added: [name], removed: [], changed: [] };
    await vi.waitFor(() => expect(changes).toEqual([added]));
    expect(await list()[kind]()).toContain(name);
    await run('change', { list: kind });
    await vi.waitFor(() => expect(changes).toEqual([added, { ...added, added: [], removed: [name] }]));
    expect(await list()[kind]()).not.toContain(name);
    off();
  });

  test('answers pings', async () => {
    expect(await manager.client(server).ping()).toBeGreaterThan(0);
  });
});

test('what nobody here can answer is told alike, and costs no other call', async () => {
  const servers = { newer: { url: newer.url }, older: { url: older.url } };
  await using deaf = new McpManager({ servers });
  for (const server of ['newer', 'older']) {
    const args = { prompt: 'x', text: 'x' };
    const outcomes = await deaf.callTools(
      ['asks', 'consults', 'echo'].map((name) => ({ server, name, arguments: args })),
    );
    const refused = { ok: false, error: { code: 'REMOTE_ERROR', delivery: 'answered', server } };
    expect(outcomes).toMatchObject([refused, refused, { ok: true }]);
  }
});

test('lists of the whole fleet are the same of each server', async () => {
  const { tools } = await manager.listTools();
  const lists = names.map((server) =>
    tools
      .filter((tool) => tool.server === server)
      .map(({ name: _name, server: _server, inputSchema, ...tool }) => {
        const { $schema: _schema, ...schema } = inputSchema as Record<string, unknown>;
        return { ...tool, inputSchema: schema };
      }),
  );
  for (const list of lists) expect(list).toEqual(lists[0]);
  const { ok, failed } = await manager.ping();
  expect([ok.map(({ server }) => server), failed]).toEqual([names, []]);
});

test('what the newer revision wants is sent where it is spoken, and nowhere else', () => {
  const call = ({ requests }: HttpProgram) =>
    requests.find(({ method, params }) => method === 'tools/call' && params.name === 'place');
  expect(call(newer)?.headers).toMatchObject({
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'place',
    'mcp-param-region': '=?base64?WsO8cmljaA==?=',
    'mcp-param-floor': '3',
  });
  expect(newer.requests.filter(({ headers }) => headers['mcp-session-id'] !== undefined)).toEqual([]);
  expect([newer, pinned, older].map((server) => server.count('ping') > 0)).toEqual([false, false, true]);
  const headers = call(older)?.headers ?? {};
  expect(Object.keys(headers).filter((name) => name.startsWith('mcp-'))).toEqual([
    'mcp-session-id',
    'mcp-protocol-version',
  ]);
  expect(call(older)?.params).toEqual({ name: 'place', arguments: { region: 'Zürich', floor: 3 } });
});

test('a graceful close leaves nothing behind at any of them', async () => {
  await manager.close();
  await vi.waitFor(() => {
    const left = [newer, pinned, older, newerSockets, olderSockets].map((one) => one.openConnections);
    expect(left).toEqual([0, 0, 0, 0, 0]);
  });
  expect(manager.snapshot().servers.map(({ status }) => status)).toEqual(names.map(() => 'closed'));
});
