import { z } from 'zod';
import { check } from '../client/options.js';
import { count } from '../client/server-schema.js';
import { ConfigError } from '../core/errors.js';

/**
 * Whether the server has done its work when a fault strikes. `after`, the default, is the dangerous one: the tool
 * ran, and a caller that sends the call again runs it twice. Messages without an answer (notifications, GET and
 * DELETE) meet the fault `before`. A call that asks the client for input (2026-07-28) meets it at its last answer.
 */
export type FaultMoment = 'before' | 'after';

/**
 * What goes wrong with a request, as the client sees it; `delivery` is what the library then knows of a call.
 *
 * | kind | the client sees | the tool ran | `delivery` |
 * |---|---|---|---|
 * | `refuse` | nobody listens (`ECONNREFUSED`) | no | not-sent |
 * | `reset` | the connection breaks (`ECONNRESET`) | `when` | unknown |
 * | `hang` | no answer, ever | `when` | unknown |
 * | `delay` | the answer `ms` milliseconds later; `before`: the request arrives later | yes | answered |
 * | `status` | that HTTP status; 401, 421 and 429 mean that nothing ran | `when`, here `before` by default | by status |
 * | `end-stream` | the event stream ends without the answer | `when` | unknown |
 * | `malformed` | half of the answer's JSON | yes | unknown |
 * | `oversize` | the answer, padded with blanks to `bytes` | yes | unknown, over `maxResponseBytes` |
 * | `wrong-id` | the answer to another request | yes | unknown |
 * | `expire-token` | 401 from now on, until a request has another token; `times` counts tokens | no | rejected |
 * | `forget-session` | 404: the server has forgotten this session; requests without one do not meet it | no | rejected |
 */
export type Fault =
  | { kind: 'refuse' }
  | { kind: 'reset'; when?: FaultMoment }
  | { kind: 'hang'; when?: FaultMoment }
  | { kind: 'delay'; ms: number; when?: FaultMoment }
  | {
      kind: 'status';
      /** 200 to 599. */
      status: number;
      headers?: Record<string, string>;
      body?: string;
      /** `after` waits for the answer; what the tool asks in a session meanwhile is lost. @default 'before' */
      when?: FaultMoment;
    }
  | { kind: 'end-stream'; when?: FaultMoment }
  | { kind: 'malformed' }
  | { kind: 'oversize'; bytes: number }
  | { kind: 'wrong-id' }
  | { kind: 'expire-token' }
  | { kind: 'forget-session' };

/** Which requests meet a fault. */
export interface FaultOptions {
  /** How many; `Infinity` until `heal()`. @default 1 */
  times?: number;
  /**
   * Only those of this JSON-RPC method, for example `tools/call`, or of the HTTP method `GET` (the stream on which
   * the server speaks first) or `DELETE` (the end of a session).
   * @default every JSON-RPC request; no notification, GET or DELETE
   */
  method?: string;
}

const when = z.enum(['before', 'after'], { error: "expected 'before' or 'after'" }).optional();
const ms = z.number({ error: 'expected milliseconds of at least 0' }).min(0, {
  error: 'expected milliseconds of at least 0',
});
const STATUS = 'expected an HTTP status from 200 to 599';
const status = z.int({ error: STATUS }).min(200, { error: STATUS }).max(599, { error: STATUS });
const headers = z.record(z.string(), z.string({ error: 'expected a string' }), {
  error: 'expected an object of strings',
});

const SHAPES: Record<Fault['kind'], z.core.$ZodLooseShape> = {
  refuse: {},
  reset: { when },
  hang: { when },
  delay: { ms, when },
  status: { status, headers: headers.optional(), body: z.string().optional(), when },
  'end-stream': { when },
  malformed: {},
  oversize: { bytes: count },
  'wrong-id': {},
  'expire-token': {},
  'forget-session': {},
};
/** They need an answer to spoil. */
const OF_ANSWERS: ReadonlySet<Fault['kind']> = new Set(['malformed', 'oversize', 'wrong-id']);

const optionsSchema = z.strictObject({
  times: z
    .union([count, z.literal(Infinity)], { error: 'expected a whole number of at least 1, or Infinity' })
    .optional(),
  method: z.string({ error: 'expected a string' }).min(1, { error: 'expected a method' }).optional(),
});

/** @throws {ConfigError} */
export function checkFault(fault: Fault, options: FaultOptions): void {
  const kind = (fault as Partial<Fault> | null | undefined)?.kind;
  if (kind === undefined || !Object.hasOwn(SHAPES, kind)) {
    const known = Object.keys(SHAPES).join(', ');
    throw new ConfigError('fault.kind', `expected one of ${known}, got ${JSON.stringify(kind) ?? 'nothing'}`);
  }
  check(z.strictObject({ kind: z.literal(kind), ...SHAPES[kind] }), fault, 'fault');
  check(optionsSchema, options, '');
  const { method } = options;
  if (method !== undefined && !hasAnswer(method) && OF_ANSWERS.has(kind)) {
    throw new ConfigError('method', `${method} has no answer that could be ${kind}`);
  }
}

function hasAnswer(method: string): boolean {
  return method !== 'GET' && method !== 'DELETE' && !method.startsWith('notifications/');
}
