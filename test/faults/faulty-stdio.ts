import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StdioServerConfig } from 'mcp-fleet';

/** How `stdio/faulty.mjs` misbehaves. */
export type StdioFault =
  | 'plain'
  | 'banner'
  | 'garbage'
  | 'half-lines'
  | 'crlf'
  | 'dies'
  | 'exits-before'
  | 'exits-after'
  | 'killed-before'
  | 'killed-after'
  | 'half-answer'
  | 'closes-stdout'
  | 'hangs'
  | 'flood'
  | 'flood-at-start';

/** A faulty process, and what it did so far. */
export interface FaultyStdio extends AsyncDisposable {
  readonly config: StdioServerConfig;
  readonly executions: ReadonlyMap<string, number>;
  /** Of every process that was started. */
  readonly pids: readonly number[];
}

/** @param times how often a fault that ends the process strikes. */
export async function faultyStdio(
  fault: StdioFault,
  times: 'once' | 'always' = 'always',
): Promise<FaultyStdio> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-fleet-faults-'));
  const log = join(folder, 'log');
  const once = join(folder, 'fault');
  writeFileSync(log, '');
  if (times === 'once') writeFileSync(once, '');
  else rmSync(once, { force: true });
  const noted = (word: string) =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(`${word} `))
      .map((line) => line.slice(word.length + 1));
  return {
    config: {
      command: process.execPath,
      args: [script('faulty.mjs'), fault],
      env: { LOG_FILE: log, ...(times === 'once' && { FAULT_FILE: once }) },
    },
    get executions() {
      const counts = new Map<string, number>();
      for (const nonce of noted('ran')) counts.set(nonce, (counts.get(nonce) ?? 0) + 1);
      return counts;
    },
    get pids() {
      return noted('start').map(Number);
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts in a millisecond. Can be initialized and pinged, and no more. */
export const TINY_STDIO: StdioServerConfig = { command: '/bin/sh', args: [script('tiny.sh')] };

function script(name: string): string {
  return fileURLToPath(new URL(`./stdio/${name}`, import.meta.url));
}
