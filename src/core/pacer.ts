/** How much work of one source may be done before others get their turn. */
const SLICE_MS = 10;

/** A source of data that can be told to wait. */
export interface Pausable {
  pause(): unknown;
  resume(): unknown;
}

/**
 * Lets the event loop turn while a peer keeps this process busy: Node hands over up to 2 MB of one stream in a turn, and
 * what these cost depends on what is in them.
 */
export class Pacer {
  readonly #source: Pausable;
  #usedMs = 0;
  #waiting = false;

  constructor(source: Pausable) {
    this.#source = source;
  }

  /** Runs a piece of work on data of the source; where that was much, the source waits for a turn. */
  run(work: () => void): void {
    const startedAt = performance.now();
    try {
      work();
    } finally {
      this.#usedMs += performance.now() - startedAt;
      if (this.#usedMs >= SLICE_MS) this.#wait();
    }
  }

  #wait(): void {
    this.#usedMs = 0;
    if (this.#waiting) return;
    this.#waiting = true;
    this.#source.pause();
    setImmediate(() => {
      this.#waiting = false;
      this.#source.resume();
    });
  }
}
