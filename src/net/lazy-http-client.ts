import type { HttpClient, HttpClientOptions } from './http-client.js';

/** A client whose code, undici's included, is loaded with its first request. */
export function lazyHttpClient(options: HttpClientOptions): HttpClient {
  let client: Promise<HttpClient> | undefined;
  const load = async () => (await import('./http-client.js')).createHttpClient(options);
  return {
    async fetch(url, request) {
      client ??= load();
      return (await client).fetch(url, request);
    },
    async close() {
      await (await client)?.close();
    },
  };
}
