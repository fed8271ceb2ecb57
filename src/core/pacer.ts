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
  /** What is still to be done before the source goes on; `undefined` while it goes on. */
  #waiting: (() => void)[] | undefined;

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

  /** Runs work on each of several pieces of data, which may be much together: in as many turns as it takes. */
  each<Piece>(pieces: Iterable<Piece>, work: (piece: Piece) => void): void {
    for (const piece of pieces) {
      if (this.#waiting === undefined) this.run(() => work(piece));
      else this.#waiting.push(() => work(piece));
    }
  }

  #wait(): void {
    this.#usedMs = 0;
    if (this.#waiting !== undefined) return;
    this.#waiting = [];
    this.#source.pause();
    setImmediate(() => this.#goOn());
  }

  #goOn(): void {
    const left = this.#waiting ?? [];
    this.#waiting = undefined;
    while (left.length > 0 && this.#waiting === undefined) this.run(left.shift() as () => void);
    if (this.#waiting === undefined) this.#source.resume();
    else (this.#waiting as (() => void)[]).push(...left);
  }
}
