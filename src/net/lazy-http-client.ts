import { loaded } from '../core/loaded.js';
import type { HttpClient, HttpClientOptions } from './http-client.js';

/** The real one: a host's tests may put another one in its place later. */
const { setImmediate } = globalThis;

/** A client whose code, undici's included, is loaded with its first request, and that takes no room while it is idle. */
export function lazyHttpClient(options: HttpClientOptions): HttpClient {
  let client: Promise<HttpClient> | undefined;
  let underWay = 0;
  let closed = false;
  const load = async () => {
    const { createHttpClient } = await loaded(import('./http-client.js'));
    const made = createHttpClient({ ...options, onIdle: leave });
    // One that is closed refuses what comes.
    if (closed) await made.close();
    return made;
  };
  const leave = () => {
    if (underWay > 0 || closed) return;
    const idle = client;
    client = undefined;
    void idle?.then((made) => made.close());
  };
  return {
    async fetch(url, request) {
      underWay++;
      try {
        client ??= load();
        const made = await client;
        await twoTurns();
        return await made.fetch(url, request);
      } finally {
        underWay--;
      }
    },
    async close() {
      closed = true;
      const made = await client?.catch(() => undefined);
      await made?.close();
    },
  };
}

/**
 * Of the event loop, so that what has arrived meanwhile is seen: the end of a connection, above all. A request that is
 * written to a connection that has ended may have run, for all that one knows.
 */
function twoTurns(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
