import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request as httpRequest, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { promisify } from 'node:util';
import compression from 'compression';
import express from 'express';
import fastify, { type FastifyInstance } from 'fastify';
import helmet from 'helmet';
import { Hono } from 'hono';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import koaMount from 'koa-mount';
import { createRestHandler, toFastifyHandler, toKoaMiddleware, toNodeListener } from 'mcp-fleet/rest';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { listenOnLoopback } from '../fixtures/loopback.js';
import { answerCheck, EVERY_ROUTE, openApiOf, type RestDoor, restDoor } from '../fixtures/rest-door.js';

let door: RestDoor;
afterEach(() => door[Symbol.asyncDispose]());

type Handler = (request: Request) => Promise<Response>;
/** Starts a server with the handler at `/mcp`; gives its port. */
type Mount = (handler: Handler) => Promise<number>;

async function listening(listener: RequestListener): Promise<number> {
  const loopback = await listenOnLoopback(createServer(listener));
  onTestFinished(loopback.close);
  return loopback.port;
}

async function listeningFastify(prepare: (app: FastifyInstance) => void): Promise<number> {
  const app: FastifyInstance = fastify({ forceCloseConnections: true });
  prepare(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(async () => {
    await app.close();
  });
  return (app.server.address() as AddressInfo).port;
}

const MOUNTS: Record<string, Mount> = {
  'node:http': (handler) => listening(toNodeListener(handler)),
  'Express 5, mounted': (handler) => listening(express().use('/mcp', toNodeListener(handler))),
  'Express 5, not mounted': (handler) => listening(express().use(toNodeListener(handler))),
  'Express 5 behind express.json()': (handler) =>
    listening(express().use(express.json()).use('/mcp', toNodeListener(handler))),
  'Express 5 behind compression() and helmet()': (handler) =>
    listening(express().use(compression(), helmet(), express.json()).use('/mcp', toNodeListener(handler))),
  'Fastify 5 behind its parser': (handler) =>
    listeningFastify((app) => void app.all('/mcp*', toFastifyHandler(handler))),
  'Fastify 5 without a parser': (handler) =>
    listeningFastify((app) => {
      const listener = toNodeListener(handler);
      app.removeAllContentTypeParsers();
      app.addContentTypeParser('*', (_request, _payload, done) => done(null));
      app.all('/mcp*', (request, reply) => {
        reply.hijack();
        listener(request.raw, reply.raw);
      });
    }),
  'Koa 3': (handler) => {
    const listener = toNodeListener(handler);
    const app = new Koa().use((context) => {
      context.respond = false;
      listener(context.req, context.res);
    });
    return listening(app.callback());
  },
  'Koa 3 behind koa-bodyparser': (handler) =>
    listening(new Koa().use(bodyParser()).use(toKoaMiddleware(handler)).callback()),
  'Koa 3, mounted by koa-mount': (handler) =>
    listening(
      new Koa()
        .use(bodyParser())
        .use(koaMount('/mcp', toKoaMiddleware(handler)))
        .callback(),
    ),
  Hono: (handler) => {
    const app = new Hono().all('/mcp/*', (context) => handler(context.req.raw));
    return listening(toNodeListener(async (request) => app.fetch(request)));
  },
  'a route file as in Next': (handler) => {
    const route: Record<string, Handler> = { GET: handler, POST: handler, DELETE: handler };
    const notAllowed = async () => new Response(null, { status: 405 });
    return listening(toNodeListener((request) => (route[request.method] ?? notAllowed)(request)));
  },
};

describe.each(Object.entries(MOUNTS))('in %s', (_name, mount) => {
  async function start(): Promise<string> {
    door = await restDoor();
    const handler = createRestHandler(door.manager, { authorize: 'allow-all', basePath: '/mcp' });
    return `http://127.0.0.1:${await mount(handler)}/mcp`;
  }

  test('every route answers as it is described', async () => {
    const base = await start();
    const check = answerCheck(await openApiOf(door.manager));
    for (const { method, path, body, status = 200 } of EVERY_ROUTE) {
      const leaving = new AbortController();
      const response = await fetch(`${base}${path}`, {
        method,
        signal: leaving.signal,
        ...(body !== undefined && {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      });
      expect(response.status, `${method} ${path}`).toBe(status);
      const type = response.headers.get('content-type') ?? '';
      if (type === 'text/event-stream') leaving.abort();
      else
        check(method, path, response, type.includes('json') ? await response.json() : await response.text());
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  test('the mount leads to the page, which may run its own script, and the document says where it is', async () => {
    const base = await start();
    const page = await fetch(base);
    expect([page.url, page.status]).toEqual([`${base}/docs`, 200]);
    // Of two policies a browser applies both.
    const policies = (page.headers.get('content-security-policy') ?? '').split(',');
    expect(policies).toEqual([expect.stringContaining("script-src 'sha256-")]);
    const { servers } = (await (await fetch(`${base}/openapi.json`)).json()) as { servers: unknown };
    expect(servers).toEqual([{ url: '/mcp' }]);
  });

  test('a client that goes away takes its call along', async () => {
    const base = await start();
    const leaving = new AbortController();
    const answer = fetch(`${base}/tools/call`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ server_name: 'math', tool_name: 'wait' }),
      signal: leaving.signal,
    });
    const settled = answer.catch(() => {});
    await vi.waitFor(() => expect(door.math.calls).toHaveLength(1));
    const ended = door.manager.once('call');
    leaving.abort();
    expect(await ended).toMatchObject({ name: 'wait', outcome: 'aborted' });
    await settled;
  });

  test('events arrive as they happen, and the listening ends with the client', async () => {
    const base = await start();
    const leaving = new AbortController();
    const response = await fetch(`${base}/events`, { signal: leaving.signal });
    const reader = (response.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream())
      .getReader();
    let text = '';
    const call = door.manager.client('math').callTool({ name: 'fail' });
    while (!text.includes('tool_error')) text += (await reader.read()).value;
    await call;
    const on = vi.spyOn(door.manager, 'on');
    leaving.abort();
    await reader.read().catch(() => {});
    // A reader alone makes the handler listen; one that comes later finds nobody there.
    await vi.waitFor(async () => {
      const again = new AbortController();
      await fetch(`${base}/events`, { signal: again.signal });
      again.abort();
      expect(on).toHaveBeenCalled();
    });
  });
});

describe('the listener', () => {
  async function start(handler?: Handler): Promise<number> {
    door = await restDoor();
    return listening(
      toNodeListener(
        handler ?? createRestHandler(door.manager, { authorize: 'allow-all', bodyTimeoutMs: 100 }),
      ),
    );
  }

  /** Sends bytes as they are; gives what comes back until the end, or until `until` is in it. */
  async function raw(port: number, bytes: string, until?: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('error', () => {});
    socket.write(bytes);
    for await (const chunk of socket) {
      text += chunk;
      if (until !== undefined && text.includes(until)) break;
    }
    return text;
  }

  test('answers 408 to a body that stops half-way, and closes the connection', async () => {
    const port = await start();
    const head = 'POST /tools/call HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n';
    const answer = await raw(port, `${head}Content-Length: 100\r\n\r\n{"server`);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  });

  test('answers 413 while the rest of the body is still on its way', async () => {
    const port = await start();
    const response = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': 5_000_000 };
      const request = httpRequest({ port, method: 'POST', path: '/tools/call', headers }, (answer) => {
        resolve(answer.statusCode);
        request.destroy();
      });
      request.on('error', reject);
      request.write('x'.repeat(500_000));
    });
    expect(response).toBe(413);
  });

  test.each([
    ['a whole URL', 'GET http://elsewhere.example/health HTTP/1.1\r\nHost: localhost', 200],
    ['a path that looks like a host', 'GET //evil.example/health HTTP/1.1\r\nHost: localhost', 404],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nHost: localhost', 404],
    ['a method that fetch forbids', 'TRACE /health HTTP/1.1\r\nHost: localhost', 400],
    ['a host that is none', 'GET /health HTTP/1.1\r\nHost: a b', 400],
    ['no host', 'GET /health HTTP/1.0', 200],
    ['a header twice', 'GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\nX-A: 2', 200],
  ])('%s is answered', async (_what, head, status) => {
    const answer = await raw(await start(), `${head}\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  test('a handler that throws or rejects is a problem of no details', async () => {
    for (const handler of [
      async () => Promise.reject(new Error('a-secret')),
      () => {
        throw new Error('a-secret');
      },
    ]) {
      const response = await fetch(`http://127.0.0.1:${await start(handler as Handler)}/`);
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain('a-secret');
      await door[Symbol.asyncDispose]();
    }
  });

  test('passes headers that come several times on, in both directions', async () => {
    const port = await start(async (request) => {
      const headers = new Headers([
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['x-seen', request.headers.get('x-many') ?? ''],
      ]);
      return new Response('ok', { headers });
    });
    const head = 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Many: 1\r\nX-Many: 2\r\nConnection: close\r\n\r\n';
    const answer = await raw(port, head);
    expect(answer).toMatch(/set-cookie: a=1\r\nset-cookie: b=2/i);
    expect(answer).toMatch(/x-seen: 1, 2/i);
  });

  test('does not read ahead of a client that does not read', async () => {
    let produced = 0;
    const port = await start(async () => {
      const body = new ReadableStream<Uint8Array>({
        pull(stream) {
          produced += 65_536;
          stream.enqueue(new Uint8Array(65_536));
        },
      });
      return new Response(body);
    });
    const socket = connect(port, '127.0.0.1');
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await vi.waitFor(() => expect(produced).toBeGreaterThan(0));
    let before = -1;
    while (before !== produced) {
      before = produced;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(produced).toBeLessThan(32_000_000);
    socket.destroy();
    await once(socket, 'close');
  });

  test('says so when a parser has taken the body away', async () => {
    door = await restDoor();
    const listener = toNodeListener(createRestHandler(door.manager, { authorize: 'allow-all' }));
    const port = await listening((request, response) => {
      request.resume().on('end', () => listener(request, response));
    });
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: '{"server_name":"math","tool_name":"add"}' };
    const response = await fetch(`http://127.0.0.1:${port}/tools/call`, init);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining('request.body') });
  });
});

test('100 listeners, half of which do not read, do not slow the calls down', async () => {
  door = await restDoor();
  const port = await listening(toNodeListener(door.handler));
  const { manager } = door;
  const call = () => manager.client('math').callTool({ name: 'fail' });
  const timed = async () => {
    const startedAt = performance.now();
    for (let count = 0; count < 300; count++) await call();
    return performance.now() - startedAt;
  };
  await timed();
  const alone = await timed();
  const sockets = Array.from({ length: 100 }, (_one, index) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {}).write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    if (index % 2 === 0) socket.pause();
    else socket.resume();
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const heard = await timed();
  // Generous: each event is written once, and given to each listener.
  expect(heard).toBeLessThan(20 * alone + 2_000);
  for (const socket of sockets) socket.destroy();
});

describe('curl', () => {
  const COMMANDS = [
    `curl -X POST http://localhost:8000/mcp/servers -H "Content-Type: application/json" \\
  -d '{"name":"my_server","url":"http://localhost:8001","oauth2_client_id":"client_id","oauth2_client_secret":"client_secret","oauth2_token_url":"https://auth.example.com/token"}'`,
    'curl http://localhost:8000/mcp/tools?server_name=my_server',
    `curl -X POST http://localhost:8000/mcp/tools/call -H "Content-Type: application/json" \\
  -d '{"server_name":"my_server","tool_name":"database_query","arguments":{"query":"SELECT * FROM users"}}'`,
  ];

  test('is understood', async () => {
    door = await restDoor();
    const { McpManager } = await import('mcp-fleet');
    const { fakeServer } = await import('mcp-fleet/testing');
    const { z } = await import('zod');
    await using database = fakeServer((server) => {
      server.registerTool('database_query', { inputSchema: { query: z.string() } }, ({ query }) => ({
        content: [{ type: 'text', text: `0 rows: ${query}` }],
      }));
    });
    const databasePort = await listening(toNodeListener(database.fetch));
    const token = { access_token: 'a-token', token_type: 'Bearer', expires_in: 3_600 };
    await using manager = new McpManager({
      fetch: async (url, init) =>
        new URL(url).host === 'auth.example.com' ? Response.json(token) : fetch(url, init),
    });
    const allowedHosts = [`localhost:${databasePort}`];
    const handler = createRestHandler(manager, { authorize: 'allow-all', basePath: '/mcp', allowedHosts });
    const port = await listening(toNodeListener(handler));
    const answers: unknown[] = [];
    for (const command of COMMANDS) {
      const local = command.replace(':8000', `:${port}`).replace(':8001', `:${databasePort}`);
      const { stdout } = await promisify(execFile)('sh', ['-c', local.replace('curl ', 'curl -s ')]);
      answers.push(JSON.parse(stdout));
    }
    expect(answers).toMatchObject([
      { message: 'Server my_server was added', server: { server: 'my_server' } },
      { tools: { my_server: [{ name: 'database_query' }] }, errors: {} },
      {
        success: true,
        data: { content: [{ type: 'text', text: '0 rows: SELECT * FROM users' }] },
        server_name: 'my_server',
      },
    ]);
    expect(database.calls[0]?.authorization).toBe('Bearer a-token');
  });
});
