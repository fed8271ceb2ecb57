import { AsyncResource } from 'node:async_hooks';

/** Longest delay a Node timer takes; beyond it a timer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** One piece of work for later, that keeps no process alive. */
export class BackgroundTimer {
  /** Work runs in the async context of whoever made the timer, not of the caller who happened to set it. */
  readonly #context = new AsyncResource('mcp-fleet.BackgroundTimer');
  #timer: NodeJS.Timeout | undefined;

  /** Runs `work` at that instant of `performance.now()`, instead of what was set before. */
  set(at: number, work: () => void): void {
    this.clear();
    const delayMs = at - performance.now();
    const due = delayMs > LONGEST_TIMER_MS ? () => this.set(at, work) : work;
    this.#context.runInAsyncScope(() => {
      this.#timer = setTimeout(due, Math.min(delayMs, LONGEST_TIMER_MS)).unref();
    });
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
