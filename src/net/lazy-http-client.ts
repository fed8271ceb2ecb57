import { loaded } from '../core/loaded.js';
import type { HttpClient, HttpClientOptions } from './http-client.js';

/** A client whose code, undici's included, is loaded with its first request. */
export function lazyHttpClient(options: HttpClientOptions): HttpClient {
  let client: Promise<HttpClient> | undefined;
  let closed = false;
  const load = async () => {
    const { createHttpClient } = await loaded(import('./http-client.js'));
    const made = createHttpClient(options);
    // One that is closed refuses what comes.
    if (closed) await made.close();
    return made;
  };
  return {
    async fetch(url, request) {
      client ??= load();
      return (await client).fetch(url, request);
    },
    async close() {
      closed = true;
      const made = await client?.catch(() => undefined);
      await made?.close();
    },
  };
}
