// Tool calls per second: mcp-fleet beside the bare SDK client and beside undici alone, in one run.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpManager } from 'mcp-fleet';
import { Agent, request } from 'undici';

const ROUNDS = 7;
const ROUND_MS = 700;

const server = fork(new URL('server.mjs', import.meta.url));
const [port] = await once(server, 'message');
const url = `http://127.0.0.1:${port}/mcp`;

const manager = new McpManager({ servers: { bench: { url } } });
await manager.connect();
const sdk = new Client({ name: 'bench', version: '1.0.0' });
await sdk.connect(new StreamableHTTPClientTransport(new URL(url)));
const dispatcher = new Agent();

const clients = {
  'mcp-fleet': () => manager.callTool({ name: 'bench__echo', arguments: { text: 'hello' } }),
  'SDK client, global fetch': () => sdk.callTool({ name: 'echo', arguments: { text: 'hello' } }),
  'undici.request, JSON only': async () => {
    const { body } = await request(url, {
      method: 'POST',
      dispatcher,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'echo', arguments: { text: 'hello' } },
      }),
    });
    return body.json();
  },
};

const table = {};
for (const parallel of [1, 16]) {
  const rates = Object.fromEntries(Object.keys(clients).map((name) => [name, []]));
  for (const call of Object.values(clients)) await rate(call, parallel);
  // Interleaved, so that a machine that slows down slows all of them.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, call] of Object.entries(clients)) rates[name].push(await rate(call, parallel));
  }
  const median = (name) => rates[name].toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)];
  for (const name of Object.keys(clients)) {
    table[`${name}, ${parallel} at a time`] = {
      'calls/s': Math.round(median(name)),
      'fleet ×': Number((median('mcp-fleet') / median(name)).toFixed(2)),
    };
  }
}
console.table(table);

await manager.close();
await sdk.close();
await dispatcher.close();
server.kill();

async function rate(call, parallel) {
  const startedAt = performance.now();
  let calls = 0;
  const worker = async () => {
    while (performance.now() - startedAt < ROUND_MS) {
      await call();
      calls++;
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return (calls * 1_000) / (performance.now() - startedAt);
}
