// The least MCP server there is, in a process of its own. Every path is a server: below /stream it also has the stream
// on which servers speak first; below /few it has five tools; below /modern it speaks 2026-07-28; below /idle, too, and
// keeps no connection. Sends its port to its parent.
import { createServer } from 'node:http';
import { answerTo, FEW_TOOLS, modernAnswerTo, modernRefusalOf } from './answers.mjs';

const server = createServer((request, response) => {
  if (request.method === 'GET' && request.url.startsWith('/stream')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    return;
  }
  if (request.method !== 'POST') return response.writeHead(405).end();
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const message = JSON.parse(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    const isIdle = request.url.startsWith('/idle');
    const isModern = isIdle || request.url.startsWith('/modern');
    if (isIdle) response.setHeader('connection', 'close');
    const others = request.url.startsWith('/few') ? FEW_TOOLS : undefined;
    const answer = isModern ? modernAnswerTo(message) : answerTo(message, others);
    if (isModern && answer === undefined)
      return response.writeHead(400, { 'content-type': 'application/json' }).end(modernRefusalOf(message));
    if (answer === undefined) return response.writeHead(202).end();
    if (message.params?.name === 'sse') return sendEvent(response, answer);
    const bytes = Buffer.from(answer);
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.byteLength })
      .end(bytes);
  });
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit());

function sendEvent(response, answer) {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`event: message\ndata: ${answer}\n\n`);
}
