import { RunningCall } from '../../../src/calls/running-call.js';
import { Deadline } from '../../../src/core/deadline.js';
import {
  AuthError,
  CircuitOpenError,
  ConnectionError,
  type Delivery,
  McpFleetError,
  RemoteError,
  TimeoutError,
} from '../../../src/core/errors.js';

/** A call of `timeoutMs`, with the means to end it before its time. */
export function callOf(timeoutMs = 60_000): RunningCall & { abort(reason: unknown): void } {
  const controller = new AbortController();
  const call = new RunningCall(new Deadline({ timeoutMs, signal: controller.signal }));
  return Object.assign(call, { abort: (reason: unknown) => controller.abort(reason) });
}

/** What a promise rejects with. */
export async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`It has not failed but given ${String(value)}`);
    },
    (error: unknown) => error,
  );
}

const RETRYABLE = { retryable: true };

/** One error for each end that an attempt can have. */
export const ends = {
  refused: (retryAfterMs?: number) =>
    new ConnectionError('CONNECT_FAILED', 'refused', { ...RETRYABLE, retryAfterMs, delivery: 'not-sent' }),
  lost: (delivery: Delivery = 'unknown') =>
    new ConnectionError('CONNECTION_LOST', 'lost', { ...RETRYABLE, delivery }),
  forgotten: () =>
    new ConnectionError('CONNECTION_LOST', 'forgotten', { ...RETRYABLE, delivery: 'rejected' }),
  http: (httpStatus: number, retryAfterMs?: number) =>
    new ConnectionError('HTTP_ERROR', `HTTP ${httpStatus}`, {
      httpStatus,
      retryAfterMs,
      delivery: httpStatus === 421 ? 'rejected' : 'unknown',
      retryable: httpStatus >= 500 || httpStatus === 421,
    }),
  limited: (retryAfterMs?: number) =>
    new ConnectionError('RATE_LIMITED', 'HTTP 429', {
      ...RETRYABLE,
      httpStatus: 429,
      retryAfterMs,
      delivery: 'rejected',
    }),
  timeout: (delivery?: Delivery) => new TimeoutError(5_000, 'slow', { delivery }),
  unauthorized: () => new AuthError('UNAUTHORIZED', 'HTTP 401', { ...RETRYABLE }),
  forbidden: () => new AuthError('FORBIDDEN', 'HTTP 403', { ...RETRYABLE }),
  tokenFailed: () => new AuthError('TOKEN_FAILED', 'no token', { ...RETRYABLE }),
  open: () => new CircuitOpenError('open'),
  full: () => new McpFleetError('QUEUE_FULL', 'full', { ...RETRYABLE, delivery: 'not-sent' }),
  badArguments: () => new RemoteError(-32_602, 'bad', undefined, { delivery: 'rejected', ...RETRYABLE }),
  remote: () => new RemoteError(-32_000, 'no', undefined, RETRYABLE),
} as const;

/** An attempt that ends as told, one after the other; the last one for ever. What is no error is the result. */
export function ending(...outcomes: unknown[]): {
  attempt: () => Promise<unknown>;
  readonly times: number[];
} {
  const times: number[] = [];
  return {
    times,
    async attempt() {
      times.push(performance.now());
      const outcome = outcomes[Math.min(times.length, outcomes.length) - 1];
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
  };
}
