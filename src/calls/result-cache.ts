import { LRUCache } from 'lru-cache';
import { canonicalJson } from '../core/canonical-json.js';
import type { RunningCall } from './running-call.js';

export interface CacheOptions {
  /** How long lists stay known without a `list_changed`. Milliseconds. @default 300_000 */
  listTtlMs?: number;
  /** Results of read-only tools (`trustAnnotations`); `0`: never. Milliseconds. @default 0 */
  toolTtlMs?: number;
  /**
   * Results of `resources/read`, at most; `0`: never. Milliseconds. @default what the server says (`ttlMs` of revision
   * 2026-07-28), up to `listTtlMs`; never where it says nothing
   */
  resourceTtlMs?: number;
  /** Results kept per server; the least recently used goes first. @default 1_000 */
  maxEntries?: number;
}

export const CACHE_DEFAULTS = {
  listTtlMs: 300_000,
  toolTtlMs: 0,
  maxEntries: 1_000,
} as const satisfies CacheOptions;

/** The options with every default filled in. */
export type CacheSettings = Required<Omit<CacheOptions, 'resourceTtlMs'>> &
  Pick<CacheOptions, 'resourceTtlMs'>;

/** How long the result of a read is known. Milliseconds. @param hint what the server says of it */
export function readTtlMs({ resourceTtlMs, listTtlMs }: CacheSettings, hint: unknown): number {
  const told = typeof hint === 'number' && hint >= 0 ? hint : undefined;
  if (resourceTtlMs === undefined) return Math.min(told ?? 0, listTtlMs);
  return Math.min(told ?? resourceTtlMs, resourceTtlMs);
}

/** Remembers results by what was asked. What is handed out is a copy, so that nobody can change what others get. */
export class ResultCache {
  readonly #maxEntries: number;
  /** Made for the first result: it takes the room of all of them at once. */
  #results: LRUCache<string, object> | undefined;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** The result there is, or the one that `ask` gives, which is then kept for so long; 0: not at all. */
  async through<Result extends object>(
    question: unknown,
    call: RunningCall,
    ask: () => Promise<Result>,
    ttlMs: (result: Result) => number,
  ): Promise<Result> {
    const known = this.get<Result>(question);
    if (known !== undefined) {
      call.cached = true;
      return known;
    }
    const result = await ask();
    const keptMs = ttlMs(result);
    if (keptMs > 0) this.set(question, result, keptMs);
    return result;
  }

  get<Result extends object>(question: unknown): Result | undefined {
    const result = this.#results?.get(canonicalJson(question));
    return result === undefined ? undefined : (structuredClone(result) as Result);
  }

  set(question: unknown, result: object, ttlMs: number): void {
    this.#results ??= new LRUCache({ max: this.#maxEntries });
    this.#results.set(canonicalJson(question), structuredClone(result), { ttl: ttlMs });
  }

  delete(question: unknown): void {
    this.#results?.delete(canonicalJson(question));
  }

  clear(): void {
    this.#results = undefined;
  }
}
