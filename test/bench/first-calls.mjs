// How many HTTP requests lie before the result of the first call, by what the server speaks.
import { createServer } from 'node:http';
import { McpManager } from 'mcp-fleet';
import { answerTo, modernAnswerTo, modernRefusalOf } from './answers.mjs';
import { FLEET } from './clients.mjs';

export async function firstCalls() {
  return {
    'up to 2025-11-25': await counted(answerTo),
    '2026-07-28, found out': await counted(modernAnswerTo),
    '2026-07-28, pinned': await counted(modernAnswerTo, '2026-07-28'),
  };
}

async function counted(answer, protocol = 'auto') {
  const methods = [];
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return response.writeHead(405).end();
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const message = JSON.parse(Buffer.concat(chunks));
    methods.push(message.method);
    const text = answer(message);
    if (text === undefined && message.id === undefined) return response.writeHead(202).end();
    response.writeHead(text === undefined ? 400 : 200, { 'content-type': 'application/json' });
    response.end(text ?? modernRefusalOf(message));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/mcp`;
  const manager = new McpManager({ servers: { bench: { url, protocol } } });
  await manager.callTool({ name: 'bench__echo', arguments: { text: 'hello' } });
  const figures = { [FLEET]: { requests: methods.length, methods: methods.join(' ') } };
  await manager.close();
  server.close();
  return figures;
}
