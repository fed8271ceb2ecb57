import { fork } from 'node:child_process';
import { once } from 'node:events';
import { FLEET, SDK } from './clients.mjs';
import { compared } from './harness.mjs';

const RUNS = 3;

/** What a connected server that nobody uses costs, measured in processes of their own. */
export async function memory(url) {
  const base = url.slice(0, url.lastIndexOf('/'));
  return {
    'no stream': compared(await both(`${base}/mcp`), 'heapKB', 'less'),
    'with its stream': compared(await both(`${base}/stream`), 'heapKB', 'less'),
    'of 2026-07-28, without a connection': { [FLEET]: await median('fleet', `${base}/idle`) },
  };
}

async function both(url) {
  return { [FLEET]: await median('fleet', url), [SDK]: await median('sdk', url) };
}

async function median(client, url) {
  const runs = await Promise.all(Array.from({ length: RUNS }, () => inProcess(client, url)));
  return runs.sort((a, b) => a.heapKB - b.heapKB)[Math.floor(RUNS / 2)];
}

async function inProcess(client, url) {
  const child = fork(new URL('memory-process.mjs', import.meta.url), [client, url], {
    execArgv: ['--no-warnings', '--expose-gc'],
  });
  const [figures] = await once(child, 'message');
  child.kill();
  return figures;
}
