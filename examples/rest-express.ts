// MCP servers over REST, in Express: who may do what is decided by a middleware in front of the door.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { McpManager } from 'mcp-fleet';
import { createRestHandler, toNodeListener } from 'mcp-fleet/rest';
import { fakeServer } from 'mcp-fleet/testing';

const clock = fakeServer((server) => {
  server.registerTool('time', {}, () => ({ content: [{ type: 'text', text: 'noon' }] }));
});
const manager = new McpManager({ servers: { clock: clock.config } });
// The middleware has asked already who it is.
const door = toNodeListener(createRestHandler(manager, { authorize: 'allow-all' }));

const app = express();
app.use(express.json()); // may stand before the door: what it read is taken from request.body
app.use(
  '/mcp',
  (request, response, next) => {
    if (request.headers.authorization === 'Bearer express-key') next();
    else response.status(401).end();
  },
  door,
);

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
const answer = await (await call('express-key')).json();
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
