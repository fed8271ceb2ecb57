// Whether anything piles up or goes wrong in the long run: opening and closing, mixed load for a minute or for N
// (`npm run soak [-- --minutes N]`), and 20,000 odd answers.
// Prints figures; ends with 1 when something that must hold does not.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { httpCycles, stdioCycles } from './cycles.mjs';
import { mixedLoad } from './load.mjs';
import { figure, startServer, violations } from './stand.mjs';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error('--minutes takes a number above 0');
const untilMs = performance.now() + minutes * 60_000;

const strays = [];
process.on('unhandledRejection', (reason) => strays.push(`unhandled: ${reason}`));
process.on('warning', (warning) => strays.push(`warning: ${warning.message}`));

const server = await startServer();
await httpCycles(server, 1_000);
await stdioCycles(200);
await mixedLoad(server, untilMs);
server.stop();
oddAnswers(20_000);

console.log();
figure('unhandled rejections and warnings', strays.slice(0, 10), strays.length === 0);
console.log(
  violations.length === 0 ? 'All holds.' : `${violations.length} violated:\n${violations.join('\n')}`,
);
process.exitCode = violations.length === 0 ? 0 : 1;

/** The fuzzer of the tests, for longer. */
function oddAnswers(inputs) {
  const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'fuzz'], {
    env: { ...process.env, FUZZ_INPUTS: String(inputs) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  figure(`${inputs} odd answers without a contradiction`, status === 0, status === 0);
}
