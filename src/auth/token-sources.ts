import { setMaxListeners } from 'node:events';
import { LRUCache } from 'lru-cache';
import { abortable } from '../core/abort.js';
import type { StopSignal } from '../core/stop-signal.js';
import { askForKey } from './provider-call.js';
import { TokenSource, type TokenSourceOptions } from './token-source.js';

export interface TokenSourcesOptions extends Omit<TokenSourceOptions, 'closing'> {
  /** The requests are of whoever the provider's `key` says; else all of them are of the one whose `key` is given. */
  isShared?: boolean;
}

/** Users whose tokens are kept; the one who was longest away makes room. */
const MOST_KEYS = 1_000;

/**
 * The tokens for one server: one source for all requests, or one for each key that the provider gives to them. Those
 * of an identity are from one source.
 */
export class TokenSources {
  readonly #options: TokenSourcesOptions;
  readonly #closing = new AbortController();
  /** For the requests without a key. */
  readonly #common: TokenSource;
  readonly #byKey = new LRUCache<string, TokenSource>({ max: MOST_KEYS });

  constructor(options: TokenSourcesOptions) {
    this.#options = options;
    this.#common = new TokenSource({ ...options, closing: this.#closing });
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * The source for a request of whoever calls this, to be used for the whole of the request: what `AsyncLocalStorage`
   * says may change meanwhile.
   * @throws {AuthError} `TOKEN_FAILED`
   */
  async current(signal?: StopSignal): Promise<TokenSource> {
    const { provider, server, url } = this.#options;
    if (!this.#isKeyed) return this.#common;
    const asked = askForKey(provider, { server, url: new URL(url) }, this.#closing.signal);
    const key = await abortable(asked, signal);
    return key === undefined ? this.#common : this.#of(key);
  }

  /** The source for the requests that have no key of their own. */
  get common(): TokenSource {
    return this.#common;
  }

  /** Epoch milliseconds of the expiry of the token for all, if there is one that says so. */
  get expiresAt(): number | undefined {
    return this.#common.expiresAt;
  }

  /** Requests may be of different users: what one brings must not be shared. */
  get isPerRequest(): boolean {
    return this.#isKeyed || this.#common.isPerRequest;
  }

  /** Fetches a new token now, for whoever calls this. @throws {AuthError} `TOKEN_FAILED` */
  async refresh(signal?: StopSignal): Promise<void> {
    await (await this.current(signal)).refresh(signal);
  }

  /** Ends what runs in the background, and everybody's wait. */
  close(): void {
    this.#common.close();
  }

  get #isKeyed(): boolean {
    const { provider, isShared = true } = this.#options;
    return isShared && provider.key !== undefined;
  }

  #of(key: string): TokenSource {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const source = new TokenSource({ ...this.#options, key, closing: this.#closing });
    this.#byKey.set(key, source);
    return source;
  }
}
