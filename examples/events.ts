// Watches two servers: one restarts and is reconnected to, the other is not there at all.
import assert from 'node:assert/strict';
import { McpManager, type ServerStatus } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';

const clock = fakeServer((server) => {
  server.registerTool('time', {}, () => ({ content: [{ type: 'text', text: '12:00' }] }));
});
const gone = fakeServer(() => {});
await gone.close();

const manager = new McpManager({ servers: { clock: clock.config, gone: gone.config } });

const statuses: Record<string, ServerStatus[]> = { clock: [], gone: [] };
manager.on('status', ({ server, previous, status, error }) => {
  console.log(`${server}: ${previous} → ${status}`, error?.message ?? '');
  statuses[server]?.push(status);
});
manager.on('call', ({ server, method, outcome, durationMs }) => {
  console.log(`${server}: ${method} ${outcome}, ${durationMs.toFixed(0)} ms`);
});
// What fails in the background, where no caller waits for it.
manager.on('error', ({ server, during, error }) => console.log(`${server}: ${during}: ${error.message}`));

// A server that cannot be reached is no exception. It is reported, and tried again in the background.
const { ready, failed } = await manager.connect();
assert.deepEqual(ready, ['clock']);
assert.equal(failed[0]?.server, 'gone');
assert.equal(failed[0]?.error.code, 'CONNECT_FAILED');
assert.deepEqual(statuses.gone, ['connecting', 'reconnecting']);

// A restarted server has forgotten its sessions. The next request finds out, and a new session is opened.
clock.restart();
await manager.ping({ server: 'clock' });
await manager.client('clock').connect();
assert.deepEqual(statuses.clock, ['connecting', 'ready', 'reconnecting', 'ready']);

// For a health endpoint: plain JSON without secrets, made without asking any server.
const { status, servers } = manager.snapshot();
console.log(status, servers);
assert.equal(status, 'degraded');

await manager.close();
await clock.close();
