/** The requests that a transport has under way, so that closing it can stop all of them. */
export class Exchanges {
  readonly #running = new Set<Exchange>();

  async run<T>(work: (exchange: Exchange) => Promise<T>): Promise<T> {
    const exchange = new Exchange();
    this.#running.add(exchange);
    try {
      return await work(exchange);
    } finally {
      this.#running.delete(exchange);
    }
  }

  stopAll(reason: unknown): void {
    for (const exchange of this.#running) exchange.stop(reason);
  }
}

/** One request of a transport, over all the HTTP requests that it takes. */
export class Exchange {
  #stopCurrent: ((reason: unknown) => void) | undefined;
  #stopped: { readonly reason: unknown } | undefined;

  /** Takes what stops the HTTP request that begins; see {@link HttpRequest.stoppable}. */
  readonly stoppable = (stop: (reason: unknown) => void): void => {
    this.#stopCurrent = stop;
    if (this.#stopped !== undefined) stop(this.#stopped.reason);
  };

  stop(reason: unknown): void {
    this.#stopped = { reason };
    this.#stopCurrent?.(reason);
  }
}
