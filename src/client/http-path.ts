import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type AddressGuard, guardedFetch } from '../net/address-guard.js';
import { foreignFetch } from '../net/foreign-fetch.js';
import type { HttpFetch } from '../net/http.js';
import { lazyHttpClient } from '../net/lazy-http-client.js';
import { sameOriginRedirects } from '../net/redirects.js';

/** The way that all HTTP of one server takes, its token requests included. */
export interface HttpPath {
  readonly fetch: HttpFetch;
  /** Breaks every connection. */
  close(): Promise<void>;
}

/** Over the user's `fetch` if there is one, else over a client of its own. */
export function httpPath(
  fetch: FetchLike | undefined,
  connectTimeoutMs: number,
  guard?: AddressGuard,
): HttpPath {
  if (fetch !== undefined) {
    const foreign = foreignFetch(fetch);
    const guarded = guard === undefined ? foreign : guardedFetch(foreign, guard);
    return { fetch: sameOriginRedirects(guarded), close: async () => {} };
  }
  const client = lazyHttpClient({ connectTimeoutMs, guard });
  return { fetch: sameOriginRedirects(client.fetch), close: client.close };
}
