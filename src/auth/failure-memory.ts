import { spread } from '../core/backoff.js';
import type { AuthError } from '../core/errors.js';
import { restated } from './token-errors.js';

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** For what only a person can repair. */
const PERMANENT_WAIT_MS = 60_000;
/** A `Retry-After` of a year is not believed. */
const LONGEST_RETRY_AFTER_MS = 300_000;

/** Knows that tokens cannot be had for now, so that nobody waits for what will fail. */
export class FailureMemory {
  readonly #permanentWaitMs: number;
  #failures = 0;
  #last: { error: AuthError; until: number } | undefined;

  /** @param permanentWaitMs for what only a person can repair */
  constructor(permanentWaitMs = PERMANENT_WAIT_MS) {
    this.#permanentWaitMs = permanentWaitMs;
  }

  /** @returns milliseconds until it is worth asking again. */
  remember(error: AuthError): number {
    const waitMs = error.retryable ? this.#backoffMs(error.retryAfterMs) : this.#permanentWaitMs;
    this.#failures++;
    this.#last = { error, until: performance.now() + waitMs };
    return waitMs;
  }

  forget(): void {
    this.#failures = 0;
    this.#last = undefined;
  }

  /** What to tell who asks too early, with the time that is left. */
  get error(): AuthError | undefined {
    if (this.#last === undefined) return undefined;
    const { error, until } = this.#last;
    const leftMs = Math.ceil(until - performance.now());
    if (leftMs <= 0) return undefined;
    return restated(error, { retryAfterMs: leftMs });
  }

  /** A quarter to the whole of the step: jitter from 0 would need too many requests in an outage of minutes. */
  #backoffMs(retryAfterMs = 0): number {
    const stepMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    return Math.max(spread(stepMs * 0.625, 0.6), Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS));
  }
}
