import pRetry from 'p-retry';
import { wait } from '../core/abort.js';
import { fullJitter } from '../core/backoff.js';
import { McpFleetError, TimeoutError } from '../core/errors.js';
import { RETRY_RULES, type Repeatability, resendOfRejected, worseDelivery } from './delivery.js';
import type { RetryBudget } from './retry-budget.js';
import type { RunningCall } from './running-call.js';

export interface RetryOptions {
  /** All attempts, the first included. @default 3 */
  attempts?: number;
  /** Backoff is random between 0 and min(maxDelayMs, baseDelayMs · 2^n). Milliseconds. @default 100 */
  baseDelayMs?: number;
  /** Milliseconds. @default 20_000 */
  maxDelayMs?: number;
}

export const RETRY_DEFAULTS = {
  attempts: 3,
  baseDelayMs: 100,
  maxDelayMs: 20_000,
} as const satisfies RetryOptions;

export interface RetryPolicy {
  /** `false`: one attempt. */
  readonly options: Required<RetryOptions> | false;
  readonly budget: RetryBudget;
}

/**
 * Runs `attempt` until it succeeds, may not be repeated, or nothing is left of attempts, budget or time.
 * p-retry runs the loop of the repetitions; the rules and the wait between attempts are ours.
 */
export async function withRetries<Result>(
  attempt: () => Promise<Result>,
  repeatability: Repeatability,
  policy: RetryPolicy,
  call: RunningCall,
): Promise<Result> {
  let thrown: unknown;
  const once = async () => {
    call.attempts++;
    try {
      const result = await attempt();
      policy.budget.earn();
      return result;
    } catch (error) {
      thrown = error;
      if (error instanceof McpFleetError) call.delivery = worseDelivery(call.delivery, error.delivery);
      throw error;
    }
  };
  const again = () =>
    mayFollow(thrown, repeatability, policy, call).catch((reason) => {
      thrown = reason;
      return false;
    });
  try {
    // Nearly every call succeeds at once, and needs no loop.
    return await once();
  } catch {
    if (!(await again())) throw thrown;
  }
  try {
    return await pRetry(once, { retries: Number.POSITIVE_INFINITY, minTimeout: 0, shouldRetry: again });
  } catch {
    // p-retry turns what is no Error into one: the caller gets what was thrown.
    throw thrown;
  }
}

/** Whether another attempt follows; if so, when the wait before it is over. Rejects when the call ends meanwhile. */
async function mayFollow(
  thrown: unknown,
  repeatability: Repeatability,
  { options, budget }: RetryPolicy,
  call: RunningCall,
): Promise<boolean> {
  const { deadline } = call;
  if (!(thrown instanceof McpFleetError) || !thrown.retryable || deadline.signal.aborted) return false;
  if (thrown.code === 'CIRCUIT_OPEN' || thrown.code === 'QUEUE_FULL') return false;
  const rule = RETRY_RULES[repeatability][thrown.delivery ?? 'unknown'];
  if (rule === 'never') return false;
  // An attempt of unknown fate still counts when the one after it was refused or never left.
  if (RETRY_RULES[repeatability][call.delivery ?? 'unknown'] === 'once' && call.attempts > 1) return false;
  if (rule === 'by reason') {
    const resend = resendOfRejected(thrown);
    if (resend === 'never') return false;
    if (resend === 'after a new session') {
      const first = !call.resentToNewSession;
      call.resentToNewSession = true;
      if (first) return true;
      // A server may forget what it has run: a second time is once too often.
      if (repeatability === 'tool') return false;
    }
  }
  if (options === false || call.attempts >= options.attempts) return false;

  const { baseDelayMs, maxDelayMs } = options;
  const jitterMs = fullJitter({ baseMs: baseDelayMs, factor: 2, maxMs: maxDelayMs }, call.attempts - 1);
  const delayMs = Math.max(jitterMs, thrown.retryAfterMs ?? 0);
  if (delayMs >= deadline.remainingMs || !budget.spend(thrown instanceof TimeoutError)) return false;
  await wait(delayMs, deadline.signal);
  return true;
}
