import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Loopback, listenOnLoopback } from '../fixtures/loopback.js';
import { answerOf, RESULTS, type Results, type Rpc } from './mcp-answers.js';

/** A POST as it came. */
export interface Received extends Rpc {
  readonly headers: IncomingHttpHeaders;
  /** Names and values as they were on the wire. */
  readonly raw: readonly string[];
}

export interface FieldServerOptions {
  /** Beside those of every server. */
  results?: Results;
  /** Answers by itself, and says so with `true`. */
  on?: (rpc: Received, response: ServerResponse, request: IncomingMessage) => boolean | undefined;
  /** What becomes of a GET. @default 405 */
  get?: (response: ServerResponse, request: IncomingMessage) => void;
  /** `null`: the server has no sessions. @default 'S' */
  session?: string | null;
}

/** A hand-made MCP server over Streamable HTTP. */
export interface FieldServer extends AsyncDisposable {
  readonly origin: string;
  readonly url: string;
  readonly received: readonly Received[];
  readonly openConnections: number;
  /** How often a method was asked for. */
  count(method: string): number;
  close(): Promise<void>;
}

export async function fieldServer(options: FieldServerOptions = {}): Promise<FieldServer> {
  const { on, get, session = 'S' } = options;
  const results = { ...RESULTS, ...options.results };
  const received: Received[] = [];
  return listening(
    received,
    createServer(async (request, response) => {
      const body = await bodyOf(request);
      if (request.method === 'GET' && get !== undefined) return get(response, request);
      if (request.method !== 'POST') {
        response.writeHead(request.method === 'GET' ? 405 : 200).end();
        return;
      }
      const rpc: Received = { ...messageIn(body), headers: request.headers, raw: request.rawHeaders };
      received.push(rpc);
      if (on?.(rpc, response, request) === true) return;
      if (rpc.id === undefined || rpc.method === undefined) {
        response.writeHead(202).end();
        return;
      }
      const isFirst = rpc.method === 'initialize' && session !== null;
      json(response, answerOf(rpc, results), 200, isFirst ? { 'mcp-session-id': session } : {});
    }),
  );
}

/** Answers with JSON; returns `true`, as who answers by itself does. */
export function json(response: ServerResponse, body: unknown, status = 200, headers = {}): true {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  return true;
}

/** Answers with text and an HTTP status; returns `true`, as who answers by itself does. */
export function refused(response: ServerResponse, status: number, text: string): true {
  response.writeHead(status).end(text);
  return true;
}

/** A hand-made server over HTTP+SSE: one stream, on which it answers. */
export interface SseFieldServer extends FieldServer {
  /** Writes to the stream that was opened last. */
  write(text: string | Buffer): void;
}

export interface SseFieldServerOptions {
  results?: Results;
  /** Answers by itself, and says so with `true`. The POST has its 202 already. */
  on?: (rpc: Received, write: (text: string | Buffer) => void) => boolean | undefined;
  /** Before the POST is answered; says with `true` that it did so by itself. */
  accept?: (rpc: Received, response: ServerResponse) => boolean | undefined;
  /** Of the endpoint event. @default '/messages' */
  endpoint?: string;
}

export async function sseFieldServer(options: SseFieldServerOptions = {}): Promise<SseFieldServer> {
  const { on, accept, endpoint = '/messages' } = options;
  const results = {
    ...RESULTS,
    initialize: { ...(RESULTS.initialize as object), protocolVersion: '2024-11-05' },
    ...options.results,
  };
  const received: Received[] = [];
  let stream: ServerResponse | undefined;
  const write = (text: string | Buffer) => void stream?.write(text);
  const server = await listening(
    received,
    createServer(async (request, response) => {
      const body = await bodyOf(request);
      if (request.method === 'GET') {
        stream = response;
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`event: endpoint\ndata: ${endpoint}\n\n`);
        return;
      }
      const rpc: Received = { ...messageIn(body), headers: request.headers, raw: request.rawHeaders };
      received.push(rpc);
      if (accept?.(rpc, response) === true) return;
      response.writeHead(202).end();
      if (rpc.id === undefined || rpc.method === undefined || on?.(rpc, write) === true) return;
      write(`event: message\ndata: ${JSON.stringify(answerOf(rpc, results))}\n\n`);
    }),
    '/sse',
  );
  return Object.assign(server, { write });
}

async function listening(
  received: readonly Received[],
  server: ReturnType<typeof createServer>,
  path = '/mcp',
): Promise<FieldServer> {
  const loopback: Loopback = await listenOnLoopback(server);
  const origin = `http://127.0.0.1:${loopback.port}`;
  const made = {
    origin,
    url: `${origin}${path}`,
    received,
    count: (method: string) => received.filter((rpc) => rpc.method === method).length,
    close: loopback.close,
    [Symbol.asyncDispose]: loopback.close,
  };
  return Object.defineProperty(made, 'openConnections', {
    get: () => loopback.openConnections,
  }) as typeof made & { readonly openConnections: number };
}

/** A form, as for a token, is no message. */
function messageIn(body: string): Rpc {
  return body.startsWith('{') ? JSON.parse(body) : {};
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    // The client broke the connection.
  }
  return Buffer.concat(chunks).toString() || '{}';
}
