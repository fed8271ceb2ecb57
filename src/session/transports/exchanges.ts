/** The requests that a transport has under way: each with a signal of its own, all of them stopped at once. */
export class Exchanges {
  readonly #running = new Set<AbortController>();

  /** @param signal the caller's; its listener is gone when `work` has ended. */
  async run<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    const controller = new AbortController();
    const abort = () => controller.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#running.add(controller);
    try {
      return await work(controller.signal);
    } finally {
      this.#running.delete(controller);
      signal?.removeEventListener('abort', abort);
    }
  }

  abortAll(reason: unknown): void {
    for (const controller of this.#running) controller.abort(reason);
  }
}
