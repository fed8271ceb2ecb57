// An HTTP service with MCP servers behind it. It owns the process: the library handles no signals.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { type FleetToolCall, McpFleetError, McpManager } from 'mcp-fleet';

const manager = new McpManager({
  servers: {
    everything: { command: 'npx', args: ['-y', '@modelcontextprotocol/server-everything', 'stdio'] },
  },
});

type Answer = [status: number, body: unknown];

async function answer(request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
  switch (`${request.method} ${request.url}`) {
    case 'GET /tools':
      return [200, await manager.listTools({ signal })];
    case 'POST /call':
      return [200, await manager.callTool((await json(request)) as FleetToolCall, { signal })];
    case 'GET /health':
      return [manager.snapshot().status === 'down' ? 503 : 200, manager.snapshot()];
    default:
      return [404, { message: 'Not found' }];
  }
}

const service = createServer(async (request, response) => {
  const left = new AbortController();
  response.on('close', () => left.abort()); // whoever goes away takes the call along
  const [status, body] = await answer(request, left.signal).catch((error: unknown): Answer => {
    return error instanceof McpFleetError ? [502, error] : [500, { message: 'Internal error' }];
  });
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});

process.once('SIGTERM', async () => {
  service.close(); // no new requests
  await manager.close(); // waits for running calls, then ends sessions and child processes
});

// The service in use.
await once(service.listen(0, '127.0.0.1'), 'listening');
const base = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
const post = (call: FleetToolCall) => fetch(`${base}/call`, { method: 'POST', body: JSON.stringify(call) });
const result = await post({ name: 'everything__echo', arguments: { message: 'hi' } });
assert.deepEqual(await result.json(), { content: [{ type: 'text', text: 'Echo: hi' }] });
const mistake = await post({ name: 'everything__ecko' });
console.log(mistake.status, await mistake.json());
console.log(await (await fetch(`${base}/health`)).json());

process.kill(process.pid, 'SIGTERM');
await once(service, 'close');
assert.equal(manager.snapshot().status, 'closed');
