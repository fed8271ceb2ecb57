import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
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
export function httpPath(fetch: FetchLike | undefined, connectTimeoutMs: number): HttpPath {
  if (fetch !== undefined) {
    return { fetch: sameOriginRedirects(foreignFetch(fetch)), close: async () => {} };
  }
  const client = lazyHttpClient({ connectTimeoutMs });
  return { fetch: sameOriginRedirects(client.fetch), close: client.close };
}
