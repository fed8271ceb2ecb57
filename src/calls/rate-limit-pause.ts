import { wait } from '../core/abort.js';
import type { Deadline } from '../core/deadline.js';
import { ConnectionError, type McpFleetError } from '../core/errors.js';

/** A server that asks for more patience than this gets no more of it. */
const LONGEST_PAUSE_MS = 300_000;

/** After a 429, calls wait until the server wants to be asked again. It is no failure of the server. */
export class RateLimitPause {
  #until = 0;

  /** Takes note of an error that says when to come back. */
  note(error: McpFleetError): void {
    if (error.code !== 'RATE_LIMITED' || error.retryAfterMs === undefined) return;
    const until = performance.now() + Math.min(error.retryAfterMs, LONGEST_PAUSE_MS);
    // Of several answers to calls that were under way together, the one that asks for most counts.
    this.#until = Math.max(this.#until, until);
  }

  /** @throws {ConnectionError} `RATE_LIMITED` at once, when the pause is longer than the deadline */
  async over(deadline: Deadline): Promise<void> {
    const leftMs = this.#until - performance.now();
    if (leftMs <= 0) return;
    if (leftMs >= deadline.remainingMs) {
      throw new ConnectionError('RATE_LIMITED', 'The server asked to be left alone for now', {
        delivery: 'not-sent',
        retryable: true,
        retryAfterMs: Math.ceil(leftMs),
      });
    }
    await wait(leftMs, deadline.signal);
  }
}
