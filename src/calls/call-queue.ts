import { McpFleetError } from '../core/errors.js';
import type { StopSignal } from '../core/stop-signal.js';

interface Waiter {
  admit(): void;
}

/** Bounds the calls in flight at one server, and those that wait for their turn, first come first served. */
export class CallQueue {
  readonly #maxConcurrency: number;
  readonly #maxQueue: number;
  readonly #waiting = new Set<Waiter>();
  #running = 0;

  constructor(maxConcurrency: number, maxQueue: number) {
    this.#maxConcurrency = maxConcurrency;
    this.#maxQueue = maxQueue;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @throws {McpFleetError} `QUEUE_FULL`; the signal's reason when aborted before or while waiting */
  async run<Result>(work: () => Promise<Result>, signal: StopSignal): Promise<Result> {
    signal.throwIfAborted();
    if (this.#running < this.#maxConcurrency) this.#running++;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  #turn(signal: StopSignal): Promise<void> {
    if (this.#waiting.size >= this.#maxQueue) {
      throw new McpFleetError(
        'QUEUE_FULL',
        `More than maxQueue (${this.#maxQueue}) calls wait for this server`,
        {
          delivery: 'not-sent',
          retryable: true,
        },
      );
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        admit() {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = () => {
        this.#waiting.delete(waiter);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** The place goes to the next in line without becoming free in between. */
  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next.admit();
  }
}
