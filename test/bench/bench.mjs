// How fast mcp-fleet is, with every protection on, beside the bare client of the SDK and beside undici alone.
// One server process, all clients in this one, in turn. `npm run bench [-- groups…]`; the last line is JSON.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { calls, modern, sizes, sse, stdio } from './calls.mjs';
import { firstCalls } from './first-calls.mjs';
import { connecting, lists } from './fleets.mjs';
import { print, rounded } from './harness.mjs';
import { identities } from './identities.mjs';
import { memory } from './memory.mjs';
import { telemetry } from './telemetry.mjs';

const GROUPS = {
  calls: ['Tool calls', calls],
  modern: ['Tool calls to a server of 2026-07-28', modern],
  first: ['The first call to a server that is not known yet, in HTTP requests', firstCalls],
  sizes: ['Tool calls by the size of their results, 8 at a time', sizes],
  sse: ['Tool calls answered with an event stream', sse],
  lists: ['listTools', lists],
  connecting: ['Connecting', connecting],
  memory: ['Memory of a connected, idle server', memory],
  identities: ['Identities of one server', identities],
  stdio: ['Tool calls over stdio', stdio],
  telemetry: ['Tool calls with telemetry, by CPU time', telemetry],
};

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const unknown = wanted.filter((group) => !Object.hasOwn(GROUPS, group));
if (unknown.length > 0) throw new Error(`Unknown: ${unknown}; there are ${Object.keys(GROUPS)}`);

const server = fork(new URL('http-server.mjs', import.meta.url));
const [port] = await once(server, 'message');
const url = `http://127.0.0.1:${port}/mcp`;

console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)}`,
);
console.log('Medians over the rounds. fleetTimes: how many times better mcp-fleet is.');
const figures = {};
for (const [group, [title, measure]] of Object.entries(GROUPS)) {
  if (wanted.length > 0 && !wanted.includes(group)) continue;
  figures[group] = await measure(url);
  print(title, figures[group]);
}
console.log(JSON.stringify(figures, (_key, value) => rounded(value)));
server.kill();
