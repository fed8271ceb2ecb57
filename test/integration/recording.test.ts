import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { McpClient, type RemoteError, type ServerConfig } from 'mcp-fleet';
import { type Recording, recordServer, replayServer } from 'mcp-fleet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EverythingServer, everythingServer, everythingStdio } from '../fixtures/everything-server.js';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';
import { modernHttpServer } from '../fixtures/modern-server.js';
import { mcpWebSocketServer } from '../fixtures/web-socket-server.js';
import { stdioProgram, webSocketProgram } from '../servers/connections.js';
import { httpProgram } from '../servers/http.js';
import { newerTasks } from '../servers/newer-tasks.js';
import { ASKED_CITY, NOTE } from '../servers/program.js';
import { rejection } from '../unit/client/fakes.js';

const folder = mkdtempSync(join(tmpdir(), 'mcp-fleet-recording-'));
let http: EverythingServer;
let sse: EverythingServer;
beforeAll(async () => {
  [http, sse] = await Promise.all([everythingServer('streamableHttp'), everythingServer('sse')]);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await Promise.all([http.close(), sse.close()]);
});

/** Everything that a host would get to see of server-everything. */
async function talk(config: ServerConfig): Promise<unknown> {
  const progress: unknown[] = [];
  const asked: unknown[] = [];
  await using client = new McpClient('everything', {
    ...config,
    handlers: {
      elicitation: async ({ message }) => {
        asked.push(message);
        return { action: 'decline' };
      },
      sampling: async ({ messages }) => {
        asked.push(messages);
        return { role: 'assistant', model: 'none', content: { type: 'text', text: 'red' } };
      },
    },
  });
  const tools = await client.listTools();
  const long = { name: 'trigger-long-running-operation', arguments: { duration: 0.1, steps: 2 } };
  const results = [
    await client.callTool({ name: 'echo', arguments: { message: 'hello' } }),
    await client.callTool({ name: 'get-sum', arguments: { a: 'not a number' } }),
    await client.callTool({ name: 'get-structured-content', arguments: { location: 'Chicago' } }),
    await client.callTool({ name: 'get-tiny-image' }),
    await client.callTool(long, { onProgress: (each) => progress.push(each) }),
    await client.callTool({ name: 'trigger-elicitation-request' }),
    await client.callTool({ name: 'trigger-sampling-request', arguments: { prompt: 'a colour' } }),
  ];
  const resources = await client.listResources();
  const read = await client.readResource(resources[0]?.uri ?? '');
  const templates = await client.listResourceTemplates();
  const prompt = await client.getPrompt('args-prompt', { city: 'Bergen' });
  const { message, rpcCode } = (await rejection(client.getPrompt('no-such-prompt'))) as RemoteError;
  const { serverInfo, capabilities, instructions } = client;
  const about = { serverInfo, capabilities, instructions };
  return {
    about,
    tools,
    results,
    resources,
    read,
    templates,
    prompt,
    error: { message, rpcCode },
    progress,
    asked,
  };
}

describe('server-everything', () => {
  test.each([
    ['stdio', () => everythingStdio],
    ['Streamable HTTP', () => ({ url: http.url })],
    ['HTTP+SSE', () => ({ url: sse.url, type: 'sse' as const })],
  ])('recorded over %s answers from the file as it did itself', async (name, config) => {
    const path = join(folder, `${name}.json`);
    await using recorder = recordServer(config());
    const live = await talk(recorder.config);
    await recorder.save(path);
    await using replay = replayServer(path);
    expect(await talk(replay.config)).toEqual(live);
  });
});

describe('a recording', () => {
  const call = { name: 'echo', arguments: { text: 'hello' } };

  async function recordingOf(config: ServerConfig): Promise<Recording> {
    await using recorder = recordServer(config);
    await using client = new McpClient('recorded', recorder.config);
    await client.callTool(call);
    return recorder.recording;
  }

  test('is the same over HTTP with event streams, with JSON, and over WebSocket, with tokens', async () => {
    const authorize = (token: string | undefined) => token === 'secret-token';
    await using streams = await mcpHttpServer({ authorize });
    await using json = await mcpHttpServer({ authorize, json: true });
    await using socket = await mcpWebSocketServer({ authorize });
    const auth = { getToken: async () => ({ token: 'secret-token' }) };
    const overStreams = await recordingOf({ url: streams.url, auth });
    expect(overStreams.exchanges.map(({ method }) => method)).toEqual([
      'initialize',
      'tools/call',
      'tools/list',
    ]);
    expect(await recordingOf({ url: json.url, auth })).toEqual(overStreams);
    expect(await recordingOf({ url: socket.url, auth })).toEqual(overStreams);
  });

  test('of a server that moved is made where it is now', async () => {
    await using server = await mcpHttpServer({ redirects: { '/old': { status: 307, location: '/mcp' } } });
    const recording = await recordingOf({ url: `${server.origin}/old` });
    expect(recording.exchanges.at(-2)).toMatchObject({ method: 'tools/call', params: call });
  });
});

describe('a server without sessions', () => {
  /** What a host gets to see of it. */
  async function conversation(config: ServerConfig) {
    const asked: unknown[] = [];
    const progress: unknown[] = [];
    await using client = new McpClient('modern', {
      ...config,
      handlers: {
        elicitation: async ({ message }) => {
          asked.push(message);
          return { action: 'accept', content: { name: 'Ann', city: 'Bern' } };
        },
      },
    });
    const content = async (name: string, args: Record<string, unknown> = {}) => {
      const options = { onProgress: (each: object) => progress.push(each) };
      return (await client.callTool({ name, arguments: args }, options)).content;
    };
    return {
      server: client.serverInfo?.name,
      tools: (await client.listTools()).map(({ name, description, icons }) => ({ name, description, icons })),
      results: [await content('echo', { text: 'hi' }), await content('asks'), await content('steps')],
      read: (await client.readResource('file:///note')).contents,
      prompts: (await client.listPrompts()).map(({ name }) => name),
      asked,
      progress,
    };
  }

  test('is replayed as it was, in its own revision and in older ones', async () => {
    await using server = await modernHttpServer();
    await using recorder = recordServer({ url: server.url });
    const live = await conversation(recorder.config);
    expect(live.asked).toEqual(['Who?', 'Where?']);
    const { recording } = recorder;
    for (const protocol of ['2026-07-28', '2025-11-25'] as const) {
      await using replay = replayServer(recording, { protocol });
      expect(await conversation(replay.config)).toEqual(live);
      expect(replay.calls.map(({ tool }) => tool)).toEqual(['echo', 'asks', 'steps']);
    }
  });
});

const ANSWERS: Readonly<Record<string, Record<string, string>>> = {
  'Who?': { name: 'Ann é\u2028' },
  'Where?': { city: 'Bern', street: 'Hill 1' },
};

/** Everything that a host gets to see of the program, in whatever revision. */
async function useProgram(config: ServerConfig) {
  const asked: string[] = [];
  const progress: unknown[] = [];
  const logs: unknown[] = [];
  await using client = new McpClient('program', {
    ...config,
    handlers: {
      async elicitation({ message }) {
        asked.push(message);
        return { action: 'accept', content: ANSWERS[message] ?? {} };
      },
      async sampling({ messages: [message] }) {
        const text = `Well: ${JSON.stringify(message?.content)}`;
        return { model: 'test', role: 'assistant', content: { type: 'text', text } };
      },
      roots: async () => [{ uri: 'file:///data' }],
    },
  });
  client.on('log', ({ level, data }) => logs.push([level, data]));
  const call = (name: string, args: Record<string, unknown> = {}) =>
    client.callTool({ name, arguments: args }, { onProgress: (each) => progress.push(each) });
  await client.setLogLevel('warning');
  const tools = await client.listTools();
  const results = [
    await call('echo', { text: 'hi' }),
    await call('sum', { a: 1, b: 2 }),
    await call('fails'),
    await call('place', { region: 'Zürich', floor: 3 }),
    await call('steps'),
    await call('says'),
    await call('asks'),
    await call('consults', { prompt: 'a colour' }),
  ];
  const changed = client.once('resource');
  await client.subscribeResource(NOTE);
  await call('write', { text: 'The second note' });
  const update = await changed;
  const read = [await client.readResource(NOTE), await client.readResource(ASKED_CITY)];
  const prompts = [await client.getPrompt('greet', { color: 'blue' }), await client.getPrompt('introduce')];
  const argument = { name: 'color', value: 'a' };
  const completed = await client.complete({ ref: { type: 'ref/prompt', name: 'greet' }, argument });
  const { code, delivery, rpcCode } = (await rejection(client.getPrompt('nobody'))) as RemoteError;
  const { serverInfo, instructions, protocolVersion } = client;
  const seen = {
    about: { serverInfo, instructions },
    lists: [tools, await client.listResources(), await client.listResourceTemplates()],
    promptNames: (await client.listPrompts()).map(({ name }) => name),
    // What tells of the revision alone.
    results: results.map(withoutMeta),
    read: read.map(withoutMeta),
    prompts: prompts.map(withoutMeta),
    completed: completed.completion,
    error: { code, delivery, rpcCode },
    update: update.uri,
    progress,
    logs,
    asked,
  };
  return { seen, protocolVersion };
}

function withoutMeta<Result extends object>(result: Result): Result {
  const { _meta, ttlMs: _ttl, cacheScope: _scope, ...rest } = result as Record<string, unknown>;
  return rest as Result;
}

describe('one program', () => {
  const TRANSPORTS = ['http', 'stdio', 'ws'] as const;
  const REVISIONS = { older: '2025-11-25', newer: '2026-07-28' } as const;

  async function serve(speaks: 'older' | 'newer', over: (typeof TRANSPORTS)[number]) {
    if (over === 'stdio') return { config: stdioProgram(speaks), close: async () => {} };
    const server = over === 'http' ? await httpProgram(speaks) : await webSocketProgram(speaks);
    return { config: { url: server.url }, close: () => server.close() };
  }

  describe.each(['older', 'newer'] as const)('that speaks the %s revision', (speaks) => {
    test.each(TRANSPORTS)('and is recorded over %s is replayed as it was, in each revision', async (over) => {
      const path = join(folder, `${speaks}-${over}.json`);
      const server = await serve(speaks, over);
      await using recorder = recordServer(server.config);
      const live = await useProgram(recorder.config);
      await server.close();
      expect(live.protocolVersion).toBe(REVISIONS[speaks]);
      expect(live.seen.asked).toEqual(['Who?', 'Where?', 'Where?', 'Who?']);
      expect(live.seen.logs).toEqual([
        ['warning', 'of warning'],
        ['error', 'of error'],
      ]);
      expect(live.seen.progress).toHaveLength(3);
      await recorder.save(path);
      for (const protocol of Object.values(REVISIONS)) {
        await using replay = replayServer(path, { protocol });
        const replayed = await useProgram(replay.config);
        expect(replayed.seen).toEqual(live.seen);
        expect(replayed.protocolVersion).toBe(protocol);
      }
    });
  });
});

describe('calls that become tasks', () => {
  async function useTasks(config: ServerConfig) {
    const asked: string[] = [];
    await using client = new McpClient('tasks', {
      ...config,
      handlers: {
        async elicitation({ message }) {
          asked.push(message);
          return { action: 'accept', content: { name: 'Ann' } };
        },
      },
    });
    const content = async (name: string, args = {}) =>
      (await client.callTool({ name, arguments: args })).content;
    const results = [
      await content('build', { what: 'a house' }),
      await content('asks'),
      await content('asks-first'),
    ];
    const { code, message } = (await rejection(client.callTool({ name: 'fails' }))) as RemoteError;
    return { results, asked, error: { code, message } };
  }

  test('are replayed as they were', async () => {
    await using server = await newerTasks();
    await using recorder = recordServer({ url: server.url });
    const live = await useTasks(recorder.config);
    expect(live.asked).toEqual(['Who?', 'Who?']);
    await using replay = replayServer(recorder.recording, { protocol: '2026-07-28' });
    expect(await useTasks(replay.config)).toEqual(live);
    expect(replay.calls.map(({ tool }) => tool)).toEqual(['build', 'asks', 'asks-first', 'fails']);
  });
});

test('what a function gives to a process is kept out of its recording', async () => {
  await using recorder = recordServer({
    command: process.execPath,
    args: ['test/fixtures/stdio/plain.mjs'],
    env: () => ({ API_KEY: 'env-secret-1234' }),
  });
  await using client = new McpClient('recorded', recorder.config);
  const answer = await client.callTool({ name: 'env' });
  // Of the process itself it was known.
  expect(JSON.stringify(answer)).toContain('env-secret-1234');
  expect(JSON.stringify(recorder.recording)).not.toContain('env-secret-1234');
});
