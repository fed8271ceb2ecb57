import type { HttpClient, HttpClientOptions } from './http-client.js';

/** A client whose code, undici's included, is loaded with its first request. */
export function lazyHttpClient(options: HttpClientOptions): HttpClient {
  let client: Promise<HttpClient> | undefined;
  let closed = false;
  const load = async () => {
    const { createHttpClient } = await import('./http-client.js');
    const loaded = createHttpClient(options);
    // One that is closed refuses what comes.
    if (closed) await loaded.close();
    return loaded;
  };
  return {
    async fetch(url, request) {
      client ??= load();
      return (await client).fetch(url, request);
    },
    async close() {
      closed = true;
      await (await client)?.close();
    },
  };
}
