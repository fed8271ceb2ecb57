import { McpFleetError } from '../core/errors.js';
import type { StopSignal } from '../core/stop-signal.js';

interface Waiter {
  admit(): void;
  refuse(): void;
}

/** The line of those who act for nobody in particular. */
const NOBODY = '';

/**
 * Bounds the calls in flight at one server, and those that wait for their turn. Identities take turns: each has a line
 * of its own, first come first served.
 */
export class CallQueue {
  readonly #maxConcurrency: number;
  readonly #maxQueue: number;
  /** By identity, in the order in which they get their turns; none is empty. */
  readonly #lines = new Map<string, Set<Waiter>>();
  #running = 0;
  #waiting = 0;

  constructor(maxConcurrency: number, maxQueue: number) {
    this.#maxConcurrency = maxConcurrency;
    this.#maxQueue = maxQueue;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * @param identity whose turn it takes
   * @throws {McpFleetError} `QUEUE_FULL`; the signal's reason when aborted before or while waiting
   */
  async run<Result>(work: () => Promise<Result>, signal: StopSignal, identity = NOBODY): Promise<Result> {
    signal.throwIfAborted();
    if (this.#running < this.#maxConcurrency) this.#running++;
    else await this.#turn(signal, identity);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  #turn(signal: StopSignal, identity: string): Promise<void> {
    if (this.#waiting >= this.#maxQueue) this.#makeRoom(identity);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#remove(identity, waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        admit() {
          signal.removeEventListener('abort', leave);
          resolve();
        },
        refuse: () => {
          signal.removeEventListener('abort', leave);
          reject(this.#full());
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      const line = this.#lines.get(identity);
      if (line === undefined) this.#lines.set(identity, new Set([waiter]));
      else line.add(waiter);
      this.#waiting++;
    });
  }

  /** The longest line gives a place to a shorter one: nobody can fill the queue for the others. */
  #makeRoom(identity: string): void {
    let longest: [string, Set<Waiter>] | undefined;
    for (const line of this.#lines) if (line[1].size > (longest?.[1].size ?? 0)) longest = line;
    const own = this.#lines.get(identity)?.size ?? 0;
    if (longest === undefined || longest[1].size <= own + 1) throw this.#full();
    const last = [...longest[1]].at(-1) as Waiter;
    this.#remove(longest[0], last);
    last.refuse();
  }

  #full(): McpFleetError {
    const what = `More than maxQueue (${this.#maxQueue}) calls wait for this server`;
    return new McpFleetError('QUEUE_FULL', what, { delivery: 'not-sent', retryable: true });
  }

  #remove(identity: string, waiter: Waiter): void {
    const line = this.#lines.get(identity);
    if (line?.delete(waiter) !== true) return;
    this.#waiting--;
    if (line.size === 0) this.#lines.delete(identity);
  }

  /** The place goes to the next in line without becoming free in between. */
  #release(): void {
    for (const [identity, line] of this.#lines)
      for (const waiter of line) {
        this.#remove(identity, waiter);
        this.#toTheEnd(identity, line);
        waiter.admit();
        return;
      }
    this.#running--;
  }

  /** The others are before it now. */
  #toTheEnd(identity: string, line: Set<Waiter>): void {
    if (!this.#lines.delete(identity)) return;
    this.#lines.set(identity, line);
  }
}
