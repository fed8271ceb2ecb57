import { ConnectionError, type Delivery, type McpFleetError } from '../core/errors.js';

/** What doing something twice would mean. */
export type Repeatability =
  /** No harm: initialize, ping, lists, reads, prompts, completion, subscriptions. */
  | 'read'
  /** Perhaps a second charge on a card: `tools/call`. */
  | 'tool'
  /** A tool call whose caller vouches, or whose trusted annotations say, that twice does no harm. */
  | 'idempotent';

export type RetryRule =
  | 'retry'
  | 'never'
  /** At most two attempts in all. */
  | 'once'
  /** As {@link resendOfRejected} says. */
  | 'by reason';

/** Whether an attempt may be followed by another one, by what is known of it. */
export const RETRY_RULES: {
  readonly [Operation in Repeatability]: { readonly [State in Delivery]: RetryRule };
} = {
  read: { 'not-sent': 'retry', rejected: 'by reason', unknown: 'retry', answered: 'never' },
  tool: { 'not-sent': 'retry', rejected: 'by reason', unknown: 'never', answered: 'never' },
  idempotent: { 'not-sent': 'retry', rejected: 'by reason', unknown: 'once', answered: 'never' },
};

export type Resend =
  /** At once and once, when the new session is there; neither budget nor backoff: the server is well. */
  'after a new session' | 'within the budget' | 'never';

/** What was refused before it ran. (A 401 or 403 was answered already, with another token, where there was one.) */
export function resendOfRejected(error: McpFleetError): Resend {
  if (error.code === 'CONNECTION_LOST') return 'after a new session';
  if (error.code === 'RATE_LIMITED' || (error instanceof ConnectionError && error.httpStatus === 421)) {
    return 'within the budget';
  }
  return 'never';
}

const SEVERITY: { readonly [State in Delivery]: number } = {
  'not-sent': 0,
  rejected: 1,
  unknown: 2,
  answered: 3,
};

/** What is known of a request after several attempts: the one that may have done most counts. */
export function worseDelivery(a: Delivery | undefined, b: Delivery | undefined): Delivery | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return SEVERITY[a] >= SEVERITY[b] ? a : b;
}
