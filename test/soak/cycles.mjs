import { fileURLToPath } from 'node:url';
import { McpManager } from 'mcp-fleet';
import { eventually, figure, handles, heap } from './stand.mjs';

const PROGRAM = fileURLToPath(new URL('../fixtures/stdio/plain.mjs', import.meta.url));
/** Cycles side by side. */
const LANES = 4;
/** A client that stayed would be tens of kilobytes. */
const MAX_GROWTH_PER_CYCLE = 1_000;

/** Connects, calls and closes so many times over HTTP: nothing is left here, nor on the server. */
export async function httpCycles(server, count) {
  console.log(`\n${count} HTTP connect/close cycles`);
  let n = 0;
  await flat(count, async () => {
    const manager = new McpManager({ servers: { soak: { url: server.url } } });
    await manager.callTool({ name: 'soak__json', arguments: { nonce: `cycle-${n++}` } });
    await manager.close();
  });
  await eventually(async () => (await server.ask('state')).sockets === 0);
  const { sessions, sockets } = await server.ask('state');
  figure('sessions on the server', sessions, sessions === 0);
  figure('sockets on the server', sockets, sockets === 0);
  await server.ask('ledger');
}

/** The same with a child process each: none is left. */
export async function stdioCycles(count) {
  console.log(`\n${count} stdio connect/close cycles`);
  const pids = [];
  await flat(count, async () => {
    const manager = new McpManager({ servers: { soak: { command: process.execPath, args: [PROGRAM] } } });
    const { content } = await manager.callTool({ name: 'soak__pid' });
    await manager.close();
    pids.push(Number(content[0].text));
  });
  const alive = pids.filter(isAlive);
  figure('processes', alive.length, alive.length === 0 && new Set(pids).size === pids.length);
}

/** Runs the cycles; what the heap and the handles are after them must be what they were. */
async function flat(count, cycle) {
  const lot = Math.floor(count / 5);
  const startedAt = performance.now();
  const heaps = [];
  for (let n = 0; n < 5; n++) {
    await Promise.all(Array.from({ length: LANES }, () => cycles(lot / LANES, cycle)));
    heaps.push(await heap());
  }
  figure('seconds', ((performance.now() - startedAt) / 1_000).toFixed(1));
  figure(
    'heap, MB',
    heaps.map((bytes) => Number((bytes / 1e6).toFixed(2))),
  );
  // The first lot warms up.
  const growth = Math.round((heaps[4] - heaps[0]) / (4 * lot));
  figure('heap growth per cycle, bytes', growth, growth < MAX_GROWTH_PER_CYCLE);
  const left = handles();
  figure('handles', left, left.length === 0);
}

async function cycles(count, cycle) {
  for (let n = 0; n < count; n++) await cycle();
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
