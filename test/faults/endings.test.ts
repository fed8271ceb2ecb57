import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { McpManager } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { type FaultServer, faultServer } from './fault-server.js';
import { TINY_STDIO } from './faulty-stdio.js';
import { clientOf, eventually, inParallel, SLACK_MS, timed } from './harness.js';
import { FIRST } from './wire.js';

// ── Row 21 ────────────────────────────────────────────────────────────────────

const DRAIN_MS = 100;
/** Draining, the DELETE of the session, and what else a close may wait for. */
const CLOSE_BOUND_MS = DRAIN_MS + 1_000 + SLACK_MS;

type Ending = (manager: McpManager, server: FaultServer) => Promise<unknown>;

/** States of a client, and how to get there. What the preparation returns is still running. */
const STATES: Record<string, (manager: McpManager, server: FaultServer) => Promise<unknown[]>> = {
  idle: async () => [],
  async connecting(manager, server) {
    server.faultFor = ({ rpc }) => (rpc.method === FIRST ? { when: 'before', what: 'hang' } : undefined);
    const connecting = manager.client('server').connect();
    await eventually(() => expect(server.faultsMet).toBe(1));
    return [connecting];
  },
  async ready(manager) {
    await manager.listTools();
    return [];
  },
  async calling(manager, server) {
    await manager.listTools();
    server.inject({ when: 'after', what: 'hang' }, { times: 3 });
    return startCalls(manager, server);
  },
  async 'finishing a call'(manager, server) {
    await manager.listTools();
    server.inject({ when: 'after', what: 'delay', ms: 40 }, { times: 3 });
    return startCalls(manager, server);
  },
  async reconnecting(manager, server) {
    await manager.listTools();
    await server.refuse();
    const lost = [manager.client('server').ping(), manager.client('server').ping()];
    await Promise.allSettled(lost);
    return [];
  },
  async failed(manager, server) {
    server.options.authorize = () => false;
    await manager
      .client('server')
      .connect()
      .catch(() => {});
    expect(manager.client('server').status).toBe('failed');
    return [];
  },
};

async function startCalls(manager: McpManager, server: FaultServer): Promise<unknown[]> {
  const calls = [1, 2, 3].map((count) =>
    manager.callTool({ server: 'server', name: 'charge', arguments: { nonce: `n${count}` } }),
  );
  for (const call of calls) call.catch(() => {});
  await eventually(() => expect(server.faultsMet).toBe(3));
  return calls;
}

const ENDINGS: Record<string, Ending> = {
  'close()': (manager) => manager.close({ drainTimeoutMs: DRAIN_MS }),
  'close() twice': async (manager) => {
    await manager.close({ drainTimeoutMs: DRAIN_MS });
    await manager.close({ drainTimeoutMs: DRAIN_MS });
  },
  'close() three times at once': (manager) =>
    Promise.all([1, 2, 3].map(() => manager.close({ drainTimeoutMs: DRAIN_MS }))),
  'removeServer()': async (manager) => {
    expect(await manager.removeServer('server')).toBe(true);
    expect(await manager.removeServer('server')).toBe(false);
  },
  'removeServer() twice at once': async (manager) => {
    const removed = await Promise.all([manager.removeServer('server'), manager.removeServer('server')]);
    // One winner.
    expect(removed.filter(Boolean)).toHaveLength(1);
  },
  'setServers() without it': (manager) => manager.setServers({}),
  'its replacement': async (manager, server) => {
    const before = manager.client('server');
    await manager.setServers({ server: { url: server.url, headers: { 'x-new': '1' } } });
    expect(manager.client('server')).not.toBe(before);
    expect(before.status).toBe('closed');
  },
  'its removal and close() at once': (manager) =>
    Promise.all([manager.removeServer('server'), manager.close({ drainTimeoutMs: DRAIN_MS })]),
  'client.close() and its replacement at once': (manager, server) =>
    Promise.all([
      manager.client('server').close({ drainTimeoutMs: DRAIN_MS }),
      manager.setServers({ server: { url: server.url, headers: { 'x-new': '1' } } }),
    ]),
};

describe.each(Object.keys(STATES))('row 21: while it is %s,', (state) => {
  test.concurrent.each(Object.keys(ENDINGS))('%s is bounded and leaves nothing behind', async (ending) => {
    await using server = await faultServer({ stream: 'open' });
    const manager = new McpManager({ servers: { server: { url: server.url } }, drainTimeoutMs: DRAIN_MS });
    const client = manager.client('server');
    const running = (await STATES[state]?.(manager, server)) ?? [];
    const settled = Promise.allSettled(running);

    const { ms } = await timed(async () => ENDINGS[ending]?.(manager, server));
    expect(ms).toBeLessThan(CLOSE_BOUND_MS);
    expect(client.status).toBe('closed');
    await expect(client.ping()).rejects.toMatchObject({ code: 'CLOSED', delivery: 'not-sent' });

    for (const outcome of await settled) {
      if (state === 'finishing a call') expect(outcome.status).toBe('fulfilled');
      else expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } });
      if (state === 'calling') expect(outcome).toMatchObject({ reason: { delivery: 'unknown' } });
    }
    await manager.close();
    await eventually(() => expect(server.openSockets).toBe(0));
    expect(server.unanswered).toBe(0);
    if (state !== 'reconnecting') expect(server.sessions.size).toBe(0);
    expect([...server.executions.values()].every((count) => count === 1)).toBe(true);
  });
});

// ── Row 22 ────────────────────────────────────────────────────────────────────

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Bytes in use, after everything that can go has gone. */
async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return process.memoryUsage().heapUsed;
}

const handles = () => process.getActiveResourcesInfo().sort();

/** Bytes by which the heap grows with each cycle: the least of some rounds, because a leak shows in all of them. */
async function growth(rounds: number, each: number, run: (count: number) => Promise<void>): Promise<number> {
  const growths: number[] = [];
  await run(each);
  let before = await heap();
  for (let round = 1; round < rounds; round++) {
    await run(each);
    const after = await heap();
    growths.push((after - before) / each);
    before = after;
  }
  return Math.min(...growths);
}

/** A client that stays costs tens of kilobytes. */
const MOST_PER_CYCLE = 1_000;

test('row 22: 1,000 cycles of connect, call and close leave nothing behind', async () => {
  await using server = await faultServer({ stream: 'open' });
  const cycle = async () => {
    const client = clientOf({ url: server.url });
    await client.callTool({ name: 'charge', arguments: { nonce: 'again' } });
    await client.close();
  };
  await cycle();
  await eventually(() => expect(server.openSockets).toBe(0));
  await heap();
  const before = handles();
  const grown = await growth(4, 250, async (count) => {
    await inParallel(Array.from({ length: count }), 4, cycle);
    server.requests.length = 0;
  });
  expect(server.executions.get('again')).toBe(1_001);
  expect(server.initializes).toBe(1_001);
  expect(server.sessions.size).toBe(0);
  expect(server.openSockets).toBe(0);
  expect(handles()).toEqual(before);
  expect(grown).toBeLessThan(MOST_PER_CYCLE);
}, 120_000);

test('row 22: 200 cycles of processes leave nothing behind', async () => {
  const cycle = async () => {
    const client = clientOf(TINY_STDIO);
    await client.ping();
    await client.close();
  };
  await cycle();
  await heap();
  const before = handles();
  const grown = await growth(4, 50, (count) => inParallel(Array.from({ length: count }), 4, cycle));
  expect(handles()).toEqual(before);
  expect(grown).toBeLessThan(5 * MOST_PER_CYCLE);
}, 120_000);
