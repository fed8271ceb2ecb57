import { mkdtempSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CallOptions, McpClient, type McpFleetError, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { type FieldServerOptions, fieldServer, json, refused } from './http-server.js';
import { DONE, errorOf, eventOf, methodNotFound, type Rpc, resultOf } from './mcp-answers.js';

/** As a service would have it, but without waits between attempts. */
const PROMPT: ServerDefaults = { retry: { attempts: 3, baseDelayMs: 1 }, circuitBreaker: false };

/** Statuses after which a tool may have run, whatever the server says. */
const STATUSES = [
  200, 201, 202, 203, 204, 205, 206, 300, 304, 400, 402, 403, 404, 405, 406, 408, 409, 410, 413, 415, 418,
  422, 425, 451, 500, 501, 502, 503, 504, 508, 520, 599,
];

type BodyOf = (id: Rpc['id']) => [type: string | undefined, body: string];

/** Bodies that do not answer the call. */
const NO_ANSWERS: Record<string, BodyOf> = {
  'an empty body': () => [undefined, ''],
  'an empty body of JSON': () => ['application/json', ''],
  text: () => ['text/plain', 'the upstream API said no'],
  HTML: () => ['text/html', '<h1>Not Found</h1>'],
  'JSON of another kind': () => ['application/json', '{"detail":"Not Found"}'],
  'JSON in pieces': () => ['application/json', '{"jsonrpc":"2.0","id":'],
  null: () => ['application/json', 'null'],
  'a result for another': () => ['application/json', JSON.stringify(resultOf('other', DONE))],
  'an error for another': () => [
    'application/json',
    JSON.stringify(errorOf(99, -32_001, 'Session not found')),
  ],
  'a notification': () => ['application/json', '{"jsonrpc":"2.0","method":"notifications/message"}'],
  'a stream that ends at once': () => ['text/event-stream', ''],
  'a stream with a notification': () => ['text/event-stream', eventOf({ jsonrpc: '2.0', method: 'x' })],
  'a problem document': () => ['application/problem+json', '{"title":"Not Found","status":404}'],
};

/** Bodies that answer it. */
const ANSWERS: Record<string, BodyOf> = {
  'a result': (id) => ['application/json', JSON.stringify(resultOf(id, DONE))],
  'a result in a batch': (id) => ['application/json', JSON.stringify([resultOf(id, DONE)])],
  'a result without a type': (id) => [undefined, JSON.stringify(resultOf(id, DONE))],
  'a result whose id is a text': (id) => ['application/json', JSON.stringify(resultOf(String(id), DONE))],
  'an error of the tool': (id) => [
    'application/json',
    JSON.stringify(errorOf(id, -32_002, 'charged, but not found')),
  ],
};

async function standing(
  answer: (rpc: Rpc, response: ServerResponse) => void,
  more: FieldServerOptions = {},
  settings: ServerDefaults = PROMPT,
) {
  let ran = 0;
  const server = await fieldServer({
    ...more,
    on(rpc, response, request) {
      if (more.on?.(rpc, response, request) === true) return true;
      if (rpc.method !== 'tools/call') return false;
      ran++;
      answer(rpc, response);
      return true;
    },
  });
  const client = new McpClient('field', { url: server.url }, settings);
  return {
    server,
    client,
    get ran() {
      return ran;
    },
    async call(options: CallOptions = {}) {
      return client.callTool({ name: 'work' }, { timeoutMs: 10_000, ...options }).then(
        (result) => ({ result, error: undefined }),
        (error: McpFleetError) => ({ result: undefined, error }),
      );
    },
    async [Symbol.asyncDispose]() {
      await client.close({ drainTimeoutMs: 0 });
      await server.close();
    },
  };
}

function send(response: ServerResponse, status: number, [type, body]: [string | undefined, string]): void {
  response.writeHead(status, type === undefined ? {} : { 'content-type': type }).end(body);
}

/** What a server knows of pings, in whose session a call is refused. */
const PINGS: Record<string, FieldServerOptions['on']> = {
  'that knows pings': undefined,
  'that knows no ping': ({ id, method }, response) => method === 'ping' && json(response, methodNotFound(id)),
  'that refuses pings with 400': ({ method }, response) =>
    method === 'ping' && refused(response, 400, 'unknown method'),
  'that refuses pings with 404': ({ method }, response) =>
    method === 'ping' && refused(response, 404, 'unknown method'),
};

describe.each(['S', null])('with the session %j, a tool runs once', (session) => {
  test.each(STATUSES)('when its call is answered with HTTP %i and no answer', async (status) => {
    let answer = NO_ANSWERS['an empty body'] as BodyOf;
    await using stand = await standing(({ id }, response) => send(response, status, answer(id)), { session });
    for (const [index, [what, body]] of Object.entries(NO_ANSWERS).entries()) {
      answer = body;
      const { error, result } = await stand.call();
      expect(stand.ran, what).toBe(index + 1);
      expect(result, what).toBeUndefined();
      expect(error, what).toMatchObject({ delivery: 'unknown' });
    }
  });

  test.each(STATUSES.filter((status) => status !== 204 && status !== 304 && status !== 205))(
    'when its answer comes with HTTP %i, and the answer counts',
    async (status) => {
      let answer = ANSWERS['a result'] as BodyOf;
      await using stand = await standing(({ id }, response) => send(response, status, answer(id)), {
        session,
      });
      for (const [index, [what, body]] of Object.entries(ANSWERS).entries()) {
        answer = body;
        const { error, result } = await stand.call();
        expect(stand.ran, what).toBe(index + 1);
        if (what.startsWith('an error'))
          expect(error, what).toMatchObject({ code: 'REMOTE_ERROR', delivery: 'answered' });
        else expect(result, what).toEqual(DONE);
      }
    },
  );

  test.each([401, 421, 429])(
    'when HTTP %i comes with its answer, or its server is asked no more',
    async (status) => {
      for (const [what, body] of Object.entries(ANSWERS)) {
        await using stand = await standing(({ id }, response) => send(response, status, body(id)), {
          session,
        });
        const { error, result } = await stand.call();
        expect(stand.ran, what).toBe(1);
        if (status === 401) expect(error).toMatchObject({ code: 'UNAUTHORIZED', delivery: 'rejected' });
        else expect(error?.code ?? result, what).toEqual(what.startsWith('an error') ? 'REMOTE_ERROR' : DONE);
      }
    },
  );

  test.each(Object.entries(PINGS))('of a server %s, and refuses the call', async (_what, on) => {
    for (const status of [400, 404, 410]) {
      await using stand = await standing(
        ({ id }, response) => send(response, status, ['text/plain', `no ${id}`]),
        {
          session,
          ...(on && { on }),
        },
      );
      for (let call = 1; call <= 5; call++) {
        const { error } = await stand.call();
        expect(stand.ran, `${status}, call ${call}`).toBe(call);
        expect(error).toMatchObject({ delivery: 'unknown' });
      }
    }
  });

  test.each(Object.entries(PINGS))('of a server %s, and cannot list its tools', async (what, on) => {
    // Who refuses one and the other as he would in a session that he does not know, does not know it.
    for (const list of what.includes('refuses pings') ? [500] : [400, 404, 500])
      for (const status of [400, 404, 410]) {
        await using stand = await standing(
          ({ id }, response) => send(response, status, ['text/plain', `no ${id}`]),
          {
            session,
            on: (rpc, response, request) =>
              (rpc.method === 'tools/list' && refused(response, list, 'no list')) ||
              on?.(rpc, response, request),
          },
        );
        const { error } = await stand.call();
        expect(stand.ran, `${list}, ${status}`).toBe(1);
        expect(error, `${list}, ${status}`).toMatchObject({ delivery: 'unknown' });
      }
  });
});

/** A server made with the official package, whose tool runs and then returns what its own check refuses. */
const CHECKS_RESULTS = (ran: string) => `
  const { appendFileSync } = require('node:fs');
  const { Server } = require('@modelcontextprotocol/sdk/server/index.js');
  const { StdioServerTransport } = require('@modelcontextprotocol/sdk/server/stdio.js');
  const { CallToolRequestSchema } = require('@modelcontextprotocol/sdk/types.js');
  const server = new Server({ name: 'checks', version: '1' }, { capabilities: { tools: {} } });
  server.setRequestHandler(CallToolRequestSchema, () => {
    appendFileSync(${JSON.stringify(ran)}, 'x');
    return { content: [{ type: 'text' }] };
  });
  server.connect(new StdioServerTransport());`;

test('"Invalid params" of a tool that ran is told as an answer, and nothing runs again', async () => {
  const ran = join(mkdtempSync(join(tmpdir(), 'field-')), 'ran');
  const config = { command: process.execPath, args: ['-e', CHECKS_RESULTS(ran)], cwd: process.cwd() };
  await using client = new McpClient('field', config, PROMPT);
  const error = await client.callTool({ name: 'work' }).catch((thrown: McpFleetError) => thrown);
  expect(error).toMatchObject({ code: 'REMOTE_ERROR', rpcCode: -32_602, delivery: 'answered' });
  expect(readFileSync(ran, 'utf8')).toBe('x');
});
