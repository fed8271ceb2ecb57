import { z } from 'zod';
import { check } from '../client/options.js';

export interface FakeServerOptions {
  /**
   * The revisions of MCP that it speaks. Without sessions (`'2026-07-28'`), what a server asks of the client travels in the
   * answers to a call, and `build` runs once for each request. @default 'both': as the client begins
   */
  protocol?: '2025-11-25' | '2026-07-28' | 'both';
  /**
   * How long lists and resources hold, by method. 2026-07-28 alone says that; what a result says by itself comes first.
   * @default { ttlMs: 0, cacheScope: 'private' } for each
   */
  cacheHints?: CacheHints;
}

/** By the method that is answered. */
export interface CacheHints {
  readonly 'server/discover'?: CacheHint;
  readonly 'tools/list'?: CacheHint;
  readonly 'prompts/list'?: CacheHint;
  readonly 'resources/list'?: CacheHint;
  readonly 'resources/templates/list'?: CacheHint;
  readonly 'resources/read'?: CacheHint;
}

/** "Caching" of MCP 2026-07-28. */
export interface CacheHint {
  /** How long the result may be taken for fresh, in milliseconds. @default 0 */
  readonly ttlMs?: number;
  /** Whether the result is the same for everybody. @default 'private' */
  readonly cacheScope?: 'public' | 'private';
}

export const CACHEABLE_METHODS = [
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
] as const satisfies readonly (keyof CacheHints)[];

const PROTOCOLS = ['2025-11-25', '2026-07-28', 'both'] as const;
const TTL = 'expected a whole number of milliseconds of at least 0';
const HINT = 'expected { ttlMs, cacheScope }';

const hint = z.strictObject(
  {
    ttlMs: z.int({ error: TTL }).min(0, { error: TTL }).optional(),
    cacheScope: z.enum(['public', 'private'], { error: "expected 'public' or 'private'" }).optional(),
  },
  { error: HINT },
);

const schema = z.strictObject(
  {
    protocol: z.enum(PROTOCOLS, { error: `expected one of ${PROTOCOLS.join(', ')}` }).optional(),
    cacheHints: z
      .strictObject(Object.fromEntries(CACHEABLE_METHODS.map((method) => [method, hint.optional()])), {
        error: 'expected an object of hints by method',
      })
      .optional(),
  },
  { error: 'expected an object' },
);

/** @throws {ConfigError} */
export function checkFakeServerOptions(options: FakeServerOptions): void {
  check(schema, options, 'options');
}
