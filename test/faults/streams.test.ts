import { afterEach, describe, expect, test, vi } from 'vitest';
import { faultServer } from './fault-server.js';
import { call, clientOf, eventually, KINDS, SLACK_MS, timed, warm } from './harness.js';
import { Ledger, told } from './ledger.js';
import { VirtualServer } from './virtual-server.js';
import { IS_MODERN } from './wire.js';

afterEach(() => {
  vi.useRealTimers();
});

describe.concurrent.each(KINDS)('row 4: a %s call', (kind) => {
  test.each([
    ['that never runs', { when: 'before', what: 'hang' }],
    ['whose answer never comes', { when: 'after', what: 'hang' }],
    ['whose JSON drips', { when: 'after', what: 'drip', as: 'json', everyMs: 20 }],
    ['whose stream drips', { when: 'after', what: 'drip', as: 'sse', everyMs: 20 }],
  ] as const)('%s times out at its deadline, frees its socket and is cancelled', async (_what, fault) => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    server.inject(fault, { times: 9 });
    const ledger = new Ledger();
    const { ms, value } = await timed(() =>
      ledger.run(kind, (nonce) => call(client, kind, nonce, { timeoutMs: 300 })),
    );
    expect(told(value)).toBe('TIMEOUT, unknown');
    expect(ms).toBeGreaterThan(290);
    expect(ms).toBeLessThan(300 + 250 + SLACK_MS);
    expect(server.faultsMet).toBe(1);
    ledger.reconcile(server.executions);
    const [request] = server.requests.filter(({ rpc }) => /call|read/.test(rpc.method ?? ''));
    // Without sessions, the end of the connection says it.
    await eventually(() =>
      expect(server.requestsOf('notifications/cancelled').map(({ rpc }) => rpc.params?.requestId)).toEqual(
        IS_MODERN ? [] : [request?.rpc.id],
      ),
    );
    await eventually(() => expect(server.unanswered).toBe(0));
    server.heal();
    expect(told(await ledger.run(kind, (nonce) => call(client, kind, nonce)))).toBe('ok');
  });

  test('that its caller gives up rejects with the reason at once, and is cancelled', async () => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    server.inject({ when: 'after', what: 'hang' });
    const abort = new AbortController();
    const { signal } = abort;
    const ledger = new Ledger();
    const called = ledger.run(kind, (nonce) => call(client, kind, nonce, { signal }), signal);
    await eventually(() => expect(server.faultsMet).toBe(1));
    const { ms, value } = await timed(() => {
      abort.abort(new Error('enough'));
      return called;
    });
    expect(value).toEqual({ is: 'aborted' });
    expect(ms).toBeLessThan(50 + SLACK_MS);
    const told = IS_MODERN ? 0 : 1;
    await eventually(() => expect(server.requestsOf('notifications/cancelled')).toHaveLength(told));
    await eventually(() => expect(server.unanswered).toBe(0));
    ledger.reconcile(server.executions);
  });
});

describe.concurrent.each(['clean', 'broken'] as const)(
  'row 5: a stream without event ids whose end is %s',
  (how) => {
    test.each(KINDS)('is an error of a %s call at once, not a wait', async (kind) => {
      await using server = await faultServer();
      await using client = clientOf({ url: server.url });
      await warm(client, server);
      server.inject({ when: 'after', what: 'end-stream', how }, { times: 9 });
      const ledger = new Ledger();
      const { ms, value } = await timed(() => ledger.run(kind, (nonce) => call(client, kind, nonce)));
      expect(told(value)).toBe(kind === 'read' ? 'CONNECTION_LOST, unknown' : 'OUTCOME_UNKNOWN, unknown');
      expect(ms).toBeLessThan(1_000 + SLACK_MS);
      expect(server.faultsMet).toBe({ tool: 1, idempotent: 2, read: 3 }[kind]);
      ledger.reconcile(server.executions);
    });
  },
);

describe.concurrent.each(['clean', 'broken'] as const)(
  'row 6: a stream with event ids whose end is %s',
  (how) => {
    // Streams of 2026-07-28 cannot be resumed, whatever ids their events have.
    test.skipIf(IS_MODERN).each(KINDS)('is resumed, and the %s call runs once', async (kind) => {
      await using server = await faultServer();
      await using client = clientOf({ url: server.url });
      await warm(client, server);
      server.inject({ when: 'after', what: 'end-stream', how, resume: 'works' });
      const ledger = new Ledger();
      await ledger.run(kind, (nonce) => call(client, kind, nonce));
      expect(ledger.reconcile(server.executions, { readAttempts: 1, idempotentAttempts: 1 })).toMatchObject({
        ok: 1,
      });
      expect(server.faultsMet).toBe(1);
      expect(
        server.requests.filter(({ method, headers }) => method === 'GET' && headers['last-event-id']),
      ).toHaveLength(1);
    });

    test.each([404, 405, 500] as const)(
      'that cannot be resumed (%i): a tool call is unknown, once',
      async (resume) => {
        await using server = await faultServer();
        await using client = clientOf({ url: server.url });
        await warm(client, server);
        server.inject({ when: 'after', what: 'end-stream', how, resume }, { times: 9 });
        const ledger = new Ledger();
        const { ms, value } = await timed(() => ledger.run('tool', (nonce) => call(client, 'tool', nonce)));
        expect(told(value)).toBe('OUTCOME_UNKNOWN, unknown');
        expect(ms).toBeLessThan(1_000 + SLACK_MS);
        expect(ledger.reconcile(server.executions)).toMatchObject({ unknown: 1 });
        expect([...server.executions.values()]).toEqual([1]);
      },
    );

    test.each([404, 405, 500] as const)('that cannot be resumed (%i): a read is repeated', async (resume) => {
      await using server = await faultServer();
      await using client = clientOf({ url: server.url });
      await warm(client, server);
      server.inject({ when: 'after', what: 'end-stream', how, resume });
      const ledger = new Ledger();
      expect(told(await ledger.run('read', (nonce) => call(client, 'read', nonce)))).toBe('ok');
      ledger.reconcile(server.executions);
    });

    test('that never brings an answer ends with the deadline at the latest', async () => {
      await using server = await faultServer();
      await using client = clientOf({ url: server.url });
      await warm(client, server);
      // Each resumption opens a stream, which ends with nothing.
      server.inject({ when: 'before', what: 'end-stream', how, resume: 'works' });
      const ledger = new Ledger();
      const { ms } = await timed(() =>
        ledger.run('tool', (nonce) => call(client, 'tool', nonce, { timeoutMs: 800 })),
      );
      expect(ledger.reconcile(server.executions)).toMatchObject({ unknown: 1 });
      expect(ms).toBeLessThan(800 + SLACK_MS);
    });
  },
);

describe('row 7: a standalone stream that ends for ever', () => {
  test.each(['', 'retry: 0', 'retry: 99999999999', 'retry: -1', 'retry: junk', 'id: 1\nretry: 0\ndata:'])(
    'with %j is opened at most 6 times in 30 s, and is not given up',
    async (field) => {
      const server = new VirtualServer();
      // Loads what is loaded with the first connection, which real time must do.
      await using warmUp = clientOf({ url: server.url, fetch: server.fetch });
      await warmUp.connect();

      vi.useFakeTimers();
      const gets: number[] = [];
      server.script = ({ method, at }) => {
        if (method !== 'GET') return undefined;
        gets.push(at);
        return new Response(`${field}\n\n`, { headers: { 'content-type': 'text/event-stream' } });
      };
      const client = clientOf({ url: server.url, fetch: server.fetch }, { healthCheck: false });
      await client.connect();
      await vi.advanceTimersByTimeAsync(10 * 60_000);
      const most = Math.max(
        ...gets.map((from) => gets.filter((at) => at >= from && at < from + 30_000).length),
      );
      expect(most).toBeLessThanOrEqual(6);
      expect(gets.length).toBeGreaterThanOrEqual(2);
      expect(client.status).toBe('ready');
      const closed = client.close();
      await vi.advanceTimersByTimeAsync(5_000);
      await closed;
      const then = gets.length;
      await vi.advanceTimersByTimeAsync(10 * 60_000);
      expect(gets).toHaveLength(then);
    },
  );

  test('does not disturb the calls, on real sockets', async () => {
    await using server = await faultServer({ stream: { endsWith: 'retry: 0' } });
    await using client = clientOf({ url: server.url });
    const ledger = new Ledger();
    const until = performance.now() + 1_500;
    while (performance.now() < until) {
      for (const kind of KINDS) await ledger.run(kind, (nonce) => call(client, kind, nonce));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { ok } = ledger.reconcile(server.executions);
    expect(ok).toBe(ledger.size);
    expect(server.gets).toBeLessThanOrEqual(6);
  });
});
