import type { Challenge } from './challenge.js';
import { unionOf } from './scopes.js';

/** After a request for more scopes failed, and before one for the same scopes is repeated. */
const PAUSE_MS = 60_000;
/** A hostile server must not make the list grow for ever. */
const MOST_SCOPES = 100;

/** What the 403s of a server have taught: the scopes it wants, and how often to ask for them. */
export class StepUp {
  #scopes: readonly string[] = [];
  #notBefore = 0;
  #notAgainBefore = 0;

  /** The scopes that tokens were asked for because of 403s. */
  get scopes(): readonly string[] {
    return this.#scopes;
  }

  /** @param had scopes that were asked for before. */
  allows({ scopes = [] }: Challenge, had: readonly string[]): boolean {
    const now = performance.now();
    const asksForMore = unionOf(had, scopes).length > had.length;
    return (
      scopes.length <= MOST_SCOPES && now >= this.#notBefore && (asksForMore || now >= this.#notAgainBefore)
    );
  }

  succeeded(scopes: readonly string[] = []): void {
    this.#scopes = scopes;
    this.#notAgainBefore = performance.now() + PAUSE_MS;
  }

  failed(): void {
    this.#notBefore = performance.now() + PAUSE_MS;
  }
}
