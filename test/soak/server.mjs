// An MCP server with sessions that keeps a ledger of what it ran, and kills sockets at random when told to.
// Commands come from the parent process, each answered with one message.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

/** How long a tool takes, at most: time for its socket to be killed before, while and after it runs. */
const LONGEST_CALL_MS = 20;
const KILL_EVERY_MS = 100;

const sessions = new Set();
const sockets = new Set();
/** How often each nonce ran. */
let ledger = new Map();
let killed = 0;
let killing;

const commands = {
  state: () => ({ sessions: sessions.size, sockets: sockets.size, killed }),
  ledger() {
    const runs = Object.fromEntries(ledger);
    ledger = new Map();
    return runs;
  },
  /** As a restarted server does. */
  forget: () => sessions.clear(),
  startKilling() {
    killing = setInterval(killOne, KILL_EVERY_MS);
  },
  stopKilling: () => clearInterval(killing),
};

const server = createServer((request, response) => {
  const { method, headers } = request;
  const session = headers['mcp-session-id'];
  if (session !== undefined && !sessions.has(session)) return response.writeHead(404).end();
  if (method === 'DELETE') {
    sessions.delete(session);
    return response.writeHead(200).end();
  }
  if (method === 'GET') {
    return response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
  }
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => answer(JSON.parse(body), response));
});
server.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('error', () => {}).on('close', () => sockets.delete(socket));
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('message', (command) => process.send(commands[command]() ?? null));
process.on('disconnect', () => process.exit());

function answer({ id, method, params }, response) {
  if (id === undefined) return response.writeHead(202).end();
  switch (method) {
    case 'initialize': {
      const session = randomUUID();
      sessions.add(session);
      response.setHeader('mcp-session-id', session);
      return reply(response, id, {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {}, resources: {} },
        serverInfo: { name: 'soak', version: '1.0.0' },
      });
    }
    case 'tools/list':
      return reply(response, id, {
        tools: ['json', 'events'].map((name) => ({ name, inputSchema: { type: 'object' } })),
      });
    case 'resources/read':
      return reply(response, id, { contents: [{ uri: params.uri, text: 'as ever' }] });
    case 'tools/call':
      return setTimeout(() => run(id, params, response), Math.random() * LONGEST_CALL_MS);
    default:
      return reply(response, id, {});
  }
}

function run(id, { name, arguments: { nonce } }, response) {
  // Even when nobody waits for the answer any more: that is what makes an outcome unknown.
  ledger.set(nonce, (ledger.get(nonce) ?? 0) + 1);
  reply(response, id, { content: [{ type: 'text', text: nonce }] }, name === 'events');
}

function reply(response, id, result, asEvent = false) {
  const json = JSON.stringify({ jsonrpc: '2.0', id, result });
  response.writeHead(200, { 'content-type': asEvent ? 'text/event-stream' : 'application/json' });
  response.end(asEvent ? `event: message\ndata: ${json}\n\n` : json);
}

function killOne() {
  const all = [...sockets];
  const socket = all[Math.floor(Math.random() * all.length)];
  if (socket === undefined) return;
  killed++;
  if (Math.random() < 0.5) socket.resetAndDestroy();
  else socket.destroy();
}
