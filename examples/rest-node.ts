// MCP servers over REST, in a plain Node server: the door is at http://localhost:8000/mcp, an MCP server at port 8001.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { McpManager } from 'mcp-fleet';
import { createRestHandler, toNodeListener } from 'mcp-fleet/rest';
import { fakeServer } from 'mcp-fleet/testing';
import { z } from 'zod';

// In place of https://auth.example.com, so that this runs offline.
const token = { access_token: 'a-token', token_type: 'Bearer', expires_in: 3_600 };
const manager = new McpManager({
  fetch: async (url, init) =>
    new URL(url).host === 'auth.example.com' ? Response.json(token) : fetch(url, init),
});

const handler = createRestHandler(manager, {
  authorize: 'allow-all', // because the port is open to programs on this machine alone
  basePath: '/mcp',
  allowedHosts: ['localhost:8001'], // servers that are added may be there, and at public addresses
});
const service = createServer(toNodeListener(handler)).listen(8000, 'localhost');
await once(service, 'listening');

// The MCP server.
const database = fakeServer((server) => {
  server.registerTool('database_query', { inputSchema: { query: z.string() } }, ({ query }) => ({
    content: [{ type: 'text', text: `0 rows for ${query}` }],
  }));
});
const databaseService = createServer(toNodeListener(database.fetch)).listen(8001, 'localhost');
await once(databaseService, 'listening');

const run = async (command: string) => {
  const { stdout } = await promisify(execFile)('sh', ['-c', command]);
  console.log(stdout);
  return JSON.parse(stdout);
};
const added = await run(`curl -sX POST http://localhost:8000/mcp/servers -H "Content-Type: application/json" \
  -d '{"name":"my_server","url":"http://localhost:8001","oauth2_client_id":"client_id","oauth2_client_secret":"client_secret","oauth2_token_url":"https://auth.example.com/token"}'`);
assert.equal(added.server.server, 'my_server');
const listed = await run('curl -s http://localhost:8000/mcp/tools?server_name=my_server');
assert.equal(listed.tools.my_server[0].name, 'database_query');
const called =
  await run(`curl -sX POST http://localhost:8000/mcp/tools/call -H "Content-Type: application/json" \
  -d '{"server_name":"my_server","tool_name":"database_query","arguments":{"query":"SELECT * FROM users"}}'`);
assert.equal(called.data.content[0].text, '0 rows for SELECT * FROM users');
assert.equal(database.calls[0]?.authorization, 'Bearer a-token');

await manager.close(); // ends the streams of /events, too
await Promise.all([service.close(), databaseService.close(), database.close()]);
