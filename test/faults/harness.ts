import { type CallOptions, McpClient, type ServerConfig, type ServerDefaults } from 'mcp-fleet';
import { expect, vi } from 'vitest';
import type { CallKind } from './ledger.js';
import { RESOURCE_PREFIX } from './mcp-core.js';
import { IS_MODERN } from './wire.js';

/** The options around calls, as api.d.ts names them. */
export interface Policies {
  retry?: { attempts?: number; baseDelayMs?: number; maxDelayMs?: number } | false;
  circuitBreaker?:
    | {
        consecutiveFailures?: number;
        failureRatio?: number;
        minimumCalls?: number;
        windowMs?: number;
        openMs?: number;
        maxOpenMs?: number;
      }
    | false;
  healthCheck?: { intervalMs?: number; timeoutMs?: number; threshold?: number } | false;
  cache?: { listTtlMs?: number; toolTtlMs?: number; resourceTtlMs?: number; maxEntries?: number } | false;
  maxConcurrency?: number;
  maxQueue?: number;
  trustAnnotations?: boolean;
}

export function clientOf(config: ServerConfig, options: ServerDefaults & Policies = {}): McpClient {
  return new McpClient('server', config, options as ServerDefaults);
}

export const KINDS: readonly CallKind[] = ['read', 'tool', 'idempotent'];

/** Makes a call of that kind which executes `nonce`. */
export function call(
  client: McpClient,
  kind: CallKind,
  nonce: string,
  options: CallOptions = {},
): Promise<unknown> {
  switch (kind) {
    case 'read':
      return client.readResource(`${RESOURCE_PREFIX}${nonce}`, options);
    case 'tool':
      return client.callTool({ name: 'charge', arguments: { nonce } }, options);
    case 'idempotent': {
      const vouched: CallOptions & { idempotent?: boolean } = { ...options, idempotent: true };
      return client.callTool({ name: 'put', arguments: { nonce } }, vouched);
    }
  }
}

/** Waits until `check` no longer throws; long enough for a busy machine. */
export function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { interval: 3, timeout: 10_000 });
}

/** Connected, its tools known, its standalone stream tried: the next request is the one under test. */
export async function warm(client: McpClient, server: { readonly gets: number }): Promise<void> {
  await client.listTools();
  if (!IS_MODERN) await eventually(() => expect(server.gets).toBeGreaterThan(0));
}

/** Milliseconds that `work` takes, and what came of it. */
export async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const startedAt = performance.now();
  const value = await work();
  return { ms: performance.now() - startedAt, value };
}

/**
 * The bounds of the fault table are meant for a machine that has nothing else to do; a busy one gets this much more.
 * What these tests are to find waits for the timeout of the call, a minute. `SLACK_MS=200` measures.
 */
export const SLACK_MS = Number(process.env.SLACK_MS ?? 4_000);

/** Runs `work` for each item, at most `parallel` at a time. */
export async function inParallel<T>(
  items: Iterable<T>,
  parallel: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const worker = async () => {
    for (let item = iterator.next(); !item.done; item = iterator.next()) await work(item.value);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

/** What is garbage by then is collected when Node sees fit: of so many times, the least shows what is needed. */
const MEMORY_ATTEMPTS = 3;

/** Fails when `work` takes more memory than that, each time. */
export async function withinMemory(mostBytes: number, work: () => Promise<unknown>): Promise<void> {
  const peaks: number[] = [];
  do peaks.push(await peakMemory(work));
  while (Math.min(...peaks) >= mostBytes && peaks.length < MEMORY_ATTEMPTS);
  expect(Math.min(...peaks)).toBeLessThan(mostBytes);
}

/** By how many bytes the memory of this process grows at most while `work` runs. */
async function peakMemory(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss() - before);
  }, 5);
  try {
    await work();
  } finally {
    clearInterval(watch);
  }
  return most;
}
