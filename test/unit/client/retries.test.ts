import { CallToolRequestSchema, type ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import { type CallInterceptor, McpClient, type McpClientEvents, OutcomeUnknownError } from 'mcp-fleet';
import { type FakeServer, type Fault, fakeServer, fakeTokens } from 'mcp-fleet/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import '../../../src/session/open.js';
import '../../../src/session/transports/streamable-http.js';
import { soon } from './faked-time.js';
import { countOf, gate, offering, rejection, text, textOf, tool, watched } from './fakes.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  // lru-cache holds on to the real `performance`.
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
});
afterEach(() => vi.useRealTimers());

/** What requests of one method meet, one after the other; from then on the server works. */
function meeting(fake: FakeServer, method: string, ...faults: Fault[]): void {
  for (const fault of faults) fake.inject(fault, { method });
}
const REFUSED: Fault = { kind: 'refuse' };
const RESET: Fault = { kind: 'reset', when: 'before' };
const status = (status: number, headers: Record<string, string> = {}): Fault => ({
  kind: 'status',
  status,
  headers,
});

function calls(client: McpClient): McpClientEvents['call'][] {
  const seen: McpClientEvents['call'][] = [];
  client.on('call', (event) => seen.push(event));
  return seen;
}

describe('a tool call', () => {
  test('that was not sent is sent again, and its event counts the attempts', async () => {
    await using fake = fakeServer(offering(['one']));
    meeting(fake, 'tools/call', REFUSED, REFUSED);
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    const seen = calls(client);
    expect(textOf(await soon(client.callTool({ name: 'one' })))).toBe('one');
    expect(fake.calls).toHaveLength(1);
    expect(seen).toMatchObject([{ method: 'tools/call', outcome: 'ok', attempts: 3, cached: false }]);
  });

  test.each([
    ['a reset', RESET],
    ['500', status(500)],
    ['502', status(502)],
    ['503', status(503, { 'retry-after': '0' })],
    ['504', status(504)],
  ])('whose fate is unknown after %s is never sent again', async (_what, fault) => {
    await using fake = fakeServer(offering(['one']));
    meeting(fake, 'tools/call', fault);
    await using client = new McpClient('a', fake.config);
    const seen = calls(client);
    const error = await soon(rejection(client.callTool({ name: 'one' })));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(countOf(fake, 'tools/call')).toBe(1);
    expect(seen.at(-1)).toMatchObject({ outcome: 'failed', attempts: 1, error });
  });

  test.each([
    ['a reset', RESET],
    ['503', status(503)],
  ])('whose caller vouches for it is sent once more after %s, and not twice', async (_what, fault) => {
    await using fake = fakeServer(offering(['one']));
    meeting(fake, 'tools/call', fault, status(200), fault, fault);
    await using client = new McpClient('a', { ...fake.config, retry: { attempts: 9 } });
    expect(await soon(rejection(client.callTool({ name: 'one' }, { idempotent: true })))).toMatchObject({
      delivery: 'unknown',
    });
    expect(countOf(fake, 'tools/call')).toBe(2);
    const error = await soon(rejection(client.callTool({ name: 'one' }, { idempotent: true })));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(countOf(fake, 'tools/call')).toBe(4);
    expect(textOf(await soon(client.callTool({ name: 'one' }, { idempotent: true })))).toBe('one');
  });

  test('unknown and then not sent is unknown', async () => {
    await using fake = fakeServer(offering(['one']));
    meeting(fake, 'tools/call', status(503), REFUSED, REFUSED);
    await using client = new McpClient('a', fake.config);
    const error = await soon(rejection(client.callTool({ name: 'one' }, { idempotent: true })));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ delivery: 'unknown', cause: { code: 'CONNECT_FAILED' } });
    expect(countOf(fake, 'tools/call')).toBe(2);
  });

  test('that the server has no time for is sent again when it wants to be asked', async () => {
    await using fake = fakeServer(offering(['one']));
    meeting(fake, 'tools/call', status(429, { 'retry-after': '3' }));
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    const startedAt = Date.now();
    await soon(client.callTool({ name: 'one' }));
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(3_000);
    expect(fake.calls).toHaveLength(1);
    expect(countOf(fake, 'tools/call')).toBe(2);
    expect(client.snapshot().circuit).toBe('closed');
  });

  test('that would have to wait longer than it may fails at once', async () => {
    await using fake = fakeServer(offering(['one']));
    meeting(fake, 'tools/call', status(429, { 'retry-after': '3600' }));
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    const startedAt = Date.now();
    expect(await rejection(client.callTool({ name: 'one' }))).toMatchObject({
      code: 'RATE_LIMITED',
      delivery: 'rejected',
      retryAfterMs: 3_600_000,
    });
    expect(Date.now()).toBe(startedAt);
    expect(countOf(fake, 'tools/call')).toBe(1);
  });

  test('that its caller aborts while it waits to be sent again ends with the very reason', async () => {
    await using fake = fakeServer(offering(['one']));
    meeting(fake, 'tools/call', status(429, { 'retry-after': '30' }));
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    const seen = calls(client);
    const controller = new AbortController();
    const calling = rejection(client.callTool({ name: 'one' }, { signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.snapshot().inFlight).toBe(1);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await calling).toBe(reason);
    expect(seen).toMatchObject([{ outcome: 'aborted' }]);
    expect(fake.calls).toEqual([]);
  });

  test('is sent once where retries are off', async () => {
    await using fake = fakeServer(offering(['one']));
    meeting(fake, 'tools/call', REFUSED);
    await using client = new McpClient('a', { ...fake.config, retry: false });
    await client.listTools();
    expect(await rejection(client.callTool({ name: 'one' }))).toMatchObject({ delivery: 'not-sent' });
    expect(countOf(fake, 'tools/call')).toBe(1);
  });

  test('ends when an interceptor aborts the signal that it gave on', async () => {
    await using fake = fakeServer(offering(['one']));
    fake.inject({ kind: 'hang' }, { method: 'tools/call' });
    const controller = new AbortController();
    const own: CallInterceptor = (next) => (call) => next({ ...call, signal: controller.signal });
    await using client = new McpClient('a', { ...fake.config, interceptors: [own] });
    await client.listTools();
    const calling = rejection(client.callTool({ name: 'one' }, { timeoutMs: 30_000 }));
    for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
    controller.abort('too slow for me');
    expect(await soon(calling)).toBe('too slow for me');
  });
});

describe('50 calls under way while the server restarts', () => {
  test('each run once, in one new session, and the breaker stays closed', async () => {
    await using fake = fakeServer(offering(['one']));
    const { passed, open } = gate();
    let held = 0;
    const { config, count } = watched(fake, async ({ method }) => {
      // They are under way with the session that the server is about to forget.
      if (method !== 'tools/call' || held === 50) return undefined;
      const turn = held++;
      await passed;
      // They do not all come at the same moment.
      for (let n = 0; n < turn % 10; n++) await new Promise((resolve) => setImmediate(resolve));
      return undefined;
    });
    await using client = new McpClient('a', config);
    const circuit: unknown[] = [];
    client.on('circuit', (event) => circuit.push(event));
    await client.listTools();
    const made = Array.from({ length: 50 }, () => client.callTool({ name: 'one' }));
    while (held < 50) await new Promise((resolve) => setImmediate(resolve));
    fake.restart();
    open();
    const outcomes = await soon(Promise.allSettled(made));
    expect(outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))).toEqual([]);
    expect(fake.calls).toHaveLength(50);
    expect(count('initialize')).toBe(2);
    expect(circuit).toEqual([]);
  });
});

describe('trusted annotations', () => {
  const tools = [
    tool('plain'),
    tool('reads', { annotations: { readOnlyHint: true } }),
    tool('repeats', { annotations: { idempotentHint: true } }),
    tool('says no', { annotations: { readOnlyHint: false, idempotentHint: false } }),
  ];

  test.each([
    [true, 'plain', 1],
    [true, 'reads', 2],
    [true, 'repeats', 2],
    [true, 'says no', 1],
    [false, 'reads', 1],
    [false, 'repeats', 1],
    [undefined, 'reads', 1],
  ])('(%s) let %s be sent %i times when its fate is unknown', async (trustAnnotations, name, times) => {
    await using fake = fakeServer(offering(tools));
    fake.inject(status(503), { method: 'tools/call', times: Infinity });
    await using client = new McpClient('a', {
      ...fake.config,
      ...(trustAnnotations !== undefined && { trustAnnotations }),
    });
    expect(await soon(rejection(client.callTool({ name })))).toBeInstanceOf(OutcomeUnknownError);
    expect(countOf(fake, 'tools/call')).toBe(times);
  });
});

describe('reads', () => {
  test('are made again until they succeed, whatever became of them', async () => {
    await using fake = fakeServer((server) => {
      server.registerResource('memo', 'memo://one', {}, () => ({
        contents: [{ uri: 'memo://one', text: 'x' }],
      }));
    });
    meeting(fake, 'resources/read', RESET, status(504));
    await using client = new McpClient('a', fake.config);
    expect((await soon(client.readResource('memo://one'))).contents).toHaveLength(1);
    expect(countOf(fake, 'resources/read')).toBe(3);
  });

  test('of lists are made again, too', async () => {
    await using fake = fakeServer(offering(['one']));
    meeting(fake, 'tools/list', status(500), REFUSED);
    await using client = new McpClient('a', fake.config);
    expect(await soon(client.listTools())).toHaveLength(1);
    expect(countOf(fake, 'tools/list')).toBe(3);
  });

  test('give up after three attempts, or as many as are configured', async () => {
    for (const [retry, attempts] of [
      [{}, 3],
      [{ attempts: 2 }, 2],
      [false, 1],
    ] as const) {
      await using fake = fakeServer(offering(['one']));
      fake.inject(status(500), { method: 'ping', times: Infinity });
      await using client = new McpClient('a', { ...fake.config, retry });
      expect(await soon(rejection(client.ping()))).toMatchObject({ code: 'HTTP_ERROR', httpStatus: 500 });
      expect(countOf(fake, 'ping')).toBe(attempts);
    }
  });
});

describe('results of tools', () => {
  let n = 0;
  const run = (name: string) => ({ ...text(`${name} ${++n}`), isError: name === 'fails' });
  const tools = [
    tool('reads', { annotations: { readOnlyHint: true } }),
    tool('fails', { annotations: { readOnlyHint: true } }),
    tool('repeats', { annotations: { idempotentHint: true } }),
    tool('plain'),
  ];
  const CACHE = { trustAnnotations: true, cache: { toolTtlMs: 10_000 } };
  beforeEach(() => {
    n = 0;
  });

  test('of read-only tools are remembered for their time, by arguments, and their event says so', async () => {
    await using fake = fakeServer(offering(tools, run));
    await using client = new McpClient('a', { ...fake.config, ...CACHE });
    const seen = calls(client);
    const look = async (args?: Record<string, unknown>) =>
      textOf(await client.callTool({ name: 'reads', ...(args && { arguments: args }) }));
    expect(await look({ a: 1, b: 2 })).toBe('reads 1');
    expect(await look({ b: 2, a: 1 })).toBe('reads 1');
    expect(await look({ a: 2 })).toBe('reads 2');
    expect(await look()).toBe('reads 3');
    expect(seen.map(({ cached, attempts }) => [cached, attempts])).toEqual([
      [false, 1],
      [true, 0],
      [false, 1],
      [false, 1],
    ]);
    await vi.advanceTimersByTimeAsync(10_001);
    expect(await look({ a: 1, b: 2 })).toBe('reads 4');
  });

  test('are copies', async () => {
    await using fake = fakeServer(offering(tools, run));
    await using client = new McpClient('a', { ...fake.config, ...CACHE });
    const result = await client.callTool({ name: 'reads' });
    result.content.length = 0;
    expect(textOf(await client.callTool({ name: 'reads' }))).toBe('reads 1');
  });

  test.each([
    ['of a tool that is not read-only', 'plain', CACHE, {}],
    ['of a tool that may be repeated but is not read-only', 'repeats', CACHE, {}],
    ['that are failures', 'fails', CACHE, {}],
    ['where the hints are not trusted', 'reads', { cache: { toolTtlMs: 10_000 } }, {}],
    ['where no time is configured', 'reads', { trustAnnotations: true }, {}],
    ['where the cache is off', 'reads', { trustAnnotations: true, cache: false as const }, {}],
    ['that the caller wants fresh', 'reads', CACHE, { cache: false }],
    [
      'that belong to a token of one request',
      'reads',
      { ...CACHE, auth: { getToken: async () => 'plain' } },
      {},
    ],
  ])('%s are not remembered', async (_what, name, settings, options) => {
    await using fake = fakeServer(offering(tools, run));
    await using client = new McpClient('a', { ...fake.config, ...settings });
    await client.callTool({ name }, options);
    await client.callTool({ name }, options);
    expect(fake.calls).toHaveLength(2);
  });

  test('that belong to a token that is kept are remembered', async () => {
    await using fake = fakeServer(offering(tools, run));
    await using client = new McpClient('a', { ...fake.config, ...CACHE, auth: fakeTokens('kept') });
    await client.callTool({ name: 'reads' });
    await client.callTool({ name: 'reads' });
    expect(fake.calls).toHaveLength(1);
  });

  test('that a caller did not want remembered are not given to others', async () => {
    await using fake = fakeServer(offering(tools, run));
    await using client = new McpClient('a', { ...fake.config, ...CACHE });
    await client.callTool({ name: 'reads' }, { cache: false });
    expect(textOf(await client.callTool({ name: 'reads' }))).toBe('reads 2');
  });

  test('do not outlive the session', async () => {
    await using fake = fakeServer(offering(tools, run));
    await using client = new McpClient('a', { ...fake.config, ...CACHE });
    await client.callTool({ name: 'reads' });
    fake.restart();
    await soon(client.ping());
    expect(textOf(await soon(client.callTool({ name: 'reads' })))).toBe('reads 2');
  });

  test('pass the interceptors all the same', async () => {
    let passed = 0;
    const count: CallInterceptor = (next) => (call) => {
      passed++;
      return next(call);
    };
    await using fake = fakeServer(offering(tools, run));
    await using client = new McpClient('a', { ...fake.config, ...CACHE, interceptors: [count] });
    await client.callTool({ name: 'reads' });
    await client.callTool({ name: 'reads' });
    expect(passed).toBe(2);
    expect(fake.calls).toHaveLength(1);
  });
});

describe('resources', () => {
  function memos() {
    let n = 0;
    return fakeServer((server) => {
      for (const uri of ['memo://one', 'memo://two'])
        server.registerResource(uri, uri, {}, () => ({ contents: [{ uri, text: `${++n}` }] }));
    });
  }
  const textIn = ({ contents }: ReadResourceResult) => (contents[0] as { text?: string }).text;

  test('are remembered for their time, by URI', async () => {
    await using fake = memos();
    await using client = new McpClient('a', { ...fake.config, cache: { resourceTtlMs: 10_000 } });
    const seen = calls(client);
    expect(textIn(await client.readResource('memo://one'))).toBe('1');
    expect(textIn(await client.readResource('memo://one'))).toBe('1');
    expect(textIn(await client.readResource('memo://two'))).toBe('2');
    expect(seen.map(({ cached }) => cached)).toEqual([false, true, false]);
    await vi.advanceTimersByTimeAsync(10_001);
    expect(textIn(await client.readResource('memo://one'))).toBe('3');
  });

  test('are forgotten when the server says that they have changed', async () => {
    let update = (_uri: string) => Promise.resolve();
    let n = 0;
    await using fake = fakeServer((server) => {
      server.registerResource('one', 'memo://one', {}, () => ({
        contents: [{ uri: 'memo://one', text: `${++n}` }],
      }));
      server.registerTool('update', {}, async () => {
        await update('memo://one');
        return { content: [] };
      });
      update = (uri) => server.server.sendResourceUpdated({ uri });
    });
    await using client = new McpClient('a', { ...fake.config, cache: { resourceTtlMs: 10_000 } });
    expect(textIn(await client.readResource('memo://one'))).toBe('1');
    const updated = client.once('resource');
    await client.callTool({ name: 'update' });
    await updated;
    expect(textIn(await client.readResource('memo://one'))).toBe('2');
  });

  test.each([
    ['unless configured', {}],
    ['where the cache is off', { cache: false as const }],
    [
      'with a token of one request',
      { cache: { resourceTtlMs: 10_000 }, auth: { getToken: async () => 'plain' } },
    ],
  ])('are not remembered %s', async (_when, settings) => {
    await using fake = memos();
    await using client = new McpClient('a', { ...fake.config, ...settings });
    expect(textIn(await client.readResource('memo://one'))).toBe('1');
    expect(textIn(await client.readResource('memo://one'))).toBe('2');
  });
});

describe('the queue', () => {
  test('lets so many calls run, so many wait, and refuses the next one at once', async () => {
    const { passed, open } = gate();
    let running = 0;
    let most = 0;
    await using fake = fakeServer(({ server }) => {
      server.registerCapabilities({ tools: {} });
      server.setRequestHandler(CallToolRequestSchema, async () => {
        most = Math.max(most, ++running);
        await passed;
        running--;
        return text('done');
      });
    });
    await using client = new McpClient('a', { ...fake.config, maxConcurrency: 2, maxQueue: 3 });
    // Its tools cannot be listed, which is found out once.
    const warm = client.callTool({ name: 'any' });
    while (fake.calls.length < 1) await new Promise((resolve) => setImmediate(resolve));
    const others = Array.from({ length: 4 }, () => client.callTool({ name: 'any' }));
    while (client.snapshot().queued < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(client.snapshot()).toMatchObject({ inFlight: 2, queued: 3 });
    const startedAt = Date.now();
    expect(await rejection(client.callTool({ name: 'any' }))).toMatchObject({
      code: 'QUEUE_FULL',
      server: 'a',
      delivery: 'not-sent',
    });
    expect(Date.now()).toBe(startedAt);
    open();
    await Promise.all([warm, ...others]);
    expect(most).toBe(2);
    expect(client.snapshot()).toMatchObject({ inFlight: 0, queued: 0 });
    expect(fake.calls).toHaveLength(5);
  });
});
