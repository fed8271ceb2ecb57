import { LRUCache } from 'lru-cache';
import { canonicalJson } from '../core/canonical-json.js';
import type { RunningCall } from './running-call.js';

export interface CacheOptions {
  /** How long lists stay known without a `list_changed`. Milliseconds. @default 300_000 */
  listTtlMs?: number;
  /** Results of read-only tools (`trustAnnotations`); `0`: never. Milliseconds. @default 0 */
  toolTtlMs?: number;
  /** Results of `resources/read`; `0`: never. Milliseconds. @default 0 */
  resourceTtlMs?: number;
  /** Results kept per server; the least recently used goes first. @default 1_000 */
  maxEntries?: number;
}

export const CACHE_DEFAULTS = {
  listTtlMs: 300_000,
  toolTtlMs: 0,
  resourceTtlMs: 0,
  maxEntries: 1_000,
} as const satisfies CacheOptions;

/** Remembers results by what was asked. What is handed out is a copy, so that nobody can change what others get. */
export class ResultCache {
  readonly #results: LRUCache<string, object>;

  constructor(maxEntries: number) {
    this.#results = new LRUCache({ max: maxEntries });
  }

  /** The result there is, or the one that `ask` gives, which is then kept if it is worth it. */
  async through<Result extends object>(
    question: unknown,
    ttlMs: number,
    call: RunningCall,
    ask: () => Promise<Result>,
    isWorthKeeping: (result: Result) => boolean = () => true,
  ): Promise<Result> {
    const known = this.get<Result>(question);
    if (known !== undefined) {
      call.cached = true;
      return known;
    }
    const result = await ask();
    if (isWorthKeeping(result)) this.set(question, result, ttlMs);
    return result;
  }

  get<Result extends object>(question: unknown): Result | undefined {
    const result = this.#results.get(canonicalJson(question));
    return result === undefined ? undefined : (structuredClone(result) as Result);
  }

  set(question: unknown, result: object, ttlMs: number): void {
    this.#results.set(canonicalJson(question), structuredClone(result), { ttl: ttlMs });
  }

  delete(question: unknown): void {
    this.#results.delete(canonicalJson(question));
  }

  clear(): void {
    this.#results.clear();
  }
}
