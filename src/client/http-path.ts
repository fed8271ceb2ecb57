import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { foreignFetch } from '../net/foreign-fetch.js';
import type { HttpFetch } from '../net/http.js';
import { sameOriginRedirects } from '../net/redirects.js';

/** The way that all HTTP of one server takes, its token requests included. */
export interface HttpPath {
  readonly fetch: HttpFetch;
  /** Breaks every connection. */
  close(): Promise<void>;
}

/** Over the user's `fetch` if there is one, else over a client of its own, which is loaded when it is first used. */
export function httpPath(fetch: FetchLike | undefined, connectTimeoutMs: number): HttpPath {
  if (fetch !== undefined) {
    return { fetch: sameOriginRedirects(foreignFetch(fetch)), close: async () => {} };
  }
  const loading = lazy(async () => {
    const { createHttpClient } = await import('../net/http-client.js');
    return createHttpClient({ connectTimeoutMs });
  });
  return {
    fetch: sameOriginRedirects(async (url, request) => (await loading.get()).fetch(url, request)),
    close: async () => (await loading.peek())?.close(),
  };
}

function lazy<T>(load: () => Promise<T>): { get(): Promise<T>; peek(): Promise<T> | undefined } {
  let loaded: Promise<T> | undefined;
  return {
    get: () => (loaded ??= load()),
    peek: () => loaded,
  };
}
