import type { ChildProcess } from 'node:child_process';
import { settlesWithin } from '../../core/abort.js';
import { hasEnded } from './orphans.js';

const GRACE_MS = 2_000;

/**
 * Ends a child and all that it started: end of stdin, 2 s, SIGTERM to its process group, 2 s, SIGKILL.
 * Takes at most a little over 4 s; never throws.
 */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const exited =
    child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : once(child, 'exit');
  child.stdin?.end();
  await settlesWithin(exited, GRACE_MS);
  // Even when the child itself has gone, what it started may be left in its group.
  if (signalGroup(child, 'SIGTERM') && !(await groupEnds(child, exited))) {
    signalGroup(child, 'SIGKILL');
    await settlesWithin(exited, GRACE_MS);
  }
  hasEnded(child);
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  child.unref();
}

async function groupEnds(child: ChildProcess, exited: Promise<void>): Promise<boolean> {
  const limit = performance.now() + GRACE_MS;
  if (!(await settlesWithin(exited, GRACE_MS))) return false;
  while (performance.now() < limit) {
    if (!signalGroup(child, 0)) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

/** `false` if nobody is left to get the signal. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false;
  if (process.platform === 'win32') return child.exitCode === null && child.kill(signal);
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}

function once(child: ChildProcess, event: 'exit'): Promise<void> {
  return new Promise((resolve) => child.once(event, () => resolve()));
}
