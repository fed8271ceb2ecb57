import { afterEach, describe, expect, test, vi } from 'vitest';
import { call, clientOf, KINDS } from './harness.js';
import { type CallKind, Ledger } from './ledger.js';
import { never, refused, type Script, VirtualServer } from './virtual-server.js';

afterEach(() => {
  vi.useRealTimers();
});

const MINUTE_MS = 60_000;
const OUTAGE_MS = 10 * MINUTE_MS;
const CALLS = 1_000;

/** How a server can be down. */
const OUTAGES: Record<string, Script> = {
  'refuses connections': () => {
    throw refused();
  },
  'answers 503': () => new Response('down', { status: 503 }),
  'answers 502 with a page': () =>
    new Response('<h1>Bad gateway</h1>', { status: 502, headers: { 'content-type': 'text/html' } }),
  'never answers': () => never(),
};

const cells = [
  ...Object.keys(OUTAGES).map((how) => [how, 'mixed'] as const),
  ...KINDS.map((kind) => ['answers 503', kind] as const),
];

describe('row 13: ten minutes of an outage', () => {
  test.each(cells)('(it %s) under 1,000 calls (%s) do not multiply the load', async (how, kinds) => {
    const server = new VirtualServer();
    await using warmUp = clientOf({ url: server.url, fetch: server.fetch });
    await warmUp.listTools();

    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const client = clientOf({ url: server.url, fetch: server.fetch });
    await client.listTools();
    const healthy = server.requests.length;
    server.script = OUTAGES[how] as Script;

    const ledger = new Ledger();
    const calls: Promise<unknown>[] = [];
    for (let index = 0; index < CALLS; index++) {
      const kind = kinds === 'mixed' ? (KINDS[index % 3] as CallKind) : kinds;
      calls.push(ledger.run(kind, (nonce) => call(client, kind, nonce)));
      await vi.advanceTimersByTimeAsync(OUTAGE_MS / CALLS);
    }
    // Cancellations and the like are not attempts.
    const during = server.requests.slice(healthy).filter(({ rpc }) => rpc.id !== undefined);
    expect(during.length).toBeGreaterThan(0);
    expect(during.length).toBeLessThanOrEqual(1.1 * CALLS + 10);

    // It comes back. Nobody calls: the client finds out by itself, and nobody's tool call is the probe.
    server.script = () => undefined;
    const back = server.requests.length;
    await vi.advanceTimersByTimeAsync(2 * MINUTE_MS);
    await Promise.all(calls);
    const first = server.requests.slice(back).find(({ rpc }) => rpc.id !== undefined);
    expect(['ping', 'initialize', undefined]).toContain(first?.rpc.method);
    expect(client.status).toBe('ready');

    for (const kind of KINDS) {
      const outcome = await ledger.run(kind, (nonce) => call(client, kind, nonce));
      expect(outcome).toEqual({ is: 'ok' });
    }
    ledger.reconcile(server.executions);
    const closed = client.close();
    await vi.advanceTimersByTimeAsync(15_000);
    await closed;
  });
});

test('row 13: while the circuit is open, calls fail at once, say when to come back, and send nothing', async () => {
  const server = new VirtualServer();
  await using warmUp = clientOf({ url: server.url, fetch: server.fetch });
  await warmUp.listTools();

  vi.useFakeTimers({ now: 1_800_000_000_000 });
  const client = clientOf({ url: server.url, fetch: server.fetch }, { retry: false, healthCheck: false });
  await client.listTools();
  server.script = OUTAGES['answers 503'] as Script;
  const ledger = new Ledger();
  for (let index = 0; index < 5; index++) await ledger.run('tool', (nonce) => call(client, 'tool', nonce));
  const sent = server.requests.length;
  const outcome = await ledger.run('tool', (nonce) => call(client, 'tool', nonce));
  expect(outcome).toMatchObject({ code: 'CIRCUIT_OPEN', delivery: 'not-sent' });
  const { error } = outcome as { error: { retryAfterMs?: number } };
  expect(error.retryAfterMs).toBeGreaterThan(0);
  expect(error.retryAfterMs).toBeLessThanOrEqual(6_000);
  expect(server.requests).toHaveLength(sent);

  // Half-open: a ping asks, not somebody's tool call.
  server.script = () => undefined;
  await vi.advanceTimersByTimeAsync(6_500);
  const after = ledger.run('tool', (nonce) => call(client, 'tool', nonce));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await after).toEqual({ is: 'ok' });
  const methods = server.requests.slice(sent).map(({ rpc }) => rpc.method);
  expect(methods.indexOf('ping')).toBeGreaterThanOrEqual(0);
  expect(methods.indexOf('ping')).toBeLessThan(methods.indexOf('tools/call'));
  ledger.reconcile(server.executions);
  const closed = client.close();
  await vi.advanceTimersByTimeAsync(15_000);
  await closed;
});
