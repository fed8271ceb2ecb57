import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { ConfigError, McpClient, type ServerConfig } from 'mcp-fleet';
import { fakeServer, fakeTokens, type Recording, recordServer, replayServer } from 'mcp-fleet/testing';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { offering, rejection, text, textOf, tool } from '../client/fakes.js';

const PROTOCOLS = ['2025-11-25', '2026-07-28'] as const;

const folder = mkdtempSync(join(tmpdir(), 'mcp-fleet-recording-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Has a tool `next` that answers 1, 2, 3, …, and `again` that always answers the same. */
function counting() {
  let count = 0;
  return offering(['next', 'again'], (name) => text(name === 'next' ? String(++count) : 'same'));
}

/** What a client and that server say to each other. */
async function recordingOf(
  config: ServerConfig,
  talk: (client: McpClient) => Promise<unknown>,
  options?: Parameters<typeof recordServer>[1],
): Promise<Recording> {
  await using recorder = recordServer(config, options);
  await using client = new McpClient('recorded', recorder.config);
  await talk(client);
  return recorder.recording;
}

function requests({ exchanges }: Recording): unknown[] {
  return exchanges.map(({ method, params }) =>
    [method, params?.name ?? params?.uri].filter(Boolean).join(' '),
  );
}

describe.each(PROTOCOLS)('a recording of %s', (protocol) => {
  test('holds requests with their answers, in an order that is not that of the calls', async () => {
    await using fake = fakeServer(counting(), { protocol });
    const recording = await recordingOf(fake.config, async (client) => {
      await client.callTool({ name: 'next', arguments: { z: 1 } });
      await client.callTool({ name: 'again', arguments: { b: [2], a: { c: null } } });
      await client.ping();
      await client.listTools();
    });
    expect(recording).toMatchObject({ format: 'mcp-fleet-recording', version: 1 });
    expect(requests(recording)).toEqual(['initialize', 'tools/call again', 'tools/call next', 'tools/list']);
    expect(recording.exchanges[1]).toEqual({
      method: 'tools/call',
      params: { name: 'again', arguments: { b: [2], a: { c: null } } },
      result: text('same'),
    });
    expect(recording.exchanges[0]).toEqual({
      method: 'initialize',
      result: expect.objectContaining({ serverInfo: { name: 'fake-server', version: '1.0.0' } }),
    });
  });

  test('keeps different answers to the same request in their order, and the last one once', async () => {
    await using fake = fakeServer(counting(), { protocol });
    const recording = await recordingOf(fake.config, async (client) => {
      for (const name of ['next', 'again', 'next', 'again', 'again']) await client.callTool({ name });
    });
    const answers = recording.exchanges.filter(({ method }) => method === 'tools/call');
    expect(answers.map(({ result }) => textOf(result as never))).toEqual(['same', '1', '2']);
  });

  test('keeps errors, progress, and what the server asks', async () => {
    await using fake = fakeServer(
      (server) => {
        server.registerTool('ask', {}, async ({ requestId, sendNotification, _meta }) => {
          const progressToken = _meta?.progressToken ?? '';
          await sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress: 1 },
          });
          await server.server.elicitInput(FORM, { relatedRequestId: requestId });
          return text('asked');
        });
        server.registerResource('doc', 'file:///doc', {}, () => {
          throw new Error('gone');
        });
      },
      { protocol },
    );
    const elicitation = async () => ({ action: 'decline' as const });
    const recording = await recordingOf({ ...fake.config, handlers: { elicitation } }, async (client) => {
      await client.callTool({ name: 'ask' }, { onProgress: () => {} });
      await rejection(client.readResource('file:///doc'));
    });
    expect(recording.exchanges.find(({ method }) => method === 'tools/call')?.said).toEqual([
      { method: 'notifications/progress', params: { progress: 1 } },
      { method: 'elicitation/create', params: { mode: 'form', ...FORM } },
    ]);
    expect(recording.exchanges.find(({ method }) => method === 'resources/read')?.error).toEqual({
      code: -32_603,
      message: 'gone',
    });
  });

  test('leaves out what got no answer, and what happened on the way', async () => {
    await using fake = fakeServer(counting(), { protocol });
    fake.inject(
      { kind: 'status', status: 503 },
      { method: protocol === '2026-07-28' ? 'server/discover' : 'initialize' },
    );
    fake.inject({ kind: 'reset' }, { method: 'tools/call' });
    const recording = await recordingOf(fake.config, async (client) => {
      await rejection(client.connect());
      await client.connect();
      await rejection(client.callTool({ name: 'next' }));
    });
    expect(requests(recording)).toEqual(['initialize', 'tools/list']);
  });

  test.each([
    ['fixed', { 'x-key': 'header-secret' }],
    ['given by a function', () => ({ 'x-key': 'header-secret' })],
  ])(
    'holds no header (%s), token, session id or query value, even where the server repeats them',
    async (_how, headers) => {
      const secrets = ['header-secret', 'token-one', 'token-two', 'query-secret'];
      await using fake = fakeServer(
        (server) => {
          server.registerTool('leak', {}, ({ requestInfo, sessionId, _meta }) => {
            const everything = JSON.stringify([requestInfo?.headers, sessionId, _meta, secrets]);
            return text(`${everything} ${Buffer.from('token-two').toString('base64')}`);
          });
        },
        { protocol },
      );
      fake.inject({ kind: 'expire-token' }, { method: 'tools/call' });
      const auth = fakeTokens('token-one', 'token-two');
      const config = {
        ...fake.config,
        url: `${fake.config.url}?key=query-secret`,
        headers,
      };
      const recording = await recordingOf({ ...config, auth }, (client) =>
        client.callTool({ name: 'leak', _meta: { trace: 'trace-secret' } }),
      );
      const written = JSON.stringify(recording);
      const session = fake.requests.at(-1)?.headers['mcp-session-id'] ?? 'no session id';
      for (const secret of [...secrets, session, Buffer.from('token-two').toString('base64')]) {
        expect(written).not.toContain(secret);
      }
      expect(JSON.stringify(recording.exchanges.map(({ params }) => params))).not.toContain('trace-secret');
      expect(written).toContain('[redacted]');
      expect(fake.calls[0]?.authorization).toBe('Bearer token-two');
    },
  );

  test('is redacted as the user says, and replayed all the same', async () => {
    await using fake = fakeServer(counting(), { protocol });
    const talk = (password: string) => (client: McpClient) =>
      client.callTool({ name: 'again', arguments: { password, user: 'ada' } });
    const redact = (key: string, value: unknown) => (key === 'password' ? '[redacted]' : value);
    const recording = await recordingOf(fake.config, talk('hunter2'), { redact });
    expect(JSON.stringify(recording)).not.toContain('hunter2');
    await using replay = replayServer(recording, { protocol });
    await using client = new McpClient('replayed', replay.config);
    expect(textOf(await talk('another')(client))).toBe('same');
  });
});

describe('a recording', () => {
  test('of a custom transport is the same as over HTTP', async () => {
    const transport = async () => {
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      const server = new McpServer(
        { name: 'fake-server', version: '1.0.0' },
        { capabilities: { logging: {} } },
      );
      counting()(server);
      await server.connect(theirs);
      return ours;
    };
    const talk = async (client: McpClient) => {
      await client.listTools();
      await client.callTool({ name: 'next' });
    };
    await using fake = fakeServer(counting());
    expect(await recordingOf({ type: 'custom', transport }, talk)).toEqual(
      await recordingOf(fake.config, talk),
    );
  });

  test('is refused for a bad entry, with its path', () => {
    expect(() => recordServer({ url: 'nowhere' })).toThrow(expect.objectContaining({ path: 'url' }));
  });

  test('is the same in each revision, but for what only one says', async () => {
    const talk = async (client: McpClient) => {
      await client.listTools();
      for (const name of ['next', 'again', 'next']) await client.callTool({ name, arguments: { a: 1 } });
    };
    const [older, newer] = await Promise.all(
      PROTOCOLS.map(async (protocol) => {
        await using fake = fakeServer(counting(), { protocol });
        return await recordingOf(fake.config, talk);
      }),
    );
    const hints = ({ exchanges }: Recording) =>
      exchanges.map(({ result: { ttlMs: _ttl, cacheScope: _scope, ...result } = {}, ...rest }) => ({
        ...rest,
        result,
      }));
    expect(hints(newer as Recording)).toEqual(hints(older as Recording));
  });

  test('keeps how long lists hold, which the replay says again', async () => {
    const cacheHints = { 'tools/list': { ttlMs: 60_000, cacheScope: 'public' } } as const;
    await using fake = fakeServer(counting(), { protocol: '2026-07-28', cacheHints });
    const recording = await recordingOf(fake.config, (client) => client.listTools());
    const list = recording.exchanges.find(({ method }) => method === 'tools/list');
    expect(list?.result).toMatchObject({ ttlMs: 60_000, cacheScope: 'public' });
    expect(JSON.stringify(recording)).not.toContain('resultType');
  });
});

describe.each(PROTOCOLS)('a replay in %s', (protocol) => {
  test('from a file answers as the server did, each time in turn and the last for ever', async () => {
    await using fake = fakeServer(counting(), { protocol });
    const path = join(folder, 'new', 'counting.json');
    await using recorder = recordServer(fake.config);
    await using live = new McpClient('live', recorder.config);
    const tools = await live.listTools();
    for (const _ of [1, 2]) await live.callTool({ name: 'next' });
    await recorder.save(path);
    expect(readFileSync(path, 'utf8')).toBe(`${JSON.stringify(recorder.recording, undefined, 2)}\n`);

    await using replay = replayServer(path, { protocol });
    await using client = new McpClient('replayed', replay.config);
    expect(await client.listTools()).toEqual(tools);
    const answers = [];
    for (const _ of [1, 2, 3]) answers.push(textOf(await client.callTool({ name: 'next' })));
    expect(answers).toEqual(['1', '2', '2']);
    expect(client.serverInfo).toEqual(live.serverInfo);
    expect(client.capabilities).toEqual(live.capabilities);
    expect(replay.calls.map(({ tool }) => tool)).toEqual(['next', 'next', 'next']);
    expect(fake.calls).toHaveLength(2);
  });

  test('refuses what was not recorded and names the nearest', async () => {
    await using fake = fakeServer(counting(), { protocol });
    const recording = await recordingOf(fake.config, async (client) => {
      await client.callTool({ name: 'again', arguments: { city: 'Bergen' } });
      await client.callTool({ name: 'next' });
    });
    await using replay = replayServer(recording, { protocol });
    await using client = new McpClient('replayed', replay.config);
    const error = await rejection(client.callTool({ name: 'again', arguments: { city: 'Bergem' } }));
    expect(error).toMatchObject({
      code: 'REMOTE_ERROR',
      delivery: 'answered',
      message: expect.stringContaining(
        'Not in the recording: tools/call {"name":"again","arguments":{"city":"Bergem"}}; nearest: tools/call {"name":"again","arguments":{"city":"Bergen"}}',
      ),
    });
    expect(replay.calls).toEqual([]);
  });

  test('says what the server said, and news only once', async () => {
    const recording: Recording = {
      ...RECORDING,
      exchanges: [
        ...RECORDING.exchanges,
        {
          method: 'tools/call',
          params: { name: 'ask' },
          said: [
            { method: 'notifications/progress', params: { progress: 1 } },
            { method: 'notifications/message', params: { level: 'info', data: 'news' } },
            { method: 'elicitation/create', params: { mode: 'form', ...FORM } },
          ],
          result: text('asked'),
        },
        {
          method: 'tools/list',
          said: [{ method: 'notifications/tools/list_changed' }],
          result: { tools: [tool('ask')] },
        },
      ],
    };
    await using replay = replayServer(recording, { protocol });
    const elicitation = vi.fn(async () => ({ action: 'decline' as const }));
    await using client = new McpClient('replayed', { ...replay.config, handlers: { elicitation } });
    const onProgress = vi.fn();
    const logged = vi.fn();
    client.on('log', logged);
    // Without sessions logs are told to who asks for them alone.
    await client.setLogLevel('info');
    for (const _ of [1, 2]) await client.callTool({ name: 'ask' }, { onProgress });
    expect(onProgress).toHaveBeenCalledTimes(2);
    expect(elicitation).toHaveBeenCalledTimes(2);
    expect(logged).toHaveBeenCalledOnce();
    await client.listTools();
    await client.listTools({ fresh: true });
    expect(replay.requests.filter(({ method }) => method === 'tools/list').length).toBeLessThan(5);
  });

  test('can fail on demand, as any fake server', async () => {
    await using replay = replayServer(RECORDING, { protocol });
    await using client = new McpClient('replayed', { ...replay.config, retry: false });
    replay.inject(
      { kind: 'status', status: 500 },
      { method: protocol === '2026-07-28' ? 'server/discover' : 'ping' },
    );
    expect(await rejection(client.ping())).toMatchObject({ httpStatus: 500 });
  });

  test.each<[string, unknown, string]>([
    ['another format', { ...head(), format: 'har' }, 'recording.format'],
    ['another version', { ...head(), version: 2 }, 'recording.version'],
    ['no exchanges', { ...head() }, 'recording.exchanges'],
    ['no initialization', { ...head(), exchanges: [] }, 'recording.exchanges'],
    ['an exchange without a method', { ...head(), exchanges: [{}] }, 'recording.exchanges.0.method'],
  ])('of %s is refused', (_what, recording, path) => {
    expect(() => replayServer(recording as Recording)).toThrow(ConfigError);
    expect(() => replayServer(recording as Recording)).toThrow(expect.objectContaining({ path }));
  });

  test('of a file that is no JSON, or none, says so', () => {
    const path = join(folder, 'broken.json');
    writeFileSync(path, '{');
    expect(() => replayServer(path)).toThrow('the file is not JSON');
    expect(() => replayServer(join(folder, 'missing.json'))).toThrow('ENOENT');
  });
});

const FORM = {
  message: 'Sure?',
  requestedSchema: { type: 'object' as const, properties: { sure: { type: 'boolean' as const } } },
};

function head() {
  return { format: 'mcp-fleet-recording', version: 1 } as const;
}

const RECORDING: Recording = {
  ...head(),
  exchanges: [
    {
      method: 'initialize',
      result: {
        protocolVersion: '2025-11-25',
        capabilities: { tools: { listChanged: true }, logging: {} },
        serverInfo: { name: 'hand-written', version: '1' },
      },
    },
  ],
};
