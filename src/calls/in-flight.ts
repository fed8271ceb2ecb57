import { settlesWithin } from '../core/abort.js';
import type { Deadline } from '../core/deadline.js';

/** The calls under way, so that closing can wait for them and then end them. */
export class InFlight {
  readonly #deadlines = new Set<Deadline>();
  #idle: { promise: Promise<void>; resolve: () => void } | undefined;

  get size(): number {
    return this.#deadlines.size;
  }

  enter(deadline: Deadline): void {
    this.#deadlines.add(deadline);
  }

  leave(deadline: Deadline): void {
    this.#deadlines.delete(deadline);
    if (this.#deadlines.size === 0) this.#idle?.resolve();
  }

  /** Waits for the calls under way, at most `timeoutMs`; ends what is left with `reason`. */
  async drain(timeoutMs: number, reason: unknown): Promise<void> {
    if (this.#deadlines.size === 0) return;
    if (await settlesWithin(this.#untilIdle(), timeoutMs)) return;
    for (const deadline of this.#deadlines) deadline.abort(reason);
  }

  #untilIdle(): Promise<void> {
    if (this.#idle === undefined) {
      let resolve = () => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#idle = { promise, resolve };
    }
    return this.#idle.promise;
  }
}
