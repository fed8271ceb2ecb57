// Not the global one, which may be a fake.
import { setTimeout as startTimer } from 'node:timers';

/** As long as a call takes at most by default. */
const HOLD_MS = 60_000;

/**
 * Keeps the process alive while a client copes with a fault, as the sockets of a real server do: the timers of the
 * library that wait for another attempt do not, and node:test gives up a test that nothing keeps alive.
 */
export class ProcessHold {
  #timer: NodeJS.Timeout | undefined;

  /** From now on for a minute, or until it is released. */
  extend(): void {
    this.release();
    this.#timer = startTimer(() => {}, HOLD_MS);
  }

  release(): void {
    clearTimeout(this.#timer);
  }
}
