import { expect, test } from 'vitest';
import { type FaultRequest, type FaultServer, faultServer } from './fault-server.js';
import { type Fault, status, UNUSABLE_ANSWERS } from './faults.js';
import { call, clientOf, inParallel, KINDS } from './harness.js';
import { Ledger } from './ledger.js';
import { freshSeed, Random } from './random.js';
import { IS_MODERN } from './wire.js';

const CALLS = 20_000;
const PARALLEL = [16, 32, 64] as const;

/** What may go wrong with one request; the deadline of a hanging one is short. */
const FAULTS: readonly Fault[] = [
  { when: 'before', what: 'reset' },
  { when: 'after', what: 'reset' },
  { when: 'before', what: 'close' },
  { when: 'after', what: 'close' },
  { when: 'after', what: 'end-stream', how: 'broken' },
  { when: 'after', what: 'end-stream', how: 'clean', resume: 'works' },
  { when: 'after', what: 'end-stream', how: 'broken', resume: 404 },
  { when: 'after', what: 'delay', ms: 5 },
  { when: 'after', what: 'hang' },
  status(500, {}, 'before'),
  status(502, {}, 'after'),
  status(429),
  UNUSABLE_ANSWERS['malformed JSON'],
  UNUSABLE_ANSWERS['the answer to another id'],
];

test('20,000 calls while sockets, requests and sessions die at random: nobody is lied to', async () => {
  const seed = freshSeed();
  const random = new Random(seed);
  await using server = await faultServer();
  server.faultFor = misfortune(server, random);
  await using client = clientOf({ url: server.url }, { circuitBreaker: false, healthCheck: false });
  await client.listTools({ timeoutMs: 10_000 });
  const ledger = new Ledger();
  const share = Math.ceil(CALLS / PARALLEL.length);
  for (const parallel of PARALLEL) {
    const kinds = Array.from({ length: share }, () => random.pick(KINDS));
    await inParallel(kinds, parallel, (kind) =>
      ledger.run(kind, (nonce) => call(client, kind, nonce, { timeoutMs: 1_000 })),
    );
  }
  try {
    const summary = ledger.reconcile(server.executions);
    expect(ledger.size).toBeGreaterThanOrEqual(CALLS);
    expect(summary.ok).toBeGreaterThan(CALLS * 0.8);
    // There was chaos indeed.
    expect(server.faultsMet).toBeGreaterThan(CALLS * 0.01);
    expect(server.sockets).toBeGreaterThan(100);
    expect(server.initializes).toBeGreaterThan(IS_MODERN ? 0 : 2);
  } catch (error) {
    throw new Error(`With FAULTS_SEED=${seed}: ${(error as Error).message}`, { cause: error });
  }
}, 120_000);

/** Now and then a request meets a fault, some connection dies, or all sessions are forgotten. */
function misfortune(server: FaultServer, random: Random): (request: FaultRequest) => Fault | undefined {
  return ({ rpc }) => {
    if (random.chance(0.01)) {
      const doomed = random.below(1 + server.openSockets);
      // Not now: the request at hand shall have its own fate.
      setImmediate(() => server.resetConnections((index) => index === doomed));
    }
    if (random.chance(0.000_5)) server.restart();
    if (rpc.method !== 'tools/call' && rpc.method !== 'resources/read') return undefined;
    return random.chance(0.02) ? random.pick(FAULTS) : undefined;
  };
}
