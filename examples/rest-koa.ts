// MCP servers over REST, in Koa: a middleware in front of the door decides who may come in.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { McpManager } from 'mcp-fleet';
import { createRestHandler, toKoaMiddleware } from 'mcp-fleet/rest';
import { fakeServer } from 'mcp-fleet/testing';

const clock = fakeServer((server) => {
  server.registerTool('time', {}, () => ({ content: [{ type: 'text', text: 'noon' }] }));
});
const manager = new McpManager({ servers: { clock: clock.config } });
const door = toKoaMiddleware(createRestHandler(manager, { authorize: 'allow-all', basePath: '/mcp' }));

const app = new Koa();
app.use(async (context, next) => {
  if (context.get('authorization') !== 'Bearer koa-key') context.throw(401);
  await next();
});
app.use(door);

// The service in use.
const service = app.listen(0);
await once(service, 'listening');
const base = `http://localhost:${(service.address() as AddressInfo).port}/mcp`;
const call = (key: string) =>
  fetch(`${base}/tools/call`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ server_name: 'clock', tool_name: 'time' }),
  });
assert.equal((await call('another-key')).status, 401);
const answer = await (await call('koa-key')).json();
console.log(answer);
assert.deepEqual(answer, {
  success: true,
  data: { content: [{ type: 'text', text: 'noon' }] },
  server_name: 'clock',
});
assert.equal(clock.calls.length, 1);

await manager.close();
await clock.close();
service.close();
