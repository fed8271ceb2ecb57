import { abortable } from './abort.js';
import type { StopSignal } from './stop-signal.js';

/** Any number of callers, one piece of work at a time: who comes while it runs shares its outcome. */
export class SingleFlight<T> {
  #flight: Promise<T> | undefined;

  /**
   * Starts `work`, or joins what is already running.
   * @param signal ends this caller's wait (rejecting with its reason), never the work.
   */
  run(work: () => Promise<T>, signal?: StopSignal): Promise<T> {
    this.#flight ??= work().finally(() => {
      this.#flight = undefined;
    });
    return abortable(this.#flight, signal);
  }

  /** Resolves when nothing is running any more, however it ended. */
  async settled(): Promise<void> {
    await this.#flight?.catch(() => {});
  }
}
