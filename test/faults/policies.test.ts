import { afterEach, describe, expect, test, vi } from 'vitest';
import { type FaultServer, faultServer } from './fault-server.js';
import { status } from './faults.js';
import { call, clientOf, eventually, KINDS, SLACK_MS, timed, warm } from './harness.js';
import { Ledger, told } from './ledger.js';
import { never, VirtualServer } from './virtual-server.js';

afterEach(() => {
  vi.useRealTimers();
});

const isCall = ({ rpc }: { rpc: { method?: string } }) => rpc.method === 'tools/call';
const callsSeen = (server: FaultServer) => server.requestsOf('tools/call').length;

describe('the queue', () => {
  test('keeps 64 calls in flight and 256 waiting, and refuses one more', async () => {
    await using server = await faultServer();
    const client = clientOf({ url: server.url });
    await warm(client, server);
    server.inject({ when: 'after', what: 'hang' }, { on: isCall, times: 999 });
    const ledger = new Ledger();
    const abort = new AbortController();
    const { signal } = abort;
    const start = () => ledger.run('tool', (nonce) => call(client, 'tool', nonce, { signal }), signal);
    const calls = Array.from({ length: 64 + 256 }, start);
    await eventually(() => expect(callsSeen(server)).toBe(64));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(callsSeen(server)).toBe(64);
    expect(client.snapshot()).toMatchObject({ inFlight: 64, queued: 256 });
    const { ms, value } = await timed(start);
    expect(told(value)).toBe('QUEUE_FULL, not-sent');
    expect(ms).toBeLessThan(SLACK_MS);
    abort.abort();
    await Promise.all(calls);
    expect(ledger.reconcile(server.executions)).toMatchObject({ aborted: 320, 'not-sent': 1 });
    expect(server.executions.size).toBe(64);
    await client.close({ drainTimeoutMs: 0 });
  });

  test('is left in order, and by those whose deadline or caller is gone', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url }, { maxConcurrency: 1, maxQueue: 3 });
    await warm(client, server);
    server.inject({ when: 'after', what: 'delay', ms: 300 }, { on: isCall });
    const ledger = new Ledger();
    const abort = new AbortController();
    const first = ledger.run('tool', (nonce) => call(client, 'tool', nonce));
    await eventually(() => expect(server.faultsMet).toBe(1));
    const late = ledger.run('tool', (nonce) => call(client, 'tool', nonce, { timeoutMs: 100 }));
    const left = ledger.run(
      'tool',
      (nonce) => call(client, 'tool', nonce, { signal: abort.signal }),
      abort.signal,
    );
    const last = ledger.run('tool', (nonce) => call(client, 'tool', nonce));
    abort.abort(new Error('enough'));
    expect(await left).toEqual({ is: 'aborted' });
    expect(told(await late)).toBe('TIMEOUT, not-sent');
    expect([told(await first), told(await last)]).toEqual(['ok', 'ok']);
    ledger.reconcile(server.executions);
    expect(callsSeen(server)).toBe(2);
  });
});

describe('the circuit', () => {
  const five = { consecutiveFailures: 5, openMs: 60_000 };

  test.each<[string, Parameters<FaultServer['inject']>[0]]>([
    ['lost connections', { when: 'before', what: 'reset' }],
    ['5xx', status(503)],
    ['streams without an end', { when: 'after', what: 'end-stream', how: 'clean' }],
  ])('opens after five times (%s), and says so', async (_what, fault) => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url }, { retry: false, circuitBreaker: five });
    await warm(client, server);
    server.inject(fault, { times: 99 });
    const ledger = new Ledger();
    for (let count = 0; count < 8; count++) await ledger.run('tool', (nonce) => call(client, 'tool', nonce));
    expect(ledger.reconcile(server.executions)).toMatchObject({ unknown: 5, 'not-sent': 3 });
    expect(callsSeen(server)).toBe(5);
    expect(client.snapshot()).toMatchObject({ circuit: 'open' });
    const { value } = await timed(() => ledger.run('tool', (nonce) => call(client, 'tool', nonce)));
    expect(told(value)).toBe('CIRCUIT_OPEN, not-sent');
  });

  test('stays closed for what the server answers', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url }, { retry: false, circuitBreaker: five });
    await warm(client, server);
    const answer = (body: object) => ({
      when: 'after' as const,
      what: 'respond' as const,
      response: ({ id }: { id: number | string }) => ({
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id, ...body }),
      }),
    });
    server.inject(answer({ error: { code: -32_603, message: 'no' } }), { times: 8 });
    server.inject(answer({ result: { content: [], isError: true } }), { times: 8 });
    server.inject(status(400), { times: 8 });
    const ledger = new Ledger();
    for (let count = 0; count < 24; count++) await ledger.run('tool', (nonce) => call(client, 'tool', nonce));
    expect(ledger.reconcile(server.executions)).toMatchObject({ answered: 8, ok: 8 });
    expect(client.snapshot()).toMatchObject({ circuit: 'closed' });
    expect(told(await ledger.run('tool', (nonce) => call(client, 'tool', nonce)))).toBe('ok');
  });

  test('stays closed for callers who give up', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url }, { retry: false, circuitBreaker: five });
    await warm(client, server);
    server.inject({ when: 'after', what: 'hang' }, { times: 10 });
    const ledger = new Ledger();
    const abort = new AbortController();
    const { signal } = abort;
    const calls = Array.from({ length: 10 }, () =>
      ledger.run('tool', (nonce) => call(client, 'tool', nonce, { signal }), signal),
    );
    await eventually(() => expect(server.faultsMet).toBe(10));
    abort.abort();
    await Promise.all(calls);
    expect(told(await ledger.run('tool', (nonce) => call(client, 'tool', nonce)))).toBe('ok');
    ledger.reconcile(server.executions);
  });
});

describe('health', () => {
  test('a server that answers nothing while idle is found out, left, and found again', async () => {
    const server = new VirtualServer();
    await using warmUp = clientOf({ url: server.url, fetch: server.fetch });
    await warmUp.connect();

    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const client = clientOf({ url: server.url, fetch: server.fetch });
    await client.connect();
    const seen: string[] = [];
    client.on('status', ({ status: to }) => seen.push(to));
    server.requests.length = 0;
    await vi.advanceTimersByTimeAsync(5 * 60_000);
    const healthy = server.requestsOf('ping').length;
    // Every 30 s ± 20 %.
    expect(healthy).toBeGreaterThanOrEqual(7);
    expect(healthy).toBeLessThanOrEqual(13);
    expect(seen).toEqual([]);

    server.script = () => never();
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    expect(seen).toContain('unhealthy');
    expect(seen).toContain('reconnecting');
    server.script = () => undefined;
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    expect(client.status).toBe('ready');
    const ledger = new Ledger();
    for (const kind of KINDS) await ledger.run(kind, (nonce) => call(client, kind, nonce));
    expect(ledger.reconcile(server.executions)).toMatchObject({ ok: 3 });
    const closed = client.close();
    await vi.advanceTimersByTimeAsync(15_000);
    await closed;
  });

  test('a server that is used is not pinged', async () => {
    const server = new VirtualServer();
    await using warmUp = clientOf({ url: server.url, fetch: server.fetch });
    await warmUp.listTools();

    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const client = clientOf({ url: server.url, fetch: server.fetch });
    await client.listTools();
    server.requests.length = 0;
    for (let count = 0; count < 60; count++) {
      await client.callTool({ name: 'lookup', arguments: { nonce: `n${count}` } });
      await vi.advanceTimersByTimeAsync(5_000);
    }
    expect(server.requestsOf('ping')).toEqual([]);
    const closed = client.close();
    await vi.advanceTimersByTimeAsync(15_000);
    await closed;
  });
});
