import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { CallToolRequestSchema, ListResourcesRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { ConfigError } from 'mcp-fleet';
import { type FakeServer, type FakeServerOptions, fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test, vi } from 'vitest';
import { offering, text } from '../client/fakes.js';

const MODERN = { protocol: '2026-07-28' } as const;
const KEY = 'io.modelcontextprotocol';
const FORM = { message: 'Who?', requestedSchema: { type: 'object' as const, properties: {} } };

interface Sent {
  params?: Record<string, unknown>;
  headers?: Record<string, string>;
  meta?: object | undefined;
  capabilities?: object;
  signal?: AbortSignal;
}

/** A request as clients of 2026-07-28 send it, but for what is given. */
function send(fake: FakeServer, method: string, sent: Sent = {}): Promise<Response> {
  const { params = {}, headers = {}, capabilities = {}, signal = null } = sent;
  const _meta = {
    [`${KEY}/protocolVersion`]: '2026-07-28',
    [`${KEY}/clientCapabilities`]: capabilities,
    ...sent.meta,
  };
  const subject = params.name ?? params.uri;
  const request = new Request(fake.config.url, {
    method: 'POST',
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(subject !== undefined && { 'mcp-name': String(subject) }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }),
    signal,
  });
  return fake.fetch(request);
}

interface Message {
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { code: number; message: string; data?: unknown };
}

function messagesIn(said: string): Message[] {
  return said
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)));
}

/** Everything that was said, the answer last. */
async function said(response: Response | Promise<Response>): Promise<Message[]> {
  return messagesIn(await (await response).text());
}

async function answer(response: Response | Promise<Response>): Promise<Message> {
  return (await said(response)).at(-1) ?? {};
}

/** The status of a refusal, and its error. */
async function refusal(response: Promise<Response>): Promise<[number, Message['error']]> {
  const { status, ...rest } = await response.then(async (refused) => ({
    status: refused.status,
    body: (await refused.json()) as Message,
  }));
  return [status, rest.body.error];
}

function everyList(server: McpServer): void {
  server.registerTool('one', {}, () => text('one'));
  server.registerResource('note', 'file:///note', {}, () => ({
    contents: [{ uri: 'file:///note', text: 'N' }],
  }));
  server.registerPrompt('greet', {}, () => ({ messages: [] }));
  server.server.registerCapabilities({ resources: { subscribe: true } });
}

/** A tool that asks. */
function asking(server: McpServer): void {
  server.registerTool('ask', {}, async () => text((await server.server.elicitInput(FORM)).action));
}

describe('a server of 2026-07-28 alone', () => {
  test.each([
    [{ 'content-type': 'application/json' }, '2025-06-18'],
    // Whatever the field says.
    [{ 'mcp-protocol-version': '2026-07-28' }, '2025-06-18'],
  ])('refuses initialize with what it speaks (%j)', async (headers, protocolVersion) => {
    await using fake = fakeServer(everyList, MODERN);
    const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'c', version: '1' } };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'initialize', params });
    const response = await fake.fetch(new Request(fake.config.url, { method: 'POST', headers, body }));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      id: 7,
      error: { code: -32_022, data: { supported: ['2026-07-28'], requested: protocolVersion } },
    });
  });

  test('refuses requests of older clients, and has nothing but POST', async () => {
    await using fake = fakeServer(everyList, MODERN);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    const list = fake.fetch(new Request(fake.config.url, { method: 'POST', body }));
    expect(await refusal(list)).toMatchObject([400, { code: -32_022, data: { supported: ['2026-07-28'] } }]);
    for (const method of ['GET', 'DELETE'])
      expect((await fake.fetch(new Request(fake.config.url, { method }))).status).toBe(405);
  });

  test('refuses another revision in its own envelope', async () => {
    await using fake = fakeServer(everyList, MODERN);
    const other = '2027-01-01';
    const asked = send(fake, 'tools/list', {
      headers: { 'mcp-protocol-version': other },
      meta: { [`${KEY}/protocolVersion`]: other },
    });
    expect(await refusal(asked)).toMatchObject([
      400,
      { code: -32_022, data: { supported: ['2026-07-28'], requested: other } },
    ]);
  });

  test.each(['protocolVersion', 'clientCapabilities'])('refuses an envelope without %s', async (key) => {
    await using fake = fakeServer(everyList, MODERN);
    const asked = send(fake, 'tools/list', { meta: { [`${KEY}/${key}`]: undefined } });
    expect(await refusal(asked)).toMatchObject([
      400,
      { code: -32_602, message: expect.stringContaining(key) },
    ]);
  });

  test.each(['ping', 'logging/setLevel', 'resources/subscribe', 'nonsense'])(
    'does not know %s',
    async (method) => {
      await using fake = fakeServer(everyList, MODERN);
      expect(await refusal(send(fake, method))).toMatchObject([404, { code: -32_601 }]);
    },
  );

  test('describes itself', async () => {
    await using fake = fakeServer(everyList, MODERN);
    const { result } = await answer(send(fake, 'server/discover'));
    expect(result).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: expect.objectContaining({ tools: { listChanged: true }, logging: {} }),
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { [`${KEY}/serverInfo`]: { name: 'fake-server', version: '1.0.0' } },
    });
  });

  test('what build throws rejects the request', async () => {
    await using fake = fakeServer(() => {
      throw new Error('no such tool file');
    }, MODERN);
    await expect(send(fake, 'tools/list')).rejects.toThrow('no such tool file');
  });
});

describe('results', () => {
  const LISTS = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'];
  const hintsOf = async (fake: FakeServer, method: string, params = {}) => {
    const { result = {} } = await answer(send(fake, method, { params }));
    return [result.resultType, result.ttlMs, result.cacheScope];
  };

  test('say that they are complete; lists and reads, that they do not hold', async () => {
    await using fake = fakeServer(everyList, MODERN);
    for (const method of LISTS) expect(await hintsOf(fake, method)).toEqual(['complete', 0, 'private']);
    const read = await hintsOf(fake, 'resources/read', { uri: 'file:///note' });
    expect(read).toEqual(['complete', 0, 'private']);
    expect(await hintsOf(fake, 'tools/call', { name: 'one' })).toEqual(['complete', undefined, undefined]);
  });

  test('hold as long as cacheHints say, field by field', async () => {
    const cacheHints = {
      'tools/list': { ttlMs: 60_000, cacheScope: 'public' },
      'resources/read': { ttlMs: 5 },
      'server/discover': { cacheScope: 'public' },
    } as const;
    await using fake = fakeServer(everyList, { ...MODERN, cacheHints });
    expect(await hintsOf(fake, 'tools/list')).toEqual(['complete', 60_000, 'public']);
    expect(await hintsOf(fake, 'resources/read', { uri: 'file:///note' })).toEqual([
      'complete',
      5,
      'private',
    ]);
    expect(await hintsOf(fake, 'server/discover')).toEqual(['complete', 0, 'public']);
    expect(await hintsOf(fake, 'prompts/list')).toEqual(['complete', 0, 'private']);
  });

  test('that say it by themselves come first', async () => {
    await using fake = fakeServer(
      (server) => {
        const read = () => ({ contents: [{ uri: 'file:///x', text: 'X' }], ttlMs: 7 });
        server.registerResource('x', 'file:///x', {}, read);
      },
      { ...MODERN, cacheHints: { 'resources/read': { ttlMs: 5, cacheScope: 'public' } } },
    );
    expect(await hintsOf(fake, 'resources/read', { uri: 'file:///x' })).toEqual(['complete', 7, 'public']);
  });

  test('to clients of older revisions say nothing of it', async () => {
    await using fake = fakeServer(everyList, { cacheHints: { 'tools/list': { ttlMs: 60_000 } } });
    const init = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
    const post = (method: string, params: object, more = {}) =>
      fake.fetch(
        new Request(fake.config.url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            ...more,
          },
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        }),
      );
    const opened = await post('initialize', init);
    await opened.text();
    const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    const { result } = await answer(post('tools/list', {}, session));
    expect(Object.keys(result ?? {})).toEqual(['tools']);
  });
});

describe('input', () => {
  const PARAMS = { name: 'ask' };
  const ASKED = { params: PARAMS, capabilities: { elicitation: {} } };

  test('is asked for in the answer, and the call goes on with it', async () => {
    await using fake = fakeServer(asking, MODERN);
    const { result = {} } = await answer(send(fake, 'tools/call', ASKED));
    expect(result).toEqual({
      resultType: 'input_required',
      inputRequests: { 'question-1': { method: 'elicitation/create', params: { mode: 'form', ...FORM } } },
      requestState: expect.any(String),
    });
    const { requestState } = result;
    const inputResponses = { 'question-1': { action: 'decline' }, unasked: { action: 'accept' } };
    const params = { ...PARAMS, requestState, inputResponses };
    const done = await answer(send(fake, 'tools/call', { ...ASKED, params }));
    expect(done.result).toMatchObject({ resultType: 'complete', ...text('decline') });
    expect(fake.calls).toHaveLength(1);
  });

  test.each([undefined, {}, { 'question-1': 'yes' }])(
    'that is not given (%j) is asked for again',
    async (given) => {
      await using fake = fakeServer(asking, MODERN);
      const first = await answer(send(fake, 'tools/call', ASKED));
      const params = {
        ...PARAMS,
        requestState: first.result?.requestState,
        ...(given && { inputResponses: given }),
      };
      const second = await answer(send(fake, 'tools/call', { ...ASKED, params }));
      expect(second.result).toMatchObject({
        resultType: 'input_required',
        inputRequests: { 'question-1': { method: 'elicitation/create' } },
      });
      expect(second.result?.requestState).not.toBe(first.result?.requestState);
      expect(fake.calls).toHaveLength(1);
    },
  );

  test('is followed by progress under the token of the request that goes on', async () => {
    await using fake = fakeServer((server) => {
      server.registerTool('ask', {}, async ({ sendNotification, _meta }) => {
        await server.server.elicitInput(FORM);
        const progressToken = _meta?.progressToken ?? '';
        await sendNotification({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
        return text('done');
      });
    }, MODERN);
    const tokens = async (progressToken?: string) => {
      const first = await answer(send(fake, 'tools/call', { ...ASKED, meta: { progressToken: 'first' } }));
      const { requestState } = first.result ?? {};
      const params = {
        ...PARAMS,
        requestState,
        inputResponses: { 'question-1': { action: 'decline' } },
      };
      const meta = progressToken === undefined ? {} : { progressToken };
      const messages = await said(send(fake, 'tools/call', { ...ASKED, params, meta }));
      return messages.map(({ params: told }) => told?.progressToken);
    };
    expect(await tokens('second')).toEqual(['second', undefined]);
    // Who gives no token any more is told nothing.
    expect(await tokens()).toEqual([undefined]);
  });

  test('several things are asked for at once', async () => {
    await using fake = fakeServer((server) => {
      server.registerTool('ask', {}, async () => {
        await Promise.all([server.server.elicitInput(FORM), server.server.listRoots()]);
        return text('both');
      });
    }, MODERN);
    const asked = { params: PARAMS, capabilities: { elicitation: {}, roots: {} } };
    const { result = {} } = await answer(send(fake, 'tools/call', asked));
    const questions = Object.values(result.inputRequests as Record<string, { method: string }>);
    expect(questions.map(({ method }) => method)).toEqual(['elicitation/create', 'roots/list']);
  });

  test.each(['forged', '', 7])(
    'with a requestState that nobody gave out (%j) is refused, and nothing runs',
    async (requestState) => {
      await using fake = fakeServer(asking, MODERN);
      const params = { ...PARAMS, requestState };
      expect(await refusal(send(fake, 'tools/call', { ...ASKED, params }))).toMatchObject([
        400,
        { code: -32_602, message: expect.stringContaining('requestState') },
      ]);
      expect(fake.calls).toEqual([]);
    },
  );

  test('is given once: a requestState does not work twice, nor after a restart', async () => {
    await using fake = fakeServer(asking, MODERN);
    for (const use of ['answer', 'restart']) {
      const { result } = await answer(send(fake, 'tools/call', ASKED));
      const params = {
        ...PARAMS,
        requestState: result?.requestState,
        inputResponses: { 'question-1': { action: 'decline' } },
      };
      if (use === 'restart') fake.restart();
      else await answer(send(fake, 'tools/call', { ...ASKED, params }));
      expect(await refusal(send(fake, 'tools/call', { ...ASKED, params }))).toMatchObject([
        400,
        { code: -32_602 },
      ]);
    }
    expect(fake.calls).toHaveLength(2);
  });

  test('is not asked of a client that has not said that it can', async () => {
    const asked = vi.fn();
    await using fake = fakeServer(({ server }) => {
      server.registerCapabilities({ tools: {} });
      server.setRequestHandler(CallToolRequestSchema, async () => {
        await server.listRoots().catch((error) => {
          asked(error);
          throw error;
        });
        return text('never');
      });
    }, MODERN);
    expect(await refusal(send(fake, 'tools/call', { params: PARAMS }))).toMatchObject([
      400,
      { code: -32_021, data: { requiredCapabilities: { roots: {} } } },
    ]);
    expect(asked).toHaveBeenCalledOnce();
  });

  test('is not asked for in the answer to a list', async () => {
    await using fake = fakeServer((server) => {
      server.registerTool('one', {}, () => text('one'));
      server.registerResource('note', 'file:///note', {}, () => ({ contents: [] }));
      server.server.setRequestHandler(ListResourcesRequestSchema, async () => {
        await server.server.listRoots();
        return { resources: [] };
      });
    }, MODERN);
    const asked = send(fake, 'resources/list', { capabilities: { roots: {} } });
    expect((await asked).status).toBe(404);
  });
});

describe('notifications', () => {
  test('of a call are its progress, and its logs where it asks for them', async () => {
    await using fake = fakeServer((server) => {
      server.registerTool('steps', {}, async ({ _meta, sendNotification }) => {
        const progressToken = _meta?.progressToken ?? '';
        await sendNotification({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
        await server.sendLoggingMessage({ level: 'info', data: 'quiet' });
        await server.sendLoggingMessage({ level: 'error', data: 'loud' });
        return text('done');
      });
    }, MODERN);
    const heard = async (meta: object) => {
      const messages = await said(
        send(fake, 'tools/call', { params: { name: 'steps' }, meta: { progressToken: 9, ...meta } }),
      );
      return messages.map(({ method, params }) => [method, params?.data ?? params?.progressToken]);
    };
    const PROGRESS = ['notifications/progress', 9];
    const ANSWER = [undefined, undefined];
    expect(await heard({})).toEqual([PROGRESS, ANSWER]);
    expect(await heard({ [`${KEY}/logLevel`]: 'warning' })).toEqual([
      PROGRESS,
      ['notifications/message', 'loud'],
      ANSWER,
    ]);
  });

  /** What a client that listens is told until the server closes. */
  async function listen(fake: FakeServer, notifications: object, signal?: AbortSignal) {
    const params = { notifications };
    const response = await send(fake, 'subscriptions/listen', { params, ...(signal && { signal }) });
    return { response, heard: said(response) };
  }
  const OF_1 = { _meta: { [`${KEY}/subscriptionId`]: 1 } };

  test('go to those who listen for them, after what is acknowledged', async () => {
    const fake = fakeServer(everyList, MODERN);
    const wanted = { toolsListChanged: true, resourceSubscriptions: ['file:///note'], nonsense: true };
    const { response, heard } = await listen(fake, wanted);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    await fake.notifyListChanged('tools');
    await fake.notifyListChanged('prompts');
    await fake.notifyResourceUpdated('file:///other');
    await fake.notifyResourceUpdated('file:///note');
    await fake.close();
    const { nonsense: _nonsense, ...honoured } = wanted;
    expect(await heard).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/subscriptions/acknowledged',
        params: { notifications: honoured, ...OF_1 },
      },
      { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: OF_1 },
      { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'file:///note', ...OF_1 } },
      { jsonrpc: '2.0', id: 1, result: { resultType: 'complete', ...OF_1 } },
    ]);
  });

  test('that the server does not send are not acknowledged', async () => {
    const fake = fakeServer(offering(['one']), MODERN);
    const { heard } = await listen(fake, { promptsListChanged: true, resourceSubscriptions: ['file:///x'] });
    await fake.close();
    expect((await heard)[0]?.params?.notifications).toEqual({});
  });

  test('end with a restart without an answer, and begin again', async () => {
    const fake = fakeServer(everyList, MODERN);
    const { heard } = await listen(fake, { toolsListChanged: true });
    fake.restart();
    expect((await heard).map(({ method }) => method)).toEqual(['notifications/subscriptions/acknowledged']);
    const again = await listen(fake, { toolsListChanged: true });
    await fake.notifyListChanged('tools');
    await fake.close();
    expect((await again.heard).map(({ method }) => method)).toEqual([
      'notifications/subscriptions/acknowledged',
      'notifications/tools/list_changed',
      undefined,
    ]);
  });

  test('are not sent any more to who has left', async () => {
    const fake = fakeServer(everyList, MODERN);
    const leave = new AbortController();
    const { heard } = await listen(fake, { toolsListChanged: true }, leave.signal);
    leave.abort(new Error('enough'));
    await expect(heard).rejects.toThrow('enough');
    await fake.notifyListChanged('tools');
    const other = await listen(fake, { toolsListChanged: true });
    await fake.close();
    expect((await other.heard)[1]?.method).toBe('notifications/tools/list_changed');
  });

  test('that a tool causes go there, too, and not into its answer', async () => {
    const fake = fakeServer((server) => {
      everyList(server);
      server.registerTool('touch', {}, async () => {
        await server.server.sendResourceUpdated({ uri: 'file:///note' });
        server.sendToolListChanged();
        return text('touched');
      });
    }, MODERN);
    const { heard } = await listen(fake, { toolsListChanged: true, resourceSubscriptions: ['file:///note'] });
    expect(await said(send(fake, 'tools/call', { params: { name: 'touch' } }))).toHaveLength(1);
    await fake.close();
    expect((await heard).slice(1, 3).map(({ method }) => method)).toEqual([
      'notifications/resources/updated',
      'notifications/tools/list_changed',
    ]);
  });
});

test.each<[unknown, string]>([
  [{ protocol: '2024-11-05' }, 'options.protocol'],
  [{ protocol: null }, 'options.protocol'],
  [{ protokoll: 'both' }, 'options.protokoll'],
  [{ cacheHints: [] }, 'options.cacheHints'],
  [{ cacheHints: { 'tools/call': {} } }, 'options.cacheHints.tools/call'],
  [{ cacheHints: { 'tools/list': 5 } }, 'options.cacheHints.tools/list'],
  [{ cacheHints: { 'tools/list': { ttlMs: -1 } } }, 'options.cacheHints.tools/list.ttlMs'],
  [{ cacheHints: { 'tools/list': { ttlMs: 0.5 } } }, 'options.cacheHints.tools/list.ttlMs'],
  [{ cacheHints: { 'tools/list': { cacheScope: 'mine' } } }, 'options.cacheHints.tools/list.cacheScope'],
  ['2026-07-28', 'options'],
])('the options %j are refused', (options, path) => {
  const make = () => fakeServer(everyList, options as FakeServerOptions);
  expect(make).toThrow(ConfigError);
  expect(make).toThrow(expect.objectContaining({ path }));
});
