const WINDOW_MS = 60_000;
const TOKENS_PER_WINDOW = 2;
const MOST_REMEMBERED = 1_000;

/**
 * Keeps a server that refuses every token from causing more than two token requests a minute, while a token
 * that was revoked is replaced at once.
 */
export class RejectionLimit {
  /** When tokens were had that nobody has accepted, or that replaced a rejected one: `performance.now()`. */
  #instants: number[] = [];
  #proven = false;
  readonly #questions = new Map<string, number>();

  /** Requests that failed do not count: they have a backoff of their own. */
  count(reason: string): void {
    if (reason === 'rejected' || (reason === 'initial' && !this.#proven))
      this.#instants.push(performance.now());
  }

  /** The server has accepted a token: the first one was not in vain. */
  accepted(): void {
    if (this.#proven) return;
    this.#proven = true;
    this.#instants = [];
  }

  get isExhausted(): boolean {
    const now = performance.now();
    this.#instants = this.#instants.filter((at) => now - at < WINDOW_MS);
    return this.#instants.length >= TOKENS_PER_WINDOW;
  }

  /** For tokens that are not kept: whether the very same was asked within the last minute. */
  isRepeated(question: string): boolean {
    const now = performance.now();
    const last = this.#questions.get(question);
    if (last !== undefined && now - last < WINDOW_MS) return true;
    this.#questions.delete(question);
    this.#questions.set(question, now);
    const oldest = this.#questions.keys().next();
    if (this.#questions.size > MOST_REMEMBERED && !oldest.done) this.#questions.delete(oldest.value);
    return false;
  }
}
