import { settlesWithin } from '../core/abort.js';

/** Work under way that closing waits for. */
export class Running {
  readonly #work = new Set<Promise<unknown>>();

  add<Result>(work: Promise<Result>): Promise<Result> {
    this.#work.add(work);
    const done = () => this.#work.delete(work);
    work.then(done, done);
    return work;
  }

  /** Resolves when nothing is under way any more, and what follows it in this tick is done; at most after `ms`. */
  async settled(ms: number): Promise<void> {
    if (this.#work.size > 0) await settlesWithin(Promise.allSettled(this.#work), ms);
  }
}
