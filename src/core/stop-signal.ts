/** As much of an `AbortSignal` as waiting takes. Every `AbortSignal` is one. */
export interface StopSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { once: true }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** A signal and its controller in one. On Node 20 an `AbortController` for each call would cost more than its HTTP. */
export class Stop implements StopSignal {
  #listeners: Set<() => void> | undefined;
  #stopped: { readonly reason: unknown } | undefined;
  #controller: AbortController | undefined;

  get aborted(): boolean {
    return this.#stopped !== undefined;
  }

  get reason(): unknown {
    return this.#stopped?.reason;
  }

  throwIfAborted(): void {
    if (this.#stopped !== undefined) throw this.#stopped.reason;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.#stopped !== undefined) return;
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners?.delete(listener);
  }

  /** Only the first counts. */
  abort(reason: unknown): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = { reason };
    this.#controller?.abort(reason);
    for (const listener of this.#listeners ?? []) listener();
    this.#listeners = undefined;
  }

  /** The same as an `AbortSignal`, for code that is not ours. */
  get abortSignal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#stopped !== undefined) this.#controller.abort(this.#stopped.reason);
    }
    return this.#controller.signal;
  }
}

/** The same signal for code that is not ours. */
export function abortSignalOf(signal: StopSignal): AbortSignal {
  return signal instanceof Stop ? signal.abortSignal : (signal as AbortSignal);
}
