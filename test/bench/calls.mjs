import { FLEET, fleet, SDK, SDK_2, sdk, sdk2, UNDICI, undici } from './clients.mjs';
import { compared, interleaved, load } from './harness.mjs';

const ROUNDS = 7;
const ROUND_MS = 300;

/** Tool calls answered with JSON, one at a time and many. */
export async function calls(url) {
  return everyCase(
    { [FLEET]: await fleet({ url }), [SDK]: await sdk({ url }), [UNDICI]: await undici({ url }) },
    [
      { name: '1 at a time', tool: 'echo', parallel: 1 },
      { name: '16 at a time', tool: 'echo', parallel: 16 },
      { name: '128 at a time', tool: 'echo', parallel: 128 },
    ],
  );
}

/** Tool calls to a server of 2026-07-28. */
export async function modern(url) {
  const server = { url: url.replace('/mcp', '/modern') };
  return everyCase(
    { [FLEET]: await fleet(server), [SDK_2]: await sdk2(server), [UNDICI]: await undici(server) },
    [
      { name: '1 at a time', tool: 'echo', parallel: 1 },
      { name: '16 at a time', tool: 'echo', parallel: 16 },
    ],
  );
}

/** Results of three sizes. */
export async function sizes(url) {
  return everyCase(
    { [FLEET]: await fleet({ url }), [SDK]: await sdk({ url }), [UNDICI]: await undici({ url }) },
    ['1KB', '100KB', '1MB'].map((tool) => ({ name: tool, tool, parallel: 8 })),
    { rounds: 5 },
  );
}

/** Tool calls answered with an event stream. */
export async function sse(url) {
  return everyCase(
    { [FLEET]: await fleet({ url }), [SDK]: await sdk({ url }) },
    [1, 16].map((parallel) => ({ name: `${parallel} at a time`, tool: 'sse', parallel })),
    { rounds: 5 },
  );
}

/** The same over the pipes of a child process. */
export async function stdio() {
  const command = {
    command: process.execPath,
    args: [new URL('stdio-server.mjs', import.meta.url).pathname],
  };
  return everyCase(
    { [FLEET]: await fleet(command), [SDK]: await sdk(command) },
    [1, 16].map((parallel) => ({ name: `${parallel} at a time`, tool: 'echo', parallel })),
    { rounds: 5 },
  );
}

async function everyCase(clients, cases, { rounds = ROUNDS } = {}) {
  const figures = {};
  for (const { name, tool, parallel } of cases) {
    const measured = await interleaved(clients, rounds, ({ call }) =>
      load(() => call(tool), parallel, ROUND_MS),
    );
    figures[name] = compared(measured, 'perSecond', 'more');
  }
  await Promise.all(Object.values(clients).map((client) => client.close()));
  return figures;
}
