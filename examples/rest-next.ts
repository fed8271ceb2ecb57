// MCP servers over REST, as a route file: app/mcp/[...path]/route.ts in Next, and alike wherever a request is a
// Request and an answer a Response.
import assert from 'node:assert/strict';
import { McpManager } from 'mcp-fleet';
import { createRestHandler } from 'mcp-fleet/rest';
import { fakeServer } from 'mcp-fleet/testing';

const clock = fakeServer((server) => {
  server.registerTool('time', {}, () => ({ content: [{ type: 'text', text: 'noon' }] }));
});
const manager = new McpManager({ servers: { clock: clock.config } });

/** In place of the session of your authentication library. */
async function sessionOf(request: Request): Promise<{ servers: string[] }> {
  if (!request.headers.get('cookie')?.includes('session=next-key')) throw new Error('Nobody is logged in');
  return { servers: ['clock'] };
}

const handler = createRestHandler(manager, {
  basePath: '/mcp',
  // A throw is 401. `server` is not known before the body is read: then it is asked again.
  authorize: async (request, { kind, server }) => {
    const { servers } = await sessionOf(request);
    return kind !== 'admin' && (server === undefined || servers.includes(server));
  },
});
const route = { GET: handler, POST: handler, DELETE: handler };
// In the route file: export { handler as GET, handler as POST, handler as DELETE };

// The route in use.
const call = (session: string, server: string) =>
  route.POST(
    new Request('https://app.example.com/mcp/tools/call', {
      method: 'POST',
      headers: { cookie: `session=${session}`, 'content-type': 'application/json' },
      body: JSON.stringify({ server_name: server, tool_name: 'time' }),
    }),
  );
assert.equal((await call('another-key', 'clock')).status, 401);
assert.equal((await call('next-key', 'payroll')).status, 403);
const answer = await (await call('next-key', 'clock')).json();
console.log(answer);
assert.deepEqual(answer, {
  success: true,
  data: { content: [{ type: 'text', text: 'noon' }] },
  server_name: 'clock',
});

await manager.close();
await clock.close();
