import { setMaxListeners } from 'node:events';
import { TimeoutError } from './errors.js';
import { Stop, type StopSignal } from './stop-signal.js';

/** Longest delay a Node timer takes; beyond it a timer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface DeadlineOptions {
  /** From now. */
  timeoutMs: number;
  /** The caller's own signal: its abort ends the deadline's signal with the caller's reason. */
  signal?: StopSignal | undefined;
  /** {@link Deadline.restart} extends the deadline up to this much in all. @default never extended */
  maxTotalTimeoutMs?: number | undefined;
  /** Somebody waits: the process must not end before it is over. @default false */
  holdsProcess?: boolean;
}

/**
 * One point in time for all that a call does. Its `signal` aborts with a {@link TimeoutError} when the time
 * is up, or with the caller's reason when the caller aborts. Dispose of it when the call has ended.
 */
export class Deadline implements Disposable {
  readonly #stop = new Stop();
  readonly #options: DeadlineOptions;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout;
  #endsAt = 0;

  constructor(options: DeadlineOptions) {
    this.#options = options;
    this.#timer = this.#schedule(options.timeoutMs);
    const { signal } = options;
    if (signal === undefined) return;
    // Many calls may listen to their caller's signal: no leak, so no warning of one.
    if (!(signal instanceof Stop)) setMaxListeners(0, signal as AbortSignal);
    if (signal.aborted) this.#abortedByCaller();
    else signal.addEventListener('abort', this.#abortedByCaller, { once: true });
  }

  get signal(): StopSignal {
    return this.#stop;
  }

  /** The same signal for code that is not ours. */
  get abortSignal(): AbortSignal {
    return this.#stop.abortSignal;
  }

  /** Milliseconds left; 0 when the time is up. */
  get remainingMs(): number {
    return this.signal.aborted ? 0 : Math.max(0, this.#endsAt - performance.now());
  }

  /** Starts the timeout again from now, as far as `maxTotalTimeoutMs` allows. */
  restart(): void {
    const { timeoutMs, maxTotalTimeoutMs } = this.#options;
    if (maxTotalTimeoutMs === undefined || this.signal.aborted) return;
    const leftMs = maxTotalTimeoutMs - (performance.now() - this.#startedAt);
    clearTimeout(this.#timer);
    this.#timer = this.#schedule(Math.min(timeoutMs, Math.max(0, leftMs)));
  }

  /** Ends it before its time. */
  abort(reason: unknown): void {
    this.#stop.abort(reason);
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#abortedByCaller);
  }

  #schedule(ms: number): NodeJS.Timeout {
    this.#endsAt = performance.now() + ms;
    const timer = setTimeout(
      () => {
        const elapsedMs = Math.round(performance.now() - this.#startedAt);
        this.#stop.abort(new TimeoutError(elapsedMs, `No answer within ${elapsedMs} ms`));
        this[Symbol.dispose]();
      },
      Math.min(ms, LONGEST_TIMER_MS),
    );
    return this.#options.holdsProcess ? timer : timer.unref();
  }

  readonly #abortedByCaller = (): void => this.abort(this.#options.signal?.reason);
}
