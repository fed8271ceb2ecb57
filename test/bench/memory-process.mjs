// Connects to many servers and tells its parent what each costs.
import { setTimeout as delay } from 'node:timers/promises';
import { closeAll, connectedFleet, connectedSdk } from './fleets.mjs';

const SERVERS = 100;
const [client, url] = process.argv.slice(2);

const connected = (count) => (client === 'fleet' ? connectedFleet(url, count) : connectedSdk(url, count));
const closed = (clients) => (client === 'fleet' ? clients.close() : closeAll(clients));

// Code that is loaded and compiled once does not count.
await closed(await connected(SERVERS));
const before = await settled();
const clients = await connected(SERVERS);
const after = await settled();
process.send({
  heapKB: (after.heap - before.heap) / SERVERS / 1_024,
  rssKB: (after.rss - before.rss) / SERVERS / 1_024,
});
await closed(clients);

async function settled() {
  for (let n = 0; n < 3; n++) {
    await delay(100);
    gc();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}
