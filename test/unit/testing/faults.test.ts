import { ConfigError, type HttpServerConfig, McpClient, OutcomeUnknownError } from 'mcp-fleet';
import {
  type FakeServerOptions,
  type Fault,
  type FaultOptions,
  fakeServer,
  fakeTokens,
} from 'mcp-fleet/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { offering, rejection, text, textOf } from '../client/fakes.js';

const PROTOCOLS = ['2025-11-25', '2026-07-28'] as const;
const CALL = { method: 'tools/call' };
const NO_RETRY = { retry: false, healthCheck: false, circuitBreaker: false } as const;

/** A client that is connected and knows the tools of a server with the tool `one`. */
async function connected(settings: Partial<HttpServerConfig> = {}, options: FakeServerOptions = {}) {
  const fake = fakeServer(offering(['one']), options);
  const client = new McpClient('a', { ...fake.config, ...NO_RETRY, ...settings });
  await client.listTools();
  return {
    fake,
    client,
    count: (method: string) => fake.requests.filter((request) => request.method === method).length,
    async [Symbol.asyncDispose]() {
      await client.close();
      await fake.close();
    },
  };
}

describe.each(PROTOCOLS)('in %s, a tool call that meets', (protocol) => {
  const cases: [Fault, runs: number, delivery: string, code: string, cause?: string][] = [
    [{ kind: 'refuse' }, 0, 'not-sent', 'CONNECT_FAILED'],
    [{ kind: 'reset' }, 1, 'unknown', 'OUTCOME_UNKNOWN', 'CONNECTION_LOST'],
    [{ kind: 'reset', when: 'before' }, 0, 'unknown', 'OUTCOME_UNKNOWN', 'CONNECTION_LOST'],
    [{ kind: 'hang' }, 1, 'unknown', 'TIMEOUT'],
    [{ kind: 'hang', when: 'before' }, 0, 'unknown', 'TIMEOUT'],
    [{ kind: 'delay', ms: 5_000 }, 1, 'unknown', 'TIMEOUT'],
    [{ kind: 'delay', ms: 5_000, when: 'before' }, 0, 'unknown', 'TIMEOUT'],
    [{ kind: 'status', status: 503 }, 0, 'unknown', 'OUTCOME_UNKNOWN', 'HTTP_ERROR'],
    [{ kind: 'status', status: 504, when: 'after' }, 1, 'unknown', 'OUTCOME_UNKNOWN', 'HTTP_ERROR'],
    [{ kind: 'status', status: 429 }, 0, 'rejected', 'RATE_LIMITED'],
    [{ kind: 'status', status: 200, body: '<html>' }, 0, 'unknown', 'OUTCOME_UNKNOWN', 'PROTOCOL_ERROR'],
    [{ kind: 'end-stream' }, 1, 'unknown', 'OUTCOME_UNKNOWN', 'CONNECTION_LOST'],
    [{ kind: 'end-stream', when: 'before' }, 0, 'unknown', 'OUTCOME_UNKNOWN', 'CONNECTION_LOST'],
    [{ kind: 'malformed' }, 1, 'unknown', 'OUTCOME_UNKNOWN', 'PROTOCOL_ERROR'],
    [{ kind: 'oversize', bytes: 20_000 }, 1, 'unknown', 'OUTCOME_UNKNOWN', 'RESPONSE_TOO_LARGE'],
    [{ kind: 'wrong-id' }, 1, 'unknown', 'OUTCOME_UNKNOWN', 'CONNECTION_LOST'],
    [{ kind: 'expire-token' }, 0, 'rejected', 'UNAUTHORIZED'],
  ];

  test.each(cases)('%j ran %i times and is told as %s, %s', async (fault, runs, delivery, code, cause) => {
    await using stand = await connected({ maxResponseBytes: 10_000 }, { protocol });
    stand.fake.inject(fault, CALL);
    const timeoutMs = code === 'TIMEOUT' ? 500 : 60_000;
    const error = await rejection(stand.client.callTool({ name: 'one' }, { timeoutMs }));
    expect(error).toMatchObject({ delivery, code, ...(cause !== undefined && { cause: { code: cause } }) });
    expect(stand.fake.calls).toHaveLength(runs);
  });
});

describe.each(PROTOCOLS)('in %s, a tool call', (protocol) => {
  test('whose token expires is sent again with the next one, which stays good', async () => {
    const auth = fakeTokens('first', 'second');
    await using stand = await connected({ auth }, { protocol });
    stand.fake.inject({ kind: 'expire-token' }, CALL);
    await stand.client.callTool({ name: 'one' });
    await stand.client.callTool({ name: 'one' });
    expect(stand.fake.calls.map(({ authorization }) => authorization)).toEqual([
      'Bearer second',
      'Bearer second',
    ]);
    expect(auth.contexts.map(({ reason }) => reason)).toEqual(['initial', 'rejected']);
  });

  test('is refused as long as it has an expired token, until the server heals', async () => {
    await using stand = await connected({ headers: { authorization: 'Bearer only' } }, { protocol });
    stand.fake.inject({ kind: 'expire-token' }, CALL);
    for (const _ of [1, 2]) {
      expect(await rejection(stand.client.callTool({ name: 'one' }))).toMatchObject({
        code: 'UNAUTHORIZED',
        delivery: 'rejected',
      });
    }
    expect(await rejection(stand.client.ping())).toMatchObject({ code: 'UNAUTHORIZED' });
    stand.fake.heal();
    await stand.client.callTool({ name: 'one' });
    expect(stand.fake.calls).toHaveLength(1);
  });

  test('that is delayed is answered as if nothing had been', async () => {
    await using stand = await connected({}, { protocol });
    stand.fake.inject({ kind: 'delay', ms: 1 }, CALL);
    stand.fake.inject({ kind: 'delay', ms: 1, when: 'before' }, CALL);
    expect(textOf(await stand.client.callTool({ name: 'one' }))).toBe('one');
    expect(textOf(await stand.client.callTool({ name: 'one' }))).toBe('one');
    expect(stand.fake.calls).toHaveLength(2);
  });

  test('with an answer that is padded to less than the limit gets it', async () => {
    await using stand = await connected({ maxResponseBytes: 300_000 }, { protocol });
    stand.fake.inject({ kind: 'oversize', bytes: 200_000 }, CALL);
    expect(textOf(await stand.client.callTool({ name: 'one' }))).toBe('one');
  });

  /** A tool that tells its progress and asks before it is done. */
  function asking() {
    const done = vi.fn();
    const elicitation = vi.fn(async () => ({ action: 'decline' as const }));
    const fake = fakeServer(
      (server) => {
        server.registerTool('ask', {}, async ({ requestId, sendNotification, _meta }) => {
          const progressToken = _meta?.progressToken ?? '';
          await sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress: 1 },
          });
          const asked = await server.server.elicitInput(FORM, { relatedRequestId: requestId });
          done();
          return text(asked.action);
        });
      },
      { protocol },
    );
    const client = new McpClient('a', { ...fake.config, ...NO_RETRY, handlers: { elicitation } });
    return {
      fake,
      client,
      done,
      elicitation,
      async [Symbol.asyncDispose]() {
        await client.close();
        await fake.close();
      },
    };
  }

  test.each<[Fault]>([
    [{ kind: 'end-stream' }],
    [{ kind: 'reset' }],
    [{ kind: 'malformed' }],
    [{ kind: 'wrong-id' }],
  ])('may report progress and ask the client before %j strikes', async (fault) => {
    await using stand = asking();
    stand.fake.inject(fault, CALL);
    const onProgress = vi.fn();
    const error = await rejection(stand.client.callTool({ name: 'ask' }, { onProgress }));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(stand.elicitation).toHaveBeenCalledOnce();
    expect(stand.done).toHaveBeenCalledOnce();
    expect(onProgress).toHaveBeenCalledWith({ progress: 1 });
    // It struck once.
    expect(textOf(await stand.client.callTool({ name: 'ask' }))).toBe('decline');
    expect(stand.fake.calls).toHaveLength(2);
  });

  test('that asks is delayed at its answer', async () => {
    await using stand = asking();
    stand.fake.inject({ kind: 'delay', ms: 1 }, CALL);
    expect(textOf(await stand.client.callTool({ name: 'ask' }))).toBe('decline');
    expect(stand.fake.calls).toHaveLength(1);
  });

  test('that asks may be struck before it begins', async () => {
    await using stand = asking();
    await stand.client.listTools();
    stand.fake.inject({ kind: 'status', status: 429 }, CALL);
    expect(await rejection(stand.client.callTool({ name: 'ask' }))).toMatchObject({ delivery: 'rejected' });
    expect(stand.elicitation).not.toHaveBeenCalled();
    expect(stand.fake.calls).toEqual([]);
  });
});

describe('a tool call', () => {
  test('in a session that the server forgets goes once to a new one', async () => {
    await using stand = await connected();
    stand.fake.inject({ kind: 'forget-session' }, CALL);
    expect(textOf(await stand.client.callTool({ name: 'one' }))).toBe('one');
    expect(stand.count('initialize')).toBe(2);
    expect(stand.fake.calls).toHaveLength(1);
  });

  test('in a session meets its end alone: clients without one go on', async () => {
    await using fake = fakeServer(offering(['one']), { protocol: 'both' });
    await using newer = new McpClient('n', { ...fake.config, ...NO_RETRY, protocol: '2026-07-28' });
    await using older = new McpClient('o', { ...fake.config, ...NO_RETRY, protocol: '2025-11-25' });
    await Promise.all([newer.listTools(), older.listTools()]);
    fake.inject({ kind: 'forget-session' });
    await newer.callTool({ name: 'one' });
    expect(fake.requests.filter(({ method }) => method === 'initialize')).toHaveLength(1);
    await older.callTool({ name: 'one' });
    expect(fake.requests.filter(({ method }) => method === 'initialize')).toHaveLength(2);
    expect(fake.calls).toHaveLength(2);
  });

  test('without sessions cannot meet the end of one', async () => {
    await using fake = fakeServer(offering(['one']), { protocol: '2026-07-28' });
    const inject = () => fake.inject({ kind: 'forget-session' });
    expect(inject).toThrow(ConfigError);
    expect(inject).toThrow('forget-session needs sessions, which 2026-07-28 does not have');
  });

  test('without sessions that asks gets a status after its last answer', async () => {
    const done = vi.fn();
    await using fake = fakeServer(
      (server) => {
        server.registerTool('ask', {}, async () => {
          const { action } = await server.server.elicitInput(FORM);
          done();
          return text(action);
        });
      },
      { protocol: '2026-07-28' },
    );
    const elicitation = vi.fn(async () => ({ action: 'decline' as const }));
    await using client = new McpClient('a', { ...fake.config, ...NO_RETRY, handlers: { elicitation } });
    fake.inject({ kind: 'status', status: 504, when: 'after' }, CALL);
    const error = await rejection(client.callTool({ name: 'ask' }));
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', cause: { httpStatus: 504 } });
    expect([elicitation, done].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  });
});

describe.each(PROTOCOLS)('in %s, a fault', (protocol) => {
  test('strikes so many requests of its method and no others', async () => {
    await using stand = await connected({}, { protocol });
    stand.fake.inject({ kind: 'status', status: 503 }, { ...CALL, times: 2 });
    await stand.client.ping();
    for (const _ of [1, 2]) {
      expect(await rejection(stand.client.callTool({ name: 'one' }))).toBeInstanceOf(OutcomeUnknownError);
    }
    await stand.client.callTool({ name: 'one' });
    expect(stand.fake.calls).toHaveLength(1);
    expect(stand.count('tools/call')).toBe(3);
  });

  test('injected first strikes first', async () => {
    await using stand = await connected({}, { protocol });
    stand.fake.inject({ kind: 'status', status: 503 }, CALL);
    stand.fake.inject({ kind: 'malformed' }, CALL);
    expect(await rejection(stand.client.callTool({ name: 'one' }))).toMatchObject({
      cause: { httpStatus: 503 },
    });
    expect(await rejection(stand.client.callTool({ name: 'one' }))).toMatchObject({
      cause: { code: 'PROTOCOL_ERROR' },
    });
  });

  test.each<[string, Fault]>([
    ['after the tool ran', { kind: 'hang' }],
    ['before the tool ran', { kind: 'hang', when: 'before' }],
    ['for a while', { kind: 'delay', ms: 60_000 }],
  ])('that hangs %s breaks when the server restarts', async (_when, fault) => {
    await using stand = await connected({}, { protocol });
    stand.fake.inject(fault, CALL);
    const call = rejection(stand.client.callTool({ name: 'one' }));
    await vi.waitFor(() => expect(stand.count('tools/call')).toBe(1));
    await new Promise((resolve) => setImmediate(resolve));
    stand.fake.restart();
    expect(await call).toMatchObject({ code: 'OUTCOME_UNKNOWN', cause: { code: 'CONNECTION_LOST' } });
  });

  test('strikes the first request of a client', async () => {
    await using fake = fakeServer(offering(['one']), { protocol });
    const method = protocol === '2026-07-28' ? 'server/discover' : 'initialize';
    fake.inject({ kind: 'status', status: 500 }, { method, times: Infinity });
    await using client = new McpClient('a', { ...fake.config, ...NO_RETRY, protocol });
    expect(await rejection(client.connect())).toMatchObject({ httpStatus: 500 });
    fake.heal();
    await client.connect();
  });

  test('of a read is got over by another attempt', async () => {
    await using stand = await connected({ retry: { baseDelayMs: 1 } }, { protocol });
    stand.fake.inject({ kind: 'reset' }, { method: 'tools/list' });
    expect(await stand.client.listTools({ fresh: true })).toHaveLength(1);
  });
});

describe('a fault', () => {
  test('strikes any JSON-RPC request where no method is given, and no GET, DELETE or notification', async () => {
    await using fake = fakeServer(offering(['one']));
    fake.inject({ kind: 'status', status: 500 }, { times: Infinity });
    await using client = new McpClient('a', { ...fake.config, ...NO_RETRY });
    expect(await rejection(client.connect())).toMatchObject({ httpStatus: 500 });
    fake.heal();
    await client.connect();
    fake.inject({ kind: 'status', status: 500 });
    await vi.waitFor(() => expect(fake.requests.some(({ http }) => http === 'GET')).toBe(true));
    expect(await rejection(client.ping())).toMatchObject({ httpStatus: 500 });
    await client.ping();
  });

  test('of GET strikes the stream on which the server speaks first', async () => {
    await using fake = fakeServer(offering(['one']));
    fake.inject({ kind: 'status', status: 405 }, { method: 'GET' });
    await using client = new McpClient('a', fake.config);
    await client.connect();
    await vi.waitFor(() => expect(fake.requests.at(-1)?.http).toBe('GET'));
    // Refused once, which the client takes for a server without that stream; another GET would open it.
    const { headers = {} } = fake.requests.at(-1) ?? {};
    const opened = await fake.fetch(new Request(fake.config.url, { headers }));
    expect(opened.status).toBe(200);
    await opened.body?.cancel();
  });

  test('of an answer waits for a request that is answered', async () => {
    await using stand = await connected();
    stand.fake.restart();
    stand.fake.inject({ kind: 'wrong-id' }, CALL);
    // 404, and in the new session the wrong id.
    expect(await rejection(stand.client.callTool({ name: 'one' }))).toBeInstanceOf(OutcomeUnknownError);
    expect(stand.fake.calls).toHaveLength(1);
  });

  test('of an answer waits for a request that is answered, without sessions too', async () => {
    await using stand = await connected({}, { protocol: '2026-07-28' });
    stand.fake.inject({ kind: 'wrong-id' }, { times: 1 });
    const nonsense = new Request(stand.fake.config.url, {
      method: 'POST',
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call' }),
    });
    expect((await stand.fake.fetch(nonsense)).status).toBe(400);
    expect(await rejection(stand.client.callTool({ name: 'one' }))).toBeInstanceOf(OutcomeUnknownError);
  });

  test('of subscriptions/listen strikes the stream of changes', async () => {
    const tools = ['one'];
    await using fake = fakeServer(offering(tools), { protocol: '2026-07-28' });
    fake.inject({ kind: 'end-stream', when: 'before' }, { method: 'subscriptions/listen' });
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    const changed = client.once('catalog');
    tools.push('two');
    const listened = () => fake.requests.filter(({ method }) => method === 'subscriptions/listen').length;
    await vi.waitFor(() => expect(listened()).toBe(2), 10_000);
    await fake.notifyListChanged('tools');
    expect(await changed).toMatchObject({ added: ['two'] });
  });

  test('is what a plain fetch meets too', async () => {
    await using fake = fakeServer(offering(['one']));
    fake.inject({ kind: 'refuse' });
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize' });
    await expect(fake.fetch(new Request(fake.config.url, { method: 'POST', body }))).rejects.toMatchObject({
      name: 'TypeError',
      cause: { code: 'ECONNREFUSED' },
    });
  });

  test.each<[string, unknown, FaultOptions, string]>([
    ['an unknown kind', { kind: 'explode' }, {}, 'fault.kind'],
    ['no kind', undefined, {}, 'fault.kind'],
    ['a negative delay', { kind: 'delay', ms: -1 }, {}, 'fault.ms'],
    ['an impossible status', { kind: 'status', status: 99 }, {}, 'fault.status'],
    ['no size', { kind: 'oversize' }, {}, 'fault.bytes'],
    ['an unknown option', { kind: 'hang', after: true }, {}, 'fault.after'],
    ['a moment that cannot be', { kind: 'refuse', when: 'after' }, {}, 'fault.when'],
    ['half a time', { kind: 'hang' }, { times: 0.5 }, 'times'],
    ['an answer that is none', { kind: 'malformed' }, { method: 'GET' }, 'method'],
  ])('with %s is refused', async (_what, fault, options, path) => {
    await using fake = fakeServer(offering([]));
    expect(() => fake.inject(fault as Fault, options)).toThrow(ConfigError);
    expect(() => fake.inject(fault as Fault, options)).toThrow(expect.objectContaining({ path }));
  });
});

describe.each(PROTOCOLS)('in %s, on fake timers', (protocol) => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Time passes in steps, between which streams take their turns of the event loop. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      await vi.advanceTimersByTimeAsync(Math.min(left, 1_000));
      await new Promise((resolve) => REAL_SET_IMMEDIATE(resolve));
    }
  }

  test.each<[Fault, string]>([
    [{ kind: 'hang' }, 'TIMEOUT'],
    [{ kind: 'delay', ms: 3_600_000 }, 'TIMEOUT'],
  ])('a call that meets %j ends with its timeout, not before', async (fault, code) => {
    await using stand = await connected({ callTimeoutMs: 60_000 }, { protocol });
    stand.fake.inject(fault, CALL);
    let ended = false;
    const call = rejection(stand.client.callTool({ name: 'one' })).finally(() => {
      ended = true;
    });
    await pass(59_000);
    expect(ended).toBe(false);
    await pass(2_000);
    expect(await call).toMatchObject({ code, delivery: 'unknown' });
  });

  test('a delayed answer comes when its time has come', async () => {
    await using stand = await connected({}, { protocol });
    stand.fake.inject({ kind: 'delay', ms: 30_000 }, CALL);
    let ended = false;
    const call = stand.client.callTool({ name: 'one' }).finally(() => {
      ended = true;
    });
    await pass(29_000);
    expect(ended).toBe(false);
    await pass(2_000);
    expect(textOf(await call)).toBe('one');
  });

  test('an outage is waited out by the retries', async () => {
    await using stand = await connected({ retry: { attempts: 3 } }, { protocol });
    stand.fake.inject({ kind: 'refuse' }, { ...CALL, times: 2 });
    const call = stand.client.callTool({ name: 'one' });
    await pass(10_000);
    expect(textOf(await call)).toBe('one');
    expect(stand.fake.calls).toHaveLength(1);
  });
});

const REAL_SET_IMMEDIATE = setImmediate;

const FORM = {
  message: 'Sure?',
  requestedSchema: { type: 'object' as const, properties: { sure: { type: 'boolean' as const } } },
};
