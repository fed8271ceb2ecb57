export interface ListenOptions {
  /** Ends the listening when aborted. */
  signal?: AbortSignal;
}
export type Unsubscribe = () => void;

type Listener<Event> = (event: Event) => void;

/**
 * Typed events. Listeners run in the order they were added; one that throws, or returns a promise that
 * rejects, goes to `onListenerError` and harms neither the emitter nor the other listeners.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();
  readonly #onListenerError: (error: unknown, name: keyof Events) => void;
  readonly #onInterest: (name: keyof Events, wanted: boolean) => void;

  /** @param onInterest told of an event's first listener, and of its last when that has gone */
  constructor(
    onListenerError: (error: unknown, name: keyof Events) => void,
    onInterest: (name: keyof Events, wanted: boolean) => void = () => {},
  ) {
    this.#onListenerError = onListenerError;
    this.#onInterest = onInterest;
  }

  on<Name extends keyof Events>(
    name: Name,
    listener: Listener<Events[Name]>,
    options: ListenOptions = {},
  ): Unsubscribe {
    const { signal } = options;
    if (signal?.aborted) return () => {};
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    if (listeners.size === 1) this.#onInterest(name, true);

    const unsubscribe = () => {
      this.off(name, listener);
      signal?.removeEventListener('abort', unsubscribe);
    };
    signal?.addEventListener('abort', unsubscribe, { once: true });
    return unsubscribe;
  }

  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    const listeners = this.#listeners.get(name);
    if (listeners?.delete(listener) && listeners.size === 0) this.#onInterest(name, false);
  }

  /** The next event of that name. Rejects with the signal's reason when aborted first. */
  once<Name extends keyof Events>(name: Name, options: ListenOptions = {}): Promise<Events[Name]> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const unsubscribe = this.on(name, (event) => {
        unsubscribe();
        signal?.removeEventListener('abort', aborted);
        resolve(event);
      });
      const aborted = () => {
        unsubscribe();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Whether anybody listens; lets a hot path skip building the event. */
  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const listener of [...listeners] as Listener<Events[Name]>[]) {
      try {
        const returned: unknown = listener(event);
        if (returned instanceof Promise) returned.catch((error) => this.#onListenerError(error, name));
      } catch (error) {
        this.#onListenerError(error, name);
      }
    }
  }
}
