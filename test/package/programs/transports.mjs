// One server over HTTP on loopback, one in a process of its own.
import { createServer } from 'node:http';
import { McpManager } from 'mcp-fleet';

const RESULTS = {
  initialize: {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: 's', version: '1' },
  },
  'tools/list': { tools: [{ name: 'greet', inputSchema: { type: 'object' } }] },
  'tools/call': { content: [{ type: 'text', text: 'hello' }] },
};
const PROGRAM = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method } = JSON.parse(line);
    const result = ${JSON.stringify(RESULTS)}[method] ?? {};
    if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });`;

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { id, method } = JSON.parse(body || '{}');
  if (id === undefined) return response.writeHead(request.method === 'POST' ? 202 : 405).end();
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result: RESULTS[method] ?? {} }));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const remote = { url: `http://127.0.0.1:${server.address().port}/mcp` };
const local = { command: process.execPath, args: ['-e', PROGRAM] };
const manager = new McpManager({ servers: { remote, local } });
for (const name of ['remote__greet', 'local__greet']) {
  const { content } = await manager.callTool({ name });
  console.log(name, content[0].text);
}
await manager.close();
server.close();
