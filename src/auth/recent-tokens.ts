/** Callers side by side may use different tokens. */
const MOST = 16;

/** The tokens in use now or lately, for taking them out of foreign texts. */
export class RecentTokens {
  #tokens: readonly string[] = [];

  add(token: string): void {
    if (this.#tokens.at(-1) === token) return;
    this.#tokens = [...this.#tokens.filter((known) => known !== token), token].slice(-MOST);
  }

  list(): string[] {
    return [...this.#tokens];
  }
}
