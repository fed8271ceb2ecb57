import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createMcpHandler } from '@modelcontextprotocol/server';
import { listenOnLoopback } from '../fixtures/loopback.js';
import { type NewerOptions, newerServer } from './newer.js';
import { olderServer } from './older.js';
import { Program } from './program.js';

/**
 * `older`: with sessions, by the SDK of version 1. `newer`: revision 2026-07-28 only. `both`: that one, and the older
 * revisions without a session.
 */
export type Speaks = 'older' | 'newer' | 'both';

export interface HttpRequest {
  /** Method of the JSON-RPC message, or of HTTP where there is none. */
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly params: Readonly<Record<string, unknown>>;
}

/** The program over HTTP on 127.0.0.1. */
export interface HttpProgram extends AsyncDisposable {
  readonly url: string;
  readonly program: Program;
  /** What was asked, in the order of arrival. */
  readonly requests: readonly HttpRequest[];
  readonly openConnections: number;
  /** Requests that are not answered to their end, streams among them. */
  readonly openResponses: number;
  /** How often a method was asked for. */
  count(method: string): number;
  close(): Promise<void>;
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => Promise<void>;

export async function httpProgram(speaks: Speaks, options: NewerOptions = {}): Promise<HttpProgram> {
  const program = new Program();
  const requests: HttpRequest[] = [];
  let openResponses = 0;
  const served = speaks === 'older' ? sessionsOf(program) : requestsOf(program, speaks, options);
  const server = createServer((request, response) => {
    openResponses++;
    response.on('close', () => openResponses--);
    answer(request, response).catch(() => response.destroy());
  });
  const loopback = await listenOnLoopback(server);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { method = request.method ?? '', params = {} } = body === '' ? {} : JSON.parse(body);
    requests.push({ method, params, headers: request.headers });
    await served.answer(request, response, body);
  }

  const close = async () => {
    await loopback.close();
    await served.close();
  };
  return {
    url: `http://127.0.0.1:${loopback.port}/mcp`,
    program,
    requests,
    get openConnections() {
      return loopback.openConnections;
    },
    get openResponses() {
      return openResponses;
    },
    count: (method) => requests.filter((request) => request.method === method).length,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A server for each session. */
function sessionsOf(program: Program): { answer: Answer; close: () => Promise<void> } {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const open = async () => {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: (id) => void transports.delete(id),
    });
    // Its declaration is not made for exact optional properties.
    await olderServer(program).connect(transport as Parameters<ReturnType<typeof olderServer>['connect']>[0]);
    return transport;
  };
  return {
    async answer(request, response, body) {
      const id = request.headers['mcp-session-id'];
      const transport = id === undefined ? await open() : transports.get(String(id));
      if (transport === undefined) response.writeHead(404).end();
      else await transport.handleRequest(request, response, body === '' ? undefined : JSON.parse(body));
    },
    async close() {
      await Promise.all([...transports.values()].map((transport) => transport.close()));
    },
  };
}

/** A server for each request. */
function requestsOf(
  program: Program,
  speaks: 'newer' | 'both',
  options: NewerOptions,
): { answer: Answer; close: () => Promise<void> } {
  const handler = createMcpHandler(() => newerServer(program, options), {
    legacy: speaks === 'both' ? 'stateless' : 'reject',
  });
  const { notify } = handler;
  const unsubscribe = program.subscribe({
    listChanged(list) {
      if (list === 'tools') notify.toolsChanged();
      else if (list === 'resources') notify.resourcesChanged();
      else notify.promptsChanged();
    },
    resourceUpdated: (uri) => notify.resourceUpdated(uri),
  });
  return {
    async answer(request, response, body) {
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      const asked = new Request(`http://127.0.0.1${request.url}`, {
        method: request.method ?? 'GET',
        headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        body: body === '' ? null : body,
        signal: gone.signal,
      });
      const answered = await handler.fetch(asked);
      response.writeHead(answered.status, Object.fromEntries(answered.headers)).flushHeaders();
      for await (const chunk of answered.body ?? []) response.write(chunk);
      response.end();
    },
    async close() {
      unsubscribe();
      await handler.close();
    },
  };
}
