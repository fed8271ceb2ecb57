import { createServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { listenOnLoopback } from '../fixtures/loopback.js';
import { blackHole } from './black-hole.js';
import { type FaultServer, faultServer } from './fault-server.js';
import { call, clientOf, inParallel, KINDS, SLACK_MS, timed, warm } from './harness.js';
import { Ledger, told } from './ledger.js';
import { Random } from './random.js';

afterEach(() => {
  vi.useRealTimers();
});

describe.each(KINDS)('row 1: before a %s request has left', (kind) => {
  test('a refused connection is tried again, and the call runs once', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    const ledger = new Ledger();
    await server.refuse();
    await noticed();
    const called = ledger.run(kind, (nonce) => call(client, kind, nonce));
    await noticed();
    await server.accept();
    expect(told(await called)).toBe('ok');
    expect(ledger.reconcile(server.executions, { readAttempts: 1, idempotentAttempts: 1 })).toMatchObject({
      ok: 1,
    });
  });

  test('a server that is never there is not-sent, within the deadline', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url }, { callTimeoutMs: 600 });
    await warm(client, server);
    await server.refuse();
    await noticed();
    const ledger = new Ledger();
    const { ms } = await timed(() => ledger.run(kind, (nonce) => call(client, kind, nonce)));
    expect(ledger.reconcile(server.executions)).toMatchObject({ 'not-sent': 1 });
    expect(ms).toBeLessThan(600 + SLACK_MS);
  });

  test('a name that does not resolve at first is asked for again', async () => {
    await using server = await faultServer();
    let lookups = 0;
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const isCall = typeof init?.body === 'string' && /"(tools\/call|resources\/read)"/.test(init.body);
      if (isCall && ++lookups === 1) {
        const cause = Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' });
        throw new TypeError('fetch failed', { cause });
      }
      return globalThis.fetch(input, init);
    };
    await using client = clientOf({ url: server.url, fetch });
    const ledger = new Ledger();
    await ledger.run(kind, (nonce) => call(client, kind, nonce));
    expect(ledger.reconcile(server.executions, { readAttempts: 1, idempotentAttempts: 1 })).toMatchObject({
      ok: 1,
    });
    expect(lookups).toBe(2);
  });

  test('a black hole is not-sent, within the deadline', async () => {
    await using hole = await blackHole();
    await using client = clientOf({ url: hole.url }, { callTimeoutMs: 700, connectTimeoutMs: 250 });
    const ledger = new Ledger();
    const { ms } = await timed(() => ledger.run(kind, (nonce) => call(client, kind, nonce)));
    expect(ledger.reconcile(new Map())).toMatchObject({ 'not-sent': 1 });
    expect(ms).toBeLessThan(700 + SLACK_MS);
  });

  test('a host that resets every connection is told with the truth, within the deadline', async () => {
    const accepted: unknown[] = [];
    await using host = await listenOnLoopback(
      createServer((socket) => {
        accepted.push(socket);
        socket.resetAndDestroy();
      }),
    );
    await using client = clientOf({ url: `http://127.0.0.1:${host.port}/mcp` }, { callTimeoutMs: 600 });
    const ledger = new Ledger();
    const { ms } = await timed(() => ledger.run(kind, (nonce) => call(client, kind, nonce)));
    expect(ledger.reconcile(new Map())).toMatchObject({ 'not-sent': 1 });
    expect(ms).toBeLessThan(600 + SLACK_MS);
    expect(accepted.length).toBeGreaterThan(0);
  });
});

describe('row 2: a reset after the request', () => {
  async function reset(kind: (typeof KINDS)[number], when: 'before' | 'after', times = 1) {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    server.inject({ when, what: 'reset' }, { times });
    const ledger = new Ledger();
    const { ms, value } = await timed(() => ledger.run(kind, (nonce) => call(client, kind, nonce)));
    ledger.reconcile(server.executions);
    return {
      ms,
      outcome: told(value),
      executions: [...server.executions.values()],
      faults: server.faultsMet,
    };
  }

  test.each(['before', 'after'] as const)(
    'of a tool call, %s it ran: unknown at once, never again',
    async (when) => {
      const { ms, outcome, executions, faults } = await reset('tool', when, 3);
      expect(outcome).toBe('OUTCOME_UNKNOWN, unknown');
      expect(executions).toEqual(when === 'after' ? [1] : []);
      expect(faults).toBe(1);
      expect(ms).toBeLessThan(50 + SLACK_MS);
    },
  );

  test.each(['before', 'after'] as const)('of a read, %s it ran: repeated', async (when) => {
    const { outcome, executions } = await reset('read', when, 2);
    expect(outcome).toBe('ok');
    expect(executions).toEqual([when === 'after' ? 3 : 1]);
  });

  test.each(['before', 'after'] as const)('of an idempotent call, %s it ran: repeated', async (when) => {
    const { outcome, executions } = await reset('idempotent', when);
    expect(outcome).toBe('ok');
    expect(executions).toEqual([when === 'after' ? 2 : 1]);
  });

  test('of an idempotent call, twice: two attempts in all, then unknown', async () => {
    const { outcome, executions, faults } = await reset('idempotent', 'after', 3);
    expect(outcome).toBe('OUTCOME_UNKNOWN, unknown');
    expect(executions).toEqual([2]);
    expect(faults).toBe(2);
  });

  test('of a read, for ever: three attempts, then an error that says unknown', async () => {
    const { outcome, faults } = await reset('read', 'after', 9);
    expect(outcome).toBe('CONNECTION_LOST, unknown');
    expect(faults).toBe(3);
  });

  test.each(['idempotent', 'read'] as const)(
    'of a %s call, and then nobody listens: what may have run is never called not-sent',
    async (kind) => {
      await using server = await faultServer();
      await using client = clientOf({ url: server.url }, { callTimeoutMs: 2_000 });
      await warm(client, server);
      let gone: Promise<void> | undefined;
      server.faultFor = ({ rpc }) => {
        if (rpc.method !== 'tools/call' && rpc.method !== 'resources/read') return undefined;
        gone = server.refuse();
        return { when: 'after', what: 'reset' };
      };
      const ledger = new Ledger();
      const outcome = await ledger.run(kind, (nonce) => call(client, kind, nonce));
      await gone;
      expect(server.executions.size).toBe(1);
      expect(outcome).toMatchObject({ is: 'error', delivery: 'unknown' });
      ledger.reconcile(server.executions);
    },
  );
});

describe('trusted annotations', () => {
  const tools = ['charge', 'lookup', 'put'] as const;
  test.each(tools)('%s, whose answer is lost, with trustAnnotations', async (name) => {
    const { outcome, ran } = await lost(name, true);
    if (name === 'charge') expect([outcome, ran]).toEqual(['OUTCOME_UNKNOWN, unknown', 1]);
    else expect([outcome, ran]).toEqual(['ok', 2]);
  });

  test.each(tools)('%s, whose answer is lost, without', async (name) => {
    const { outcome, ran } = await lost(name, false);
    expect([outcome, ran]).toEqual(['OUTCOME_UNKNOWN, unknown', 1]);
  });

  async function lost(name: string, trustAnnotations: boolean) {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url }, { trustAnnotations });
    await warm(client, server);
    server.inject({ when: 'after', what: 'reset' });
    const ledger = new Ledger();
    const kind = name === 'charge' || !trustAnnotations ? 'tool' : 'idempotent';
    const value = await ledger.run(kind, (nonce) => client.callTool({ name, arguments: { nonce } }));
    ledger.reconcile(server.executions);
    return { outcome: told(value), ran: server.executions.values().next().value };
  }
});

test('row 3: 10,000 calls on connections that the server ends whenever it likes: never twice', async () => {
  const random = new Random(20_261_122);
  await using server = await faultServer();
  await using client = clientOf({ url: server.url }, { circuitBreaker: false, callTimeoutMs: 10_000 });
  await warm(client, server);
  const ending = endConnections(server, random);
  const ledger = new Ledger();
  const kinds = Array.from({ length: 10_000 }, () => random.pick(KINDS));
  await inParallel(kinds, 12, (kind) => ledger.run(kind, (nonce) => call(client, kind, nonce)));
  clearInterval(ending);
  const summary = ledger.reconcile(server.executions);
  expect(server.sockets).toBeGreaterThan(50);
  expect(summary.ok).toBeGreaterThan(9_000);
  expect(summary.rejected + summary.answered).toBe(0);
}, 120_000);

/** Ends each connection that is open, with FIN, every few milliseconds: many right when the next request leaves. */
function endConnections(server: FaultServer, random: Random): NodeJS.Timeout {
  return setInterval(() => {
    if (random.chance(0.5)) server.endConnections();
  }, 20);
}

/** Until the client has seen that its connections have ended: what it sends before is not refused, but lost. */
function noticed(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 25));
}
