import { McpManager } from 'mcp-fleet';
import { TOOLS_PER_SERVER } from './answers.mjs';
import { FLEET, SDK, sdk } from './clients.mjs';
import { compared, interleaved, timed } from './harness.mjs';

const LISTED = 50;
const CONNECTED = 100;
/** A known list takes too little time to be measured alone. */
const KNOWN_LISTS = 200;

/** `listTools` over many servers: with connecting them, read again, and known. (The SDK's client knows no list.) */
export async function lists(url) {
  const cold = await interleaved(
    {
      [FLEET]: () =>
        timed(
          () => listedFleet(url),
          (manager) => manager.close(),
        ),
      [SDK]: () => timed(() => listedSdk(url), closeAll),
    },
    7,
    (measure) => measure(),
  );
  const manager = await listedFleet(url);
  const clients = await listedSdk(url);
  const again = await interleaved(
    {
      [FLEET]: () => timed(() => manager.listTools({ fresh: true })),
      [SDK]: () => timed(() => Promise.all(clients.map(({ client }) => client.listTools()))),
    },
    7,
    (measure) => measure(),
  );
  const known = await interleaved({ [FLEET]: manager }, 15, () => knownList(manager));
  await Promise.all([manager.close(), closeAll(clients)]);
  return {
    [`${LISTED} servers, cold`]: compared(cold, 'ms', 'less'),
    [`${LISTED} servers, read again`]: compared(again, 'ms', 'less'),
    [`${LISTED} servers × ${TOOLS_PER_SERVER} tools, known`]: known,
  };
}

/** Connecting many servers, all at once. */
export async function connecting(url) {
  const figures = await interleaved(
    {
      [FLEET]: () =>
        timed(
          () => connectedFleet(url, CONNECTED),
          (manager) => manager.close(),
        ),
      [SDK]: () => timed(() => connectedSdk(url, CONNECTED), closeAll),
    },
    7,
    (measure) => measure(),
  );
  return { [`${CONNECTED} servers`]: compared(figures, 'ms', 'less') };
}

export async function connectedFleet(url, count) {
  const servers = Object.fromEntries(
    addresses(url, count).map((address, n) => [`server-${n}`, { url: address }]),
  );
  const manager = new McpManager({ servers });
  const { failed } = await manager.connect();
  if (failed.length > 0) throw failed[0].error;
  return manager;
}

export function connectedSdk(url, count) {
  return Promise.all(addresses(url, count).map((address) => sdk({ url: address })));
}

export async function closeAll(clients) {
  await Promise.all(clients.map((client) => client.close()));
}

async function listedFleet(url) {
  const manager = await connectedFleet(url, LISTED);
  const { tools } = await manager.listTools();
  if (tools.length !== LISTED * TOOLS_PER_SERVER) throw new Error(`${tools.length} tools`);
  return manager;
}

async function listedSdk(url) {
  const clients = await connectedSdk(url, LISTED);
  await Promise.all(clients.map(({ client }) => client.listTools()));
  return clients;
}

async function knownList(manager) {
  const { ms } = await timed(async () => {
    for (let n = 0; n < KNOWN_LISTS; n++) await manager.listTools();
  });
  return { ms: ms / KNOWN_LISTS };
}

/** Every path of the bench server is a server. */
function addresses(url, count) {
  return Array.from({ length: count }, (_, n) => `${url}/${n}`);
}
