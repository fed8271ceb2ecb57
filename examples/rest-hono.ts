// MCP servers over REST, in Hono: its bearer authentication says who it is, `authorize` what they may do.
import assert from 'node:assert/strict';
import { Hono } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { McpManager } from 'mcp-fleet';
import { createRestHandler } from 'mcp-fleet/rest';
import { fakeServer } from 'mcp-fleet/testing';

const clock = fakeServer((server) => {
  server.registerTool('time', {}, () => ({ content: [{ type: 'text', text: 'noon' }] }));
});
const manager = new McpManager({ servers: { clock: clock.config } });
const door = createRestHandler(manager, {
  authorize: (_request, { kind }) => kind !== 'admin', // servers are added by code alone
  basePath: '/mcp',
});

const app = new Hono();
app.use('/mcp/*', bearerAuth({ token: 'hono-key' }));
app.all('/mcp/*', (context) => door(context.req.raw));

// The app in use; a server for it is another matter.
const ask = (method: string, path: string, key: string, body?: object) =>
  app.request(`http://localhost/mcp${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
const call = { server_name: 'clock', tool_name: 'time' };
assert.equal((await ask('POST', '/tools/call', 'another-key', call)).status, 401);
const answer = await (await ask('POST', '/tools/call', 'hono-key', call)).json();
console.log(answer);
assert.deepEqual(answer, {
  success: true,
  data: { content: [{ type: 'text', text: 'noon' }] },
  server_name: 'clock',
});
const refused = await ask('DELETE', '/servers/clock', 'hono-key');
console.log(await refused.json());
assert.equal(refused.status, 403);
assert(manager.clients.has('clock'));

await manager.close();
await clock.close();
