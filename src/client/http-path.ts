import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type AddressGuard, guardedFetch } from '../net/address-guard.js';
import { foreignFetch } from '../net/foreign-fetch.js';
import { USER_AGENT } from '../net/headers.js';
import type { HttpFetch } from '../net/http.js';
import { lazyHttpClient } from '../net/lazy-http-client.js';
import type { ProxySetting } from '../net/proxy.js';
import { sameOriginRedirects } from '../net/redirects.js';

/** The way that all HTTP of one server takes, its token requests included. */
export interface HttpPath {
  readonly fetch: HttpFetch;
  /** Breaks every connection. */
  close(): Promise<void>;
}

export interface HttpPathOptions {
  /** Replaces the built-in client. */
  readonly fetch?: FetchLike | undefined;
  readonly connectTimeoutMs: number;
  readonly proxy?: ProxySetting;
  /** Gets what messages must not repeat. */
  readonly onSecret?: ((secret: string) => void) | undefined;
}

/** Over the user's `fetch` if there is one, else over a client of its own. */
export function httpPath(options: HttpPathOptions, guard?: AddressGuard): HttpPath {
  const { fetch, connectTimeoutMs, proxy, onSecret } = options;
  if (fetch !== undefined) {
    const foreign = foreignFetch(fetch);
    const guarded = guard === undefined ? foreign : guardedFetch(foreign, guard);
    return { fetch: sameOriginRedirects(withUserAgent(guarded)), close: async () => {} };
  }
  const client = lazyHttpClient({ connectTimeoutMs, guard, proxy, onSecret });
  return { fetch: sameOriginRedirects(withUserAgent(client.fetch)), close: client.close };
}

/** Who asks, where the request does not say. */
function withUserAgent(fetch: HttpFetch): HttpFetch {
  return (url, request = {}) => {
    const { headers = {} } = request;
    const isNamed =
      'user-agent' in headers || Object.keys(headers).some((name) => name.toLowerCase() === 'user-agent');
    return fetch(url, isNamed ? request : { ...request, headers: { 'user-agent': USER_AGENT, ...headers } });
  };
}
