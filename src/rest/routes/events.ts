import type { McpManager } from '../../manager/mcp-manager.js';
import { EventHub } from '../event-hub.js';
import type { RestSettings } from '../options.js';
import { type Route, route } from '../route.js';
import { serverQuery } from '../schemas.js';

export function eventRoutes(manager: McpManager, { identify }: Pick<RestSettings, 'identify'>): Route[] {
  const hub = new EventHub(manager);
  return [
    route('GET /events', {
      kind: 'read',
      summary: 'Streams what happens, as server-sent events',
      query: serverQuery,
      answers: { 200: 'text/event-stream' },
      handle({ query: { server_name: server }, request, fleet }) {
        if (server !== undefined) manager.client(server);
        const key = fleet.identity?.key;
        // Where nobody is asked who is calling, it is the operator, who hears all.
        const hears = (owner: string) => identify === undefined || owner === key;
        // A stream that nobody reads would never end.
        const body = request.method === 'HEAD' ? null : hub.open(server, hears);
        // Proxies such as nginx would otherwise collect events before they pass them on.
        const headers = {
          'content-type': 'text/event-stream',
          // Middleware that compresses would keep events back, too (RFC 9111 section 5.2.2.6).
          'cache-control': 'no-store, no-transform',
          'x-accel-buffering': 'no',
        };
        return new Response(body, { headers });
      },
    }),
  ];
}
