import { McpClient, McpManager, type ServerDefaults } from 'mcp-fleet';
import { createRestHandler } from 'mcp-fleet/rest';
import { describe, expect, test } from 'vitest';
import { fieldServer, json, sseFieldServer } from './http-server.js';
import { DONE, eventOf } from './mcp-answers.js';
import { program } from './stdio-program.js';
import { longestStillness } from './stillness.js';
import { frame, rawWebSocketServer } from './web-socket-server.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false, circuitBreaker: false };
const MOST_STILL_MS = 100;
const WORK = { name: 'work' };

/** A large text is made before, and sent as bytes: making it is not what is measured. */
async function stillFor(body: (id: unknown) => string, method = 'tools/call', settings: ServerDefaults = {}) {
  const bodies = new Map(Array.from({ length: 40 }, (_, id) => [id, Buffer.from(body(id))]));
  await using server = await fieldServer({
    on: (rpc, response) => rpc.method === method && json(response, bodies.get(rpc.id as number)),
  });
  await using client = new McpClient('field', { url: server.url }, { ...CALM, ...settings });
  const errors: string[] = [];
  client.on('error', ({ error }) => errors.push(error.message));
  await client.callTool(WORK).catch(() => {});
  errors.length = 0;
  const ms = await longestStillness(async () => {
    if (method === 'tools/list') await client.listTools({ fresh: true }).catch(() => {});
    else await client.callTool(WORK).catch(() => {});
  });
  return { ms, errors };
}

const answer = (id: unknown, members: string) => `{"jsonrpc":"2.0","id":${id},${members}}`;
const many = (item: string, count: number) => `${`${item},`.repeat(count - 1)}${item}`;

describe('the process goes on while one answer is read', () => {
  test.each<[string, string]>([
    ['an error with much data', `"error":{"code":1,"message":"m","data":[${many('"a"', 50_000)}]}`],
    ['an error with long words', `"error":{"code":1,"message":"${'x'.repeat(1_000_000)}"}`],
    ['a million zeros', `"result":{"content":[${many('0', 1_000_000)}]}`],
    ['a hundred thousand blocks', `"result":{"content":[${many('{"type":"text","text":"a"}', 100_000)}]}`],
    ['deep lists', `"result":{"content":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['deep objects', `"result":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
    ['many members', `"result":{"content":[],"structuredContent":{${many('"a":1', 200_000)}}}`],
    ['quotes and escapes', `"result":{"content":[{"type":"text","text":"${'\\"\\\\'.repeat(500_000)}"}]}`],
    ['JSON that is cut off', `"result":{"content":[${many('{"a":[1]}', 100_000)}`],
  ])('%s', async (_what, members) => {
    const { ms } = await stillFor((id) => answer(id, members));
    expect(ms).toBeLessThan(MOST_STILL_MS);
  });

  test.each<[string, string]>([
    ['a million zeros', many('0', 1_000_000)],
    ['ten thousand entries without a name', many('{"inputSchema":{}}', 10_000)],
    ['ten thousand tools of one name', many('{"name":"a","inputSchema":{"type":"object"}}', 10_000)],
    ['names of a megabyte', many(`{"name":"${'n'.repeat(1_000_000)}","inputSchema":{"type":"object"}}`, 5)],
  ])('a list of %s', async (_what, tools) => {
    const { ms, errors } = await stillFor((id) => answer(id, `"result":{"tools":[${tools}]}`), 'tools/list');
    expect(ms).toBeLessThan(MOST_STILL_MS);
    expect(errors.length).toBeLessThanOrEqual(5);
  });
});

describe('the process goes on while a peer writes and writes', () => {
  const LINES = [
    'x',
    '',
    '{}',
    '[]',
    '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}',
  ];

  test.each(LINES)('lines of %j from a process, and deadlines hold', async (line) => {
    const config = program({
      on: `
        if (method === 'tools/call' && params.name === 'flood') {
          const lines = (${JSON.stringify(line)} + '\\n').repeat(20_000);
          let count = 0;
          const more = () => { while (count++ < 20 && process.stdout.write(lines)); if (count < 20) process.stdout.once('drain', more); };
          return more();
        }`,
      results: {
        'tools/list': {
          tools: [
            { name: 'flood', inputSchema: { type: 'object' } },
            { name: 'work', inputSchema: { type: 'object' } },
          ],
        },
      },
    });
    await using client = new McpClient('field', config, CALM);
    let errors = 0;
    client.on('error', () => errors++);
    client.on('log', () => {});
    await client.callTool(WORK);
    const ms = await longestStillness(() =>
      client.callTool({ name: 'flood' }, { timeoutMs: 500 }).catch(() => {}),
    );
    expect(ms).toBeLessThan(MOST_STILL_MS);
    expect(errors).toBeLessThan(20);
    expect(await client.callTool(WORK, { timeoutMs: 20_000 })).toEqual(DONE);
  });

  test('frames that are no messages over WebSocket, which are told a few times', async () => {
    const junk = Buffer.concat(Array.from({ length: 2_000 }, () => frame('x')));
    await using server = await rawWebSocketServer({
      on({ method }, peer) {
        if (method === 'tools/list') for (let times = 0; times < 20; times++) peer.write(junk);
        return false;
      },
    });
    await using client = new McpClient('field', { url: server.url }, CALM);
    let errors = 0;
    client.on('error', () => errors++);
    const ms = await longestStillness(async () => {
      expect(await client.callTool(WORK)).toEqual(DONE);
    });
    expect(ms).toBeLessThan(MOST_STILL_MS);
    expect(errors).toBeLessThan(20);
  });

  test('events that are no messages over HTTP+SSE', async () => {
    const junk = eventOf('x').repeat(20_000);
    await using server = await sseFieldServer({
      on({ method }, write) {
        if (method === 'tools/list') write(junk);
        return false;
      },
    });
    await using client = new McpClient('field', { type: 'sse', url: server.url }, CALM);
    const ms = await longestStillness(async () => {
      expect(await client.callTool(WORK)).toEqual(DONE);
    });
    expect(ms).toBeLessThan(MOST_STILL_MS);
  });
});

describe('the process goes on while a name is looked for', () => {
  test('that is very long, among many and long ones, and the answer is short', async () => {
    await using server = await fieldServer({
      results: {
        'tools/list': {
          tools: Array.from({ length: 20 }, (_, at) => ({
            name: `${at}${'n'.repeat(5_000)}`,
            inputSchema: { type: 'object' },
          })),
        },
      },
    });
    const names = Array.from(
      { length: 400 },
      (_, at) => `a_server_of_the_fleet_with_a_long_name_as_people_give_${at}`,
    );
    const servers = Object.fromEntries(names.map((name) => [name, { url: server.url }]));
    await using manager = new McpManager({ servers, ...CALM });
    const [first = ''] = names;
    await manager.client(first).listTools();
    const door = createRestHandler(manager, { authorize: 'allow-all' });
    for (const body of [
      { server_name: 'x'.repeat(250_000), tool_name: 'a' },
      { server_name: first, tool_name: 'x'.repeat(250_000) },
    ]) {
      let text = '';
      const ms = await longestStillness(async () => {
        const headers = { 'content-type': 'application/json' };
        const request = new Request('http://localhost/tools/call', {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        });
        text = await (await door(request)).text();
      });
      expect(ms).toBeLessThan(MOST_STILL_MS);
      expect(text.length).toBeLessThan(5_000);
    }
  });
});
