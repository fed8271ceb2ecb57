import type { ServerResponse } from 'node:http';
import { McpClient, type McpFleetError, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test, vi } from 'vitest';
import { type FieldServerOptions, fieldServer, json, type Received, refused } from './http-server.js';
import { DONE, errorOf, INITIALIZED, methodNotFound, resultOf } from './mcp-answers.js';

const PROMPT: ServerDefaults = { retry: { attempts: 3, baseDelayMs: 1 }, circuitBreaker: false };

/** A server that knows its sessions, and can forget them. */
async function forgetful(
  refuse: (response: ServerResponse, rpc: Received) => void,
  on?: FieldServerOptions['on'],
) {
  const sessions = new Set<string>();
  let ran = 0;
  const server = await fieldServer({
    on(rpc, response, request) {
      const { id, method } = rpc;
      if (method === 'initialize') {
        const session = `session-${sessions.size}-${ran}`;
        sessions.add(session);
        return json(response, resultOf(id, INITIALIZED), 200, { 'mcp-session-id': session });
      }
      if (!sessions.has(String(rpc.headers['mcp-session-id']))) {
        refuse(response, rpc);
        return true;
      }
      if (method === 'tools/call') ran++;
      return on?.(rpc, response, request);
    },
  });
  return { server, forget: () => sessions.clear(), ran: () => ran };
}

const REFUSALS: Record<string, (response: ServerResponse, rpc: Received) => void> = {
  '404 alone': (response) => response.writeHead(404).end(),
  '404 and text': (response) =>
    response.writeHead(404, { 'content-type': 'text/plain' }).end('Session not found'),
  '404 and HTML': (response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>404</h1>'),
  '404 and an error without an id': (response) =>
    json(response, errorOf(null, -32_001, 'Session not found'), 404),
  '404 and an error for another': (response) =>
    json(response, errorOf('server-error', -32_600, 'Session not found'), 404),
  '400 and an error without an id': (response) =>
    json(response, errorOf(null, -32_000, 'Bad Request: no session'), 400),
  '400 and text': (response) => response.writeHead(400).end('Invalid session ID'),
  '410 alone': (response) => response.writeHead(410).end(),
};

describe.each(Object.entries(REFUSALS))(
  'a session that its server has forgotten, and refuses with %s,',
  (_how, refuse) => {
    test.each([
      ['that knows pings', undefined],
      [
        'that knows no ping',
        ({ id, method }, response) => method === 'ping' && json(response, methodNotFound(id), 404),
      ],
      ['that refuses pings', ({ method }, response) => method === 'ping' && refused(response, 400, 'what?')],
    ] as [string, FieldServerOptions['on']][])(
      'is followed by a new one, at a server %s, and each call runs once',
      async (_what, on) => {
        const { server, forget, ran } = await forgetful(refuse, on);
        await using _server = server;
        await using client = new McpClient('field', { url: server.url }, { ...PROMPT, retry: false });
        await client.listTools();
        forget();
        const results = await Promise.all(
          Array.from({ length: 20 }, () => client.callTool({ name: 'work' })),
        );
        expect(results).toEqual(Array.from({ length: 20 }, () => DONE));
        expect(ran()).toBe(20);
        expect(server.count('initialize')).toBe(2);
      },
    );

    test('is followed by a new one for reads, be there no proof', async () => {
      const { server, forget } = await forgetful(refuse);
      await using _server = server;
      await using client = new McpClient('field', { url: server.url }, PROMPT);
      await client.connect();
      forget();
      const tried = [client.listTools(), client.listTools(), client.ping(), client.ping(), client.ping()];
      const outcomes = await Promise.allSettled(tried);
      expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
      await expect(client.listTools()).resolves.toHaveLength(1);
    });
  },
);

test('a session that is refused to a call and to its stream at the same time is followed by a new one', async () => {
  let streams = 0;
  let stream: ServerResponse | undefined;
  let refused = () => {};
  const streamRefused = new Promise<void>((resolve) => {
    refused = resolve;
  });
  let isForgotten = false;
  const server = await fieldServer({
    get(response) {
      if (isForgotten) {
        response.writeHead(404).end();
        refused();
        return;
      }
      streams++;
      stream = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    },
    on(rpc, response) {
      if (!isForgotten || rpc.method === 'initialize') {
        if (rpc.method === 'initialize') isForgotten = false;
        return undefined;
      }
      if (rpc.id !== 'is-the-session-known') return refuse(response);
      // The question is still open when the stream ends, and may not be opened again.
      stream?.end();
      void streamRefused.then(() => refuse(response));
      return true;
    },
  });
  const refuse = (response: ServerResponse) => {
    response.writeHead(404).end();
    return true;
  };
  await using _server = server;
  await using client = new McpClient('field', { url: server.url }, { ...PROMPT, retry: false });
  await client.listTools();
  await vi.waitFor(() => expect(streams).toBe(1));
  isForgotten = true;
  await expect(client.callTool({ name: 'work' })).resolves.toEqual(DONE);
  expect(server.count('tools/call')).toBe(2);
  expect(server.count('initialize')).toBe(2);
});

test.each([500, 502, 503, 403, 409])(
  'a call that ran before its session was forgotten, and is told so with HTTP %i, does not run again',
  async (status) => {
    let fail = () => {};
    const { server, forget, ran } = await forgetful(
      (response) => response.writeHead(404).end(),
      (rpc, response) => {
        if (rpc.method !== 'tools/call' || rpc.params.arguments === undefined) return false;
        fail = () => response.writeHead(status).end('the upstream broke');
        return true;
      },
    );
    await using _server = server;
    await using client = new McpClient('field', { url: server.url }, PROMPT);
    await client.listTools();
    const slow = client
      .callTool({ name: 'work', arguments: { slow: true } })
      .catch((error: McpFleetError) => error);
    await vi.waitFor(() => expect(ran()).toBe(1));
    forget();
    await expect(client.callTool({ name: 'work' })).resolves.toEqual(DONE);
    fail();
    expect(await slow).toMatchObject({ delivery: 'unknown' });
    expect(ran()).toBe(2);
  },
);
