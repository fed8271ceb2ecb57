import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { check } from '../client/options.js';
import { canonicalJson } from '../core/canonical-json.js';
import { ConfigError } from '../core/errors.js';

export const FORMAT = 'mcp-fleet-recording';
export const VERSION = 1;
/** Stands where something was cut out; on replay it matches any text. */
export const REDACTED = '[redacted]';

/**
 * What a client and a server said to each other, as {@link recordServer} writes it and {@link replayServer} reads
 * it: JSON, in an order that does not depend on timing.
 */
export interface Recording {
  readonly format: typeof FORMAT;
  /** Of the format. A later one may not be readable here. */
  readonly version: typeof VERSION;
  /**
   * `initialize` first, then by method, name or URI, and parameters. The same request several times stands in the order in which
   * it was made; repetitions of its last answer are left out.
   */
  readonly exchanges: readonly RecordedExchange[];
}

/** A JSON-RPC request of the client and how the server answered it. */
export interface RecordedExchange {
  readonly method: string;
  /** Without `_meta`; none for `initialize`. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** What the server said by itself meanwhile, or after it and before the next request; equal ones in a row once. */
  readonly said?: readonly RecordedMessage[];
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** A notification, or a request of the server to the client; what the client answered is not recorded. */
export interface RecordedMessage {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** A recording of `exchanges` that are in the order in which they happened. */
export function recordingOf(exchanges: readonly RecordedExchange[]): Recording {
  const byRequest = new Map<string, RecordedExchange[]>();
  for (const exchange of exchanges) {
    const key = orderOf(exchange);
    byRequest.set(key, [...(byRequest.get(key) ?? []), exchange]);
  }
  const ordered = [...byRequest].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    format: FORMAT,
    version: VERSION,
    exchanges: ordered.flatMap(([, same]) => withoutRepetitions(same)),
  };
}

function orderOf({ method, params }: RecordedExchange): string {
  const subject = params?.name ?? params?.uri ?? '';
  return `${method === 'initialize' ? 0 : 1} ${method} ${subject} ${canonicalJson(params)}`;
}

/** Replaying goes on with the last answer for ever. */
function withoutRepetitions(same: readonly RecordedExchange[]): readonly RecordedExchange[] {
  const last = canonicalJson(same.at(-1));
  let end = same.length;
  while (end > 1 && canonicalJson(same[end - 2]) === last) end--;
  return same.slice(0, end);
}

const EXPECTED = 'expected an object';
const object = z.record(z.string(), z.unknown(), { error: EXPECTED });
const message = { method: z.string({ error: 'expected a method' }), params: object.optional() };
const schema = z.strictObject(
  {
    format: z.literal(FORMAT, { error: `expected ${FORMAT}` }),
    version: z.literal(VERSION, { error: `expected ${VERSION}, the version that is known here` }),
    exchanges: z.array(
      z.strictObject({
        ...message,
        said: z.array(z.strictObject(message)).optional(),
        result: object.optional(),
        error: z
          .strictObject({ code: z.int(), message: z.string(), data: z.unknown().optional() })
          .optional(),
      }),
      { error: 'expected an array of exchanges' },
    ),
  },
  { error: EXPECTED },
);

/** @throws {ConfigError} for what is no recording; an error of the file system as it is. */
export function readRecording(source: string | URL | Recording): Recording {
  const isFile = typeof source === 'string' || source instanceof URL;
  const recording = isFile ? parse(readFileSync(source, 'utf8')) : source;
  check(schema, recording, 'recording');
  return recording as Recording;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ConfigError('recording', 'the file is not JSON', { cause });
  }
}
