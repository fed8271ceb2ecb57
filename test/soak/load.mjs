import { setTimeout as delay } from 'node:timers/promises';
import { McpFleetError, McpManager } from 'mcp-fleet';
import { eventually, figure, handles, heap } from './stand.mjs';

const SERVERS = 4;
const WORKERS = 32;
const LAP_MS = 8_000;
const LEAST_LAPS = 3;
const TIMEOUT_MS = 2_000;
/** How much later than its deadline a call may end on a busy machine. */
const LATE_MS = 1_000;
/** From the first lap's end to the last one's. */
const MAX_HEAP_GROWTH = 3_000_000;
/** Longer than any call still runs on the server. */
const QUIET_MS = 200;

/**
 * Mixed load on one server process while its sockets are killed at random. After each lap the server's ledger is
 * held against what was said of each call.
 */
export async function mixedLoad(server, untilMs) {
  console.log('\nMixed load with sockets killed at random');
  const servers = Object.fromEntries(
    Array.from({ length: SERVERS }, (_, n) => [`s${n}`, { url: server.url }]),
  );
  const manager = new McpManager({ servers, callTimeoutMs: TIMEOUT_MS });
  await manager.connect();
  const totals = { calls: 0, late: 0, wrong: [], ends: {} };
  const heaps = [];
  do {
    await server.ask('startKilling');
    const calls = await lap(manager, totals, performance.now() + LAP_MS, () => server.ask('forget'));
    await server.ask('stopKilling');
    await delay(QUIET_MS);
    reconcile(calls, await server.ask('ledger'), totals);
    calls.clear();
    heaps.push(await heap());
  } while (heaps.length < LEAST_LAPS || performance.now() + LAP_MS < untilMs);

  const { killed } = await server.ask('state');
  const recovered = await eventually(() => isWell(manager), 15_000);
  await manager.close();
  await eventually(async () => (await server.ask('state')).sockets === 0);
  const { sockets, sessions } = await server.ask('state');

  figure('calls', totals.calls, totals.calls > 0);
  figure('calls per second', Math.round((totals.calls * 1_000) / (heaps.length * LAP_MS)));
  figure('how they ended', totals.ends, (totals.ends.ok ?? 0) > totals.calls / 2);
  figure('sockets killed', killed, killed > 0);
  figure('calls that contradict the ledger', totals.wrong.slice(0, 10), totals.wrong.length === 0);
  figure('calls that ended after their deadline', totals.late, totals.late === 0);
  figure('well again after the last kill', recovered, recovered);
  figure(
    'heap after each lap, MB',
    heaps.map((bytes) => Number((bytes / 1e6).toFixed(2))),
  );
  const growth = Math.round(heaps.at(-1) - heaps[0]);
  figure('heap growth, bytes', growth, growth < MAX_HEAP_GROWTH);
  figure('sockets on the server', sockets, sockets === 0);
  // Those whose answer to `initialize` was killed are known to nobody.
  figure('sessions on the server that no client knows', sessions);
  const left = handles();
  figure('handles', left, left.length === 0);
}

/** Every worker makes one call after the other; each tool call has a nonce, and what was said of it is noted. */
async function lap(manager, totals, untilMs, forget) {
  const calls = new Map();
  const forgetting = delay(LAP_MS / 2).then(forget);
  const worker = async (number) => {
    for (let n = 0; performance.now() < untilMs; n++) {
      const server = `s${(number + n) % SERVERS}`;
      const nonce = `${number}-${n}`;
      const { make, idempotent, isTool } = pick(manager, server, nonce);
      const startedAt = performance.now();
      const end = await make().then(() => 'ok', endOf);
      totals.calls++;
      totals.ends[end] = (totals.ends[end] ?? 0) + 1;
      if (performance.now() - startedAt > TIMEOUT_MS + LATE_MS) totals.late++;
      if (isTool) calls.set(nonce, { end, idempotent });
      // Whoever is refused at once waits, as a caller would.
      if (end !== 'ok') await delay(20);
    }
  };
  await Promise.all([forgetting, ...Array.from({ length: WORKERS }, (_, number) => worker(number))]);
  return calls;
}

function pick(manager, server, nonce) {
  const dice = Math.random();
  const tool = (name, options) => ({
    isTool: true,
    idempotent: options?.idempotent === true,
    make: () => manager.callTool({ server, name, arguments: { nonce } }, options),
  });
  if (dice < 0.4) return tool('json');
  if (dice < 0.6) return tool('events');
  if (dice < 0.7) return tool('json', { idempotent: true });
  if (dice < 0.75) return tool('json', { timeoutMs: 1 + Math.random() * 15 });
  if (dice < 0.8) return tool('events', { signal: AbortSignal.timeout(1 + Math.floor(Math.random() * 15)) });
  if (dice < 0.9) return { make: () => manager.readResource({ server, uri: 'soak://notes' }) };
  return { make: () => manager.client(server).listTools({ fresh: true }) };
}

/** What was said of a call that gave no result. */
function endOf(error) {
  if (error instanceof McpFleetError) return error.delivery ?? `no delivery: ${error.code}`;
  // The caller's own abort says nothing of the call.
  return error.name === 'TimeoutError' ? 'aborted' : `not ours: ${error}`;
}

/** How often a call may have run on the server, by what was said of it: from, to. */
const MAY_HAVE_RUN = {
  ok: [1, 1],
  answered: [0, 1],
  'not-sent': [0, 0],
  rejected: [0, 0],
  unknown: [0, 1],
  aborted: [0, 1],
};

function reconcile(calls, ledger, totals) {
  for (const [nonce, { end, idempotent }] of calls) {
    const runs = ledger[nonce] ?? 0;
    const [least, most] = MAY_HAVE_RUN[end] ?? [1, 0];
    // The caller vouched that twice does no harm.
    const allowed = idempotent && most === 1 ? 2 : most;
    if (runs < least || runs > allowed) totals.wrong.push({ nonce, end, idempotent, runs });
  }
  for (const nonce of Object.keys(ledger)) {
    if (!calls.has(nonce)) totals.wrong.push({ nonce, end: 'never called' });
  }
}

async function isWell(manager) {
  const { failed } = await manager.ping({ timeoutMs: 1_000 });
  return failed.length === 0;
}
