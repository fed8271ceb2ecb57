import { fork } from 'node:child_process';
import { once } from 'node:events';
import { McpManager } from 'mcp-fleet';
import { interleaved, load } from './harness.mjs';

const ROUNDS = 15;
const ROUND_MS = 300;
const PARALLEL = 16;
const IDENTITIES = 1_000;

/** What many identities cost, each with its own header fields, session and list of five tools. */
export async function identities(url) {
  const server = url.replace('/mcp', '/few');
  return {
    [`calls, ${PARALLEL} at a time`]: await calls(server),
    'one that is idle': {
      connected: await memory(server, 'connected'),
      'at rest': await memory(server, 'rest'),
    },
  };
}

/** `ofOne`: how many times as fast as with one identity. */
async function calls(url) {
  const clients = {
    'nobody in particular': await client(url, 0),
    '1 identity': await client(url, 1),
    [`${IDENTITIES} identities`]: await client(url, IDENTITIES),
  };
  const figures = await interleaved(clients, ROUNDS, ({ call }) => load(call, PARALLEL, ROUND_MS));
  for (const measured of Object.values(figures))
    measured.ofOne = measured.perSecond / figures['1 identity'].perSecond;
  await Promise.all(Object.values(clients).map(({ manager }) => manager.close()));
  return figures;
}

/** A client whose calls are made by so many identities in turn. */
async function client(url, count) {
  const manager = new McpManager({ servers: { bench: entry(url) } });
  const options = Array.from({ length: count }, (_, n) => ({ identity: `user-${n}` }));
  if (count === 0) options.push({});
  let n = 0;
  const call = () =>
    manager.callTool({ name: 'bench__echo', arguments: { text: 'hello' } }, options[n++ % options.length]);
  // Each is connected, and has its list.
  await inTurn(options.length, call);
  return { manager, call };
}

/** In processes of their own. @param state `connected` or `rest` */
async function memory(url, state) {
  const child = fork(new URL('identities-process.mjs', import.meta.url), [url, String(IDENTITIES), state], {
    execArgv: ['--no-warnings', '--expose-gc'],
  });
  const [figures] = await once(child, 'message');
  child.kill();
  return figures;
}

/** The entry of a server whose identities have everything of their own. */
export function entry(url, more = {}) {
  const fields = { 'x-tenant': 'bench' };
  return { url, scope: 'identity', headers: () => fields, maxIdentities: IDENTITIES, ...more };
}

/** Runs `work` so many times, some at a time. */
export async function inTurn(count, work) {
  let n = 0;
  const worker = async () => {
    while (n < count) await work(n++);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
