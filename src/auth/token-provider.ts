import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Identity } from '../core/identity.js';
import type { KnownSecrets } from '../core/known-secrets.js';

/**
 * Where bearer tokens come from. One method is enough; cache, single flight, refresh ahead and retries are the library's.
 *
 * One provider may serve several servers: each asks for itself, with its own `context`.
 */
export interface TokenProvider {
  /**
   * A token for `context.url`, or `undefined` to send none.
   *
   * - An {@link AccessToken} is kept until shortly before its `expiresAt` (5 minutes without one) and shared by
   *   all requests to the server. A new one is asked for in the background before that.
   * - A plain string, and `undefined`, is asked for on every request and never shared between callers, so it
   *   may differ from caller to caller (for example through `AsyncLocalStorage`).
   *
   * The token must be visible ASCII without spaces, and without the word `Bearer` (RFC 6750 section 2.1).
   * An answer that takes more than 30 seconds counts as failed.
   *
   * @throws anything: callers see an `AuthError` with it as `cause`. Throw an `AuthError` yourself to
   * say whether trying again makes sense (`retryable`) and when (`retryAfterMs`).
   */
  getToken(context: TokenContext): Promise<AccessToken | string | undefined>;

  /**
   * For a provider that acts for many users: whose token a call needs. Connections, lists and tokens are kept per key
   * and never cross from one key to another; those of the `maxIdentities` keys used last are kept. `getToken` gets the
   * key as `context.key`. Not asked where a call gives an identity: then the identity's key is that key.
   *
   * Asked for each call, and with `scope: 'shared'` for each request, in the async context of the caller, so that `AsyncLocalStorage` works. `undefined`
   * stands for calls of no user. A token with a key is renewed when a request comes shortly before it expires,
   * on that request's account and without letting it wait; the token of no user is renewed by a timer.
   *
   * @throws anything: the call does not go out, and its caller sees an `AuthError` with it as `cause`.
   */
  key?(context: TokenKeyContext): string | undefined | Promise<string | undefined>;
}

/** What a {@link TokenProvider} is told when it is asked for a key. */
export type TokenKeyContext = Pick<TokenContext, 'server' | 'url' | 'signal' | 'identity'>;

/** A bearer token and how long it is good for. */
export interface AccessToken {
  readonly token: string;
  /** Epoch milliseconds; `Infinity` for never. @default 5 minutes after the answer */
  readonly expiresAt?: number;
  /** What the token allows (RFC 6749 section 3.3), as far as known. */
  readonly scopes?: readonly string[];
}

/** What a {@link TokenProvider} is told with each question. */
export interface TokenContext {
  /** Name of the server, as configured. */
  readonly server: string;
  /** The server's URL. The token is sent to its origin and nowhere else. */
  readonly url: URL;
  /** Aborts when the answer is no longer wanted: the server was closed, or 30 seconds have passed. */
  readonly signal: AbortSignal;
  /**
   * Why a token is wanted.
   * - `initial`: there is none yet, or the last answer was a plain string.
   * - `expiring`: `previous` expires soon, or has expired.
   * - `rejected`: the server answered 401 to `previous`.
   * - `insufficient_scope`: the server answered 403 to `previous`; see `challenge.scopes`.
   * - `forced`: `refreshTokens()` or `refreshToken()` was called.
   */
  readonly reason: 'initial' | 'expiring' | 'rejected' | 'insufficient_scope' | 'forced';
  /** The last token of this provider for this server; the very object that it answered. */
  readonly previous: AccessToken | undefined;
  /**
   * What the server asked for with its last 401 or 403 (RFC 6750 section 3, RFC 9728 section 5.1). After a 403,
   * `scopes` holds those asked for before, too.
   */
  readonly challenge: { readonly scopes?: readonly string[]; readonly resourceMetadata?: URL } | undefined;
  /** What the provider's own `key` answered, in a provider that has one, or the key of `identity`. */
  readonly key?: string;
  /**
   * On whose behalf the token is asked for, where the call gives an identity; it comes before what `key` would answer.
   * `claims` are there as long as a call of that identity is under way. A provider that reads it gets a connection, and
   * tokens, for each identity.
   */
  readonly identity?: Identity;
  /** The server's HTTP client: its limits, its redirect rule, and the user's `fetch` if one was configured. */
  readonly fetch?: FetchLike;
}

/** Key of the context under which a server's secrets are handed on to our own providers; the same in both builds. */
export const KNOWN_SECRETS: unique symbol = Symbol.for('mcp-fleet.known-secrets') as never;

/** The secrets of the server that a token is for, where a provider of ours may add its own. */
export function knownSecretsOf(context: TokenContext): KnownSecrets | undefined {
  return (context as { [KNOWN_SECRETS]?: KnownSecrets })[KNOWN_SECRETS];
}

/**
 * Of a provider of ours: whether its plain strings are one token for all requests, or one for each caller. The same in
 * both builds.
 */
export const FOR_ALL: unique symbol = Symbol.for('mcp-fleet.token-for-all') as never;

/** `undefined` where the provider does not say, as those of users. */
export function isForAll(provider: TokenProvider): boolean | undefined {
  return (provider as { [FOR_ALL]?: boolean })[FOR_ALL];
}
