import { McpClient, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { fieldServer, sseFieldServer } from './http-server.js';
import { DONE, eventOf, resultOf } from './mcp-answers.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false, connectTimeoutMs: 3_000 };

/** What servers and proxies write to keep a stream open, and what else is no message. */
const HEARTBEATS: Record<string, string> = {
  'a comment': ': ping\n\n',
  'a comment without a text': ':\n\n',
  'an event of another name': 'event: ping\ndata: {"time":1}\n\n',
  'a heartbeat event': 'event: heartbeat\n\n',
  'empty data': 'data:\n\n',
  'data in words': 'data: ping\n\n',
  'data that is a time': `data: 2026-11-27T07:41:24Z\n\n`,
  'an object that is no message': 'data: {"type":"heartbeat"}\n\n',
  'a list': 'data: []\n\n',
  null: 'data: null\n\n',
  'an id alone': 'id: 7\n\n',
  'a time to wait': 'retry: 10\n\n',
  'a field that is not known': 'foo: bar\n\n',
  'a byte order mark': '\ufeff: x\n\n',
  'line ends of old': ': a\r\r: b\r\n\r\n',
  'an answer to another': `data: ${JSON.stringify(resultOf(999_999, DONE))}\n\n`,
};

describe.each(Object.entries(HEARTBEATS))('%s before an answer', (_what, heartbeat) => {
  test('does not cost the answer over Streamable HTTP', async () => {
    await using server = await fieldServer({
      on({ id, method }, response) {
        if (method !== 'tools/call') return false;
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(heartbeat.repeat(3));
        response.end(eventOf(resultOf(id, DONE)));
        return true;
      },
    });
    await using client = new McpClient('field', { url: server.url }, CALM);
    expect(await client.callTool({ name: 'work' }, { timeoutMs: 5_000 })).toEqual(DONE);
    expect(server.count('tools/call')).toBe(1);
  });

  test('does not cost the answer over HTTP+SSE', async () => {
    await using server = await sseFieldServer({
      on({ id, method }, write) {
        if (method !== 'tools/call') return false;
        write(heartbeat.repeat(3));
        write(`event: message\n${eventOf(resultOf(id, DONE))}`);
        return true;
      },
    });
    await using client = new McpClient('field', { type: 'sse', url: server.url }, CALM);
    expect(await client.callTool({ name: 'work' }, { timeoutMs: 5_000 })).toEqual(DONE);
    expect([server.count('tools/call'), server.count('initialize')]).toEqual([1, 1]);
  });
});

test('a server of HTTP+SSE that answers a POST with its first event is known for what it is', async () => {
  const streams: { write(text: string): void }[] = [];
  await using server = await fieldServer({
    get: (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`event: endpoint\ndata: /messages?stream=${streams.push(response) - 1}\n\n`);
    },
    on({ id, method }, response, request) {
      const stream = /stream=(\d+)/.exec(request.url ?? '')?.[1];
      if (stream === undefined) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('event: endpoint\ndata: /messages?stream=0\n\n');
        return true;
      }
      response.writeHead(202).end();
      const results: Record<string, unknown> = {
        initialize: {
          protocolVersion: '2024-11-05',
          capabilities: { tools: {} },
          serverInfo: { name: 's', version: '1' },
        },
        'tools/list': { tools: [{ name: 'work', inputSchema: { type: 'object' } }] },
        'tools/call': DONE,
      };
      if (id !== undefined && method !== undefined)
        streams[Number(stream)]?.write(eventOf(resultOf(id, results[method] ?? {})));
      return true;
    },
  });
  await using client = new McpClient('field', { url: server.url }, CALM);
  expect(await client.callTool({ name: 'work' }, { timeoutMs: 5_000 })).toEqual(DONE);
});

test('a server that is polled for an answer is asked until it comes', async () => {
  let callId: string | number | undefined;
  let polls = 0;
  await using server = await fieldServer({
    on({ id, method }, response) {
      if (method !== 'tools/call') return false;
      callId = id;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('id: 1\nretry: 20\ndata:\n\n');
      return true;
    },
    get(response, { headers }) {
      if (headers['last-event-id'] === undefined) return void response.writeHead(405).end();
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(++polls < 12 ? '' : `id: 2\n${eventOf(resultOf(callId, DONE))}`);
    },
  });
  await using client = new McpClient('field', { url: server.url }, CALM);
  expect(await client.callTool({ name: 'work' }, { timeoutMs: 20_000 })).toEqual(DONE);
  expect([polls, server.count('tools/call')]).toEqual([12, 1]);
});
