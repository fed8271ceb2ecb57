// What both parts of the soak run stand on: the server process, the heap, and the list of what went wrong.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** Everything that was violated, in words. */
export const violations = [];

/** Prints one figure, and notes it as a violation unless it `holds`. */
export function figure(name, value, holds = true) {
  const shown = typeof value === 'object' ? JSON.stringify(value) : String(value);
  console.log(`${holds ? '  ' : '✗ '}${name}: ${shown}`);
  if (!holds) violations.push(`${name}: ${shown}`);
}

export async function startServer() {
  const child = fork(new URL('server.mjs', import.meta.url), { execArgv: [] });
  const [port] = await once(child, 'message');
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    /** One command at a time. */
    async ask(command) {
      const answered = once(child, 'message');
      child.send(command);
      const [answer] = await answered;
      return answer;
    },
    stop: () => child.kill(),
  };
}

/** Bytes in use when everything that can be freed is. */
export async function heap() {
  for (let n = 0; n < 3; n++) {
    await delay(50);
    gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Sockets and processes that this process holds, other than that of the server. */
export function handles() {
  const kinds = process.getActiveResourcesInfo().filter((kind) => /^(TCP|Process)/.test(kind));
  kinds.splice(kinds.indexOf('ProcessWrap'), 1);
  return kinds;
}

export async function eventually(condition, withinMs = 2_000) {
  const until = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > until) return false;
    await delay(20);
  }
  return true;
}
