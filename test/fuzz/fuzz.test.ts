import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { McpClient, McpFleetError, type ServerDefaults } from 'mcp-fleet';
import { expect, test } from 'vitest';
import { freshSeed } from '../faults/random.js';
import { longestStillness } from '../field/stillness.js';
import { type Input, inputOf } from './inputs.js';
import { contradictions, type Outcome, outcomeOf } from './oracle.js';
import { BESIDE, type FuzzServer, type FuzzTransport, fuzzServer, TRANSPORTS } from './servers.js';

const INPUTS = Number(process.env.FUZZ_INPUTS ?? 1_000);
/** One input again: its number, with the seed in `FAULTS_SEED`. */
const ONLY = process.env.FUZZ_ONLY;
const MAX_STILL_MS = 100;
const MAX_GROWTH_BYTES = 30_000_000;

const SETTINGS: ServerDefaults = {
  // Less than the longest texts have.
  maxResponseBytes: 600_000,
  retry: { attempts: 3, baseDelayMs: 1, maxDelayMs: 5 },
  cache: false,
  healthCheck: false,
  // Answers that are cut off again and again would open it, as they should.
  circuitBreaker: false,
  handlers: {
    roots: async () => [{ uri: 'file:///' }],
    elicitation: async () => ({ action: 'decline' }),
    sampling: async () => ({ model: 'm', role: 'assistant', content: { type: 'text', text: 'x' } }),
  },
};

test(
  `${INPUTS} odd answers: tools run once, errors tell the truth, everything else goes on`,
  async () => {
    const seed = freshSeed();
    const numbers =
      ONLY === undefined ? Array.from({ length: INPUTS }, (_, number) => number) : [Number(ONLY)];
    const found: string[] = [];
    const seen = { met: 0, ok: 0, answered: 0, unknown: 0 };
    const tally = (server: FuzzServer, outcome: Outcome) => {
      if (server.met !== undefined) seen.met++;
      if ('value' in outcome) seen.ok++;
      else if (outcome.error instanceof McpFleetError) {
        const { delivery } = outcome.error;
        if (delivery === 'answered' || delivery === 'unknown') seen[delivery]++;
      }
    };
    await Promise.all(TRANSPORTS.map((transport) => warmUp(transport)));
    const before = heapBytes();
    const stillMs = await longestStillness(async () => {
      await Promise.all(
        TRANSPORTS.map(async (transport) => {
          await using lane = await laneOf(transport, tally);
          for (const number of numbers) {
            const input = inputOf(seed, number);
            if (input.transport !== transport) continue;
            found.push(...(await lane.run(input)));
          }
        }),
      );
    });
    const grownBytes = heapBytes() - before;
    expect(found.slice(0, 20), `FAULTS_SEED=${seed}, ${found.length} contradictions`).toEqual([]);
    // The answers were odd indeed.
    if (ONLY === undefined) {
      expect(seen.met).toBeGreaterThan(0.95 * INPUTS);
      for (const count of [seen.ok, seen.answered, seen.unknown])
        expect(count).toBeGreaterThan(0.05 * INPUTS);
    }
    expect(stillMs, `FAULTS_SEED=${seed}`).toBeLessThan(MAX_STILL_MS);
    expect(grownBytes, `FAULTS_SEED=${seed}`).toBeLessThan(MAX_GROWTH_BYTES);
  },
  120_000 + INPUTS * 60,
);

interface Lane extends AsyncDisposable {
  /** @returns what was contradictory */
  run(input: Input): Promise<string[]>;
}

/** One server and its client, on which inputs follow one another as in the life of a service. */
async function laneOf(
  transport: FuzzTransport,
  tally: (server: FuzzServer, outcome: Outcome) => void,
): Promise<Lane> {
  const server = await fuzzServer(transport);
  let client = new McpClient('fuzz', server.config, SETTINGS);
  const renew = async () => {
    await client.close({ drainTimeoutMs: 0 });
    client = new McpClient('fuzz', server.config, SETTINGS);
  };
  return {
    async run(input) {
      const { method, number, fate, request } = input;
      // What every other call on this client depends on.
      const isFirst = method === 'initialize' || method === 'server/discover';
      const isCommon = isFirst || method === 'tools/list';
      if (isFirst) await renew();
      else await client.connect();
      server.fate(method, fate);
      // Half of them are the only request under way.
      const isAlone = isCommon || number % 8 < 4;
      const beside = isAlone ? undefined : nextCall(client, server, `${BESIDE}${number}`);
      const outcome = await outcomeOf(request(client, `n${number}`));
      const wrong = contradictions(input, outcome, `n${number}`, server);
      server.fate(undefined);
      await server.settled();
      tally(server, outcome);
      const wrongBeside = await beside;
      if (wrongBeside !== undefined && !fate.thenCloses) wrong.push(`beside it, ${wrongBeside}`);
      // A server that could not be connected to is left alone for a while, and a list that does not come is waited for.
      // What an odd discovery said of the server would be believed, too.
      if ((isCommon && 'error' in outcome) || method === 'server/discover') await renew();
      // What the odd list said of tools may be believed for a while.
      if (method === 'tools/list') await client.listTools({ fresh: true });
      const next = await nextCall(client, server, `after${number}`);
      // Until it knew of the end of the connection, it could not but use it.
      const again = next !== undefined && fate.thenCloses;
      const wrongNext = again ? await nextCall(client, server, `again${number}`) : next;
      if (wrongNext !== undefined) wrong.push(wrongNext);
      // A connection that ends again and again is opened ever later.
      if (fate.thenCloses) await renew();
      return wrong.map((one) => describe(input, server, outcome, one));
    },
    async [Symbol.asyncDispose]() {
      await client.close({ drainTimeoutMs: 0 });
      await server[Symbol.asyncDispose]();
    },
  };
}

/** @returns what went wrong with it */
async function nextCall(client: McpClient, server: FuzzServer, nonce: string): Promise<string | undefined> {
  const call = client.callTool({ name: 'work', arguments: { nonce } }, { timeoutMs: 30_000 });
  const outcome = await outcomeOf(call);
  if ('error' in outcome) return `the next call failed: ${String(outcome.error).slice(0, 300)}`;
  return server.executions.get(nonce) === 1 ? undefined : 'the next call did not run once';
}

function describe(
  { number, transport, method, fate }: Input,
  server: FuzzServer,
  outcome: object,
  wrong: string,
) {
  const { altered } = server.met ?? {};
  const what =
    altered === undefined ? '' : ` ${altered.alteration} ${altered.place} ${altered.text.slice(0, 200)}`;
  const told = 'error' in outcome ? String(outcome.error).slice(0, 200) : 'ok';
  const how = `${fate.framing} ${fate.status} ${fate.contentType} ${fate.thenCloses ? 'closes' : ''}`;
  return `#${number} ${transport} ${method}: ${wrong} [${how};${what}] -> ${told}`;
}

/** What is compiled and kept once must not look like what piles up. */
async function warmUp(transport: FuzzTransport): Promise<void> {
  await using lane = await laneOf(transport, () => {});
  for (let number = 0; number < 100; number++) {
    const input = inputOf(1, number);
    if (input.transport === transport) await lane.run(input);
  }
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
