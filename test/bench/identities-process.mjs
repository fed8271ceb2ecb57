// Lets many identities call one server and tells its parent what each costs once it is idle.
import { setTimeout as delay } from 'node:timers/promises';
import { McpClient } from 'mcp-fleet';
import { entry, inTurn } from './identities.mjs';

const [url, count, state] = process.argv.slice(2);
const IDENTITIES = Number(count);
const IDLE_MS = 500;

// Code that is loaded and compiled once does not count.
await (await used(await connected())).close();
const client = await connected();
const before = await settled();
await used(client);
const after = await settled();
process.send({
  heapKB: (after.heap - before.heap) / IDENTITIES / 1_024,
  rssKB: (after.rss - before.rss) / IDENTITIES / 1_024,
});
await client.close();

async function connected() {
  const made = new McpClient('bench', entry(url, state === 'rest' ? { identityIdleMs: IDLE_MS } : {}));
  await made.listTools();
  return made;
}

/** Every identity has its list and has made a call; then it is connected still, or at rest. */
async function used(made) {
  await inTurn(IDENTITIES, async (n) => {
    const view = made.as(`user-${n}`);
    const tools = await view.listTools();
    if (tools.length !== 5) throw new Error(`${tools.length} tools`);
    await view.callTool({ name: 'echo', arguments: { text: 'hello' } });
  });
  const wanted = state === 'rest' ? 'idle' : 'ready';
  const isThere = (n) => made.as(`user-${n}`).snapshot().status === wanted;
  for (let n = 0; n < IDENTITIES; n++) while (!isThere(n)) await delay(IDLE_MS);
  return made;
}

async function settled() {
  // Sessions that were just ended hold timers of a second.
  await delay(1_500);
  for (let n = 0; n < 3; n++) {
    await delay(100);
    gc();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}
