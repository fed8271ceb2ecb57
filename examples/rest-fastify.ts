// MCP servers over REST, in Fastify: an onRequest hook decides who may come in.
import assert from 'node:assert/strict';
import fastify from 'fastify';
import { McpManager } from 'mcp-fleet';
import { createRestHandler, toFastifyHandler } from 'mcp-fleet/rest';
import { fakeServer } from 'mcp-fleet/testing';

const clock = fakeServer((server) => {
  server.registerTool('time', {}, () => ({ content: [{ type: 'text', text: 'noon' }] }));
});
const manager = new McpManager({ servers: { clock: clock.config } });
const door = toFastifyHandler(createRestHandler(manager, { authorize: 'allow-all', basePath: '/mcp' }));

const app = fastify({ forceCloseConnections: true });
app.register((mcp, _options, done) => {
  mcp.addHook('onRequest', async (request, reply) => {
    if (request.headers.authorization !== 'Bearer fastify-key') return reply.code(401).send();
  });
  mcp.all('/mcp*', door);
  done();
});

// The service in use.
const base = `${await app.listen({ port: 0 })}/mcp`;
const call = (key: string) =>
  fetch(`${base}/tools/call`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ server_name: 'clock', tool_name: 'time' }),
  });
assert.equal((await call('another-key')).status, 401);
const answer = await (await call('fastify-key')).json();
console.log(answer);
assert.deepEqual(answer, {
  success: true,
  data: { content: [{ type: 'text', text: 'noon' }] },
  server_name: 'clock',
});
assert.equal(clock.calls.length, 1);

await manager.close();
await clock.close();
await app.close();
