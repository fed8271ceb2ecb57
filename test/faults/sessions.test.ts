import type { TokenProvider } from 'mcp-fleet';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { faultServer } from './fault-server.js';
import { call, clientOf, eventually, KINDS, warm } from './harness.js';
import { type CallKind, Ledger, told } from './ledger.js';
import { VirtualServer } from './virtual-server.js';
import { IS_MODERN } from './wire.js';

afterEach(() => {
  vi.useRealTimers();
});

/** Calls of every kind, all at once. */
const mixed = (count: number): CallKind[] =>
  Array.from({ length: count }, (_, index) => KINDS[index % 3] as CallKind);
const ONCE = { readAttempts: 1, idempotentAttempts: 1 };

describe.skipIf(IS_MODERN)('row 8: a server that forgets its sessions', () => {
  test('under 50 calls is initialized once more, and each call runs once', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    server.restart();
    const ledger = new Ledger();
    await Promise.all(mixed(50).map((kind) => ledger.run(kind, (nonce) => call(client, kind, nonce))));
    expect(ledger.reconcile(server.executions, ONCE)).toMatchObject({ ok: 50 });
    expect(server.initializes).toBe(2);
  });

  test('while calls are under way: those are answered, the others go on in the new session', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    server.inject({ when: 'after', what: 'delay', ms: 100 }, { times: 10 });
    const ledger = new Ledger();
    const early = mixed(10).map((kind) => ledger.run(kind, (nonce) => call(client, kind, nonce)));
    await eventually(() => expect(server.faultsMet).toBe(10));
    server.restart();
    const late = mixed(40).map((kind) => ledger.run(kind, (nonce) => call(client, kind, nonce)));
    await Promise.all([...early, ...late]);
    expect(ledger.reconcile(server.executions, ONCE)).toMatchObject({ ok: 50 });
    expect(server.initializes).toBe(2);
  });

  test('again and again does not latch it off', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    const ledger = new Ledger();
    for (let round = 0; round < 10; round++) {
      server.restart();
      for (const kind of KINDS) await ledger.run(kind, (nonce) => call(client, kind, nonce));
    }
    expect(ledger.reconcile(server.executions, ONCE)).toMatchObject({ ok: 30 });
    expect(server.initializes).toBe(11);
  });

  test('at once: a second 404 is told as rejected, or survived, and never unknown', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url }, { callTimeoutMs: 1_500 });
    await warm(client, server);
    // Every session is forgotten as soon as it has begun.
    const begins = new Set(['initialize', 'notifications/initialized']);
    server.faultFor = ({ rpc: { method } }) =>
      begins.has(method ?? '')
        ? undefined
        : { when: 'before', what: 'respond', response: () => ({ status: 404 }) };
    const ledger = new Ledger();
    const outcome = await ledger.run('tool', (nonce) => call(client, 'tool', nonce));
    expect(ledger.reconcile(server.executions)).toMatchObject({ unknown: 0 });
    expect(told(outcome)).toMatch(/^(ok|.+, rejected|TIMEOUT, not-sent)$/);
    server.heal();
    await ledger.run('tool', (nonce) => call(client, 'tool', nonce, { timeoutMs: 10_000 }));
    expect(ledger.reconcile(server.executions).ok).toBeGreaterThanOrEqual(1);
  });

  test('makes subscriptions again and reads lists again', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    await client.subscribeResource('nonce://watched');
    server.restart();
    const ledger = new Ledger();
    await ledger.run('tool', (nonce) => call(client, 'tool', nonce));
    await eventually(() => expect(server.requestsOf('resources/subscribe')).toHaveLength(2));
    await client.listTools();
    // One of them asks whether the session is still known.
    expect(server.requestsOf('tools/list')).toHaveLength(3);
    expect(ledger.reconcile(server.executions)).toMatchObject({ ok: 1 });
  });
});

/** A provider with a new token each time, and a server that takes only the newest. */
function tokens(): { provider: TokenProvider; current: () => string; asked: () => number } {
  let count = 0;
  return {
    provider: { getToken: async () => ({ token: `token-${++count}`, expiresAt: Date.now() + 3_600_000 }) },
    current: () => `Bearer token-${count}`,
    asked: () => count,
  };
}

test('row 9: a token that expires under 100 calls is fetched once more, and each call runs once', async () => {
  const { provider, current, asked } = tokens();
  await using server = await faultServer();
  await using client = clientOf({ url: server.url, auth: provider });
  await warm(client, server);
  const expired = current();
  server.options.authorize = (header) => header !== expired;
  const ledger = new Ledger();
  await Promise.all(mixed(100).map((kind) => ledger.run(kind, (nonce) => call(client, kind, nonce))));
  expect(ledger.reconcile(server.executions, ONCE)).toMatchObject({ ok: 100 });
  expect(asked()).toBe(2);
  expect(server.initializes).toBe(1);
});

test.each(KINDS)(
  'row 10: 401 for ever: at most 2 tokens a minute, and a %s call is told rejected',
  async (kind) => {
    const server = new VirtualServer();
    await using warmUp = clientOf({ url: server.url, fetch: server.fetch });
    await warmUp.connect();

    vi.useFakeTimers();
    const asked: number[] = [];
    const auth: TokenProvider = {
      getToken: async () => {
        asked.push(Date.now());
        return { token: `t${asked.length}`, expiresAt: Date.now() + 3_600_000 };
      },
    };
    server.script = () => new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } });
    const client = clientOf({ url: server.url, fetch: server.fetch, auth }, { callTimeoutMs: 5_000 });
    const ledger = new Ledger();
    const calls: Promise<unknown>[] = [];
    for (let second = 0; second < 300; second++) {
      calls.push(ledger.run(kind, (nonce) => call(client, kind, nonce)));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    await vi.advanceTimersByTimeAsync(10_000);
    await Promise.all(calls);
    const { ok, unknown } = ledger.reconcile(server.executions);
    expect([ok, unknown]).toEqual([0, 0]);
    const most = Math.max(
      ...asked.map((from) => asked.filter((at) => at >= from && at < from + 60_000).length),
    );
    expect(most).toBeLessThanOrEqual(2);
    expect(client.status).toBe('failed');
    expect(client.snapshot().lastError?.code).toBe('UNAUTHORIZED');
    const closed = client.close();
    await vi.advanceTimersByTimeAsync(15_000);
    await closed;
  },
);
