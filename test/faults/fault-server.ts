import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type Loopback, listenOnLoopback } from '../fixtures/loopback.js';
import type { Fault } from './faults.js';
import { McpCore, type RpcAnswer, type RpcMessage } from './mcp-core.js';
import { IS_MODERN, modernAnswer, modernRefusal } from './wire.js';

export interface FaultRequest {
  /** 0 for the first request of the server. */
  readonly number: number;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly rpc: RpcMessage;
  /** `performance.now()` when it had arrived. */
  readonly at: number;
}

/** Which requests meet a fault. */
export type Matcher = string | ((request: FaultRequest) => boolean);

export interface FaultServerOptions {
  /** How requests are answered when nothing goes wrong. @default 'json' */
  answers?: 'json' | 'sse';
  /**
   * The standalone stream: refused with 405, kept open, or ending by itself at once, with a `retry:` field.
   * @default 'none'
   */
  stream?: 'none' | 'open' | { endsWith: string };
  /** Whether a request with this `Authorization` may enter. @default everybody */
  authorize?: (authorization: string | undefined) => boolean;
}

interface Injection {
  readonly fault: Fault;
  readonly matches: (request: FaultRequest) => boolean;
  left: number;
}

const SSE = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' };
const FLOOD_CHUNK = Buffer.alloc(1_048_576, 'a');

/** Starts an MCP server over Streamable HTTP that fails on command and remembers what it executed. */
export async function faultServer(options: FaultServerOptions = {}): Promise<FaultServer> {
  const server = new FaultServer(options);
  await server.accept();
  return server;
}

export class FaultServer implements AsyncDisposable {
  readonly core = new McpCore();
  readonly requests: FaultRequest[] = [];
  readonly sessions = new Set<string>();
  /** Changed at will while it runs. */
  readonly options: FaultServerOptions;
  /** Connections accepted so far. */
  sockets = 0;
  /** Requests that met a fault. */
  faultsMet = 0;
  /** Requests whose answer is not complete and whose connection is still there. */
  unanswered = 0;

  readonly #open = new Set<Socket>();
  readonly #injections: Injection[] = [];
  /** Answers of streams with event ids that ended early, by the id of their first event. */
  readonly #unfinished = new Map<
    string,
    { answer: RpcAnswer | undefined; resume: 'works' | 404 | 405 | 500 }
  >();
  #bytesOfClosed = 0;
  #counter = 0;
  #listening: Loopback | undefined;
  #port = 0;

  constructor(options: FaultServerOptions) {
    this.options = { ...options };
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mcp`;
  }

  get port(): number {
    return this.#port;
  }

  get executions(): ReadonlyMap<string, number> {
    return this.core.executions;
  }

  get initializes(): number {
    return this.core.initializes;
  }

  /** Times the standalone stream was asked for, resumptions of answers not counted. */
  get gets(): number {
    return this.requests.filter(({ method, headers }) => method === 'GET' && !this.#isResumption(headers))
      .length;
  }

  get openSockets(): number {
    return this.#open.size;
  }

  get bytesWritten(): number {
    return [...this.#open].reduce((sum, socket) => sum + socket.bytesWritten, this.#bytesOfClosed);
  }

  /** Requests with this JSON-RPC method. */
  requestsOf(method: string): FaultRequest[] {
    return this.requests.filter(({ rpc }) => rpc.method === method);
  }

  // ── Commands ────────────────────────────────────────────────────────────────

  /** The next `times` requests that match meet this fault; by method, `*` for whatever has a nonce. */
  inject(fault: Fault, { times = 1, on = '*' }: { times?: number; on?: Matcher } = {}): void {
    this.#injections.push({ fault, matches: matcher(on), left: times });
  }

  /** Asked for each request that no injection wants. */
  faultFor: (request: FaultRequest) => Fault | undefined = () => undefined;

  /** Nothing goes wrong any more. */
  heal(): void {
    this.#injections.length = 0;
    this.faultFor = () => undefined;
  }

  /** Forgets every session, as a server does that was restarted behind a load balancer. */
  restart(): void {
    this.sessions.clear();
  }

  /** Stops listening and breaks every connection: what comes now is refused. */
  async refuse(): Promise<void> {
    await this.#listening?.close();
    this.#listening = undefined;
  }

  /** Listens (again), on the port it had. */
  async accept(): Promise<void> {
    const http = createServer(
      { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 },
      (incoming, response) => {
        text(incoming).then(
          (body) => this.#handle(incoming, body, response).catch(() => response.destroy()),
          () => response.destroy(),
        );
      },
    );
    http.on('connection', (socket: Socket) => this.#connected(socket));
    this.#listening = await listenOnLoopback(http, this.#port);
    this.#port = this.#listening.port;
  }

  /** Breaks connections with RST. @param chosen every one by default. */
  resetConnections(chosen: (index: number, open: number) => boolean = () => true): void {
    for (const [index, socket] of [...this.#open].entries()) {
      if (chosen(index, this.#open.size)) socket.resetAndDestroy();
    }
  }

  /** Ends idle connections with FIN, as a server does whose keep-alive time is over. */
  endConnections(): void {
    for (const socket of this.#open) socket.end();
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ── Requests ────────────────────────────────────────────────────────────────

  #connected(socket: Socket): void {
    this.sockets++;
    this.#open.add(socket);
    socket.on('close', () => {
      this.#open.delete(socket);
      this.#bytesOfClosed += socket.bytesWritten;
    });
  }

  async #handle(
    { method = '', headers }: { method?: string | undefined; headers: IncomingHttpHeaders },
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const rpc: RpcMessage = body === '' ? {} : JSON.parse(body);
    const request = { number: this.requests.length, method, headers, rpc, at: performance.now() };
    this.requests.push(request);
    this.unanswered++;
    response.once('close', () => this.unanswered--);

    const { authorize } = this.options;
    if (authorize !== undefined && !authorize(headers.authorization)) {
      return plain(response, 401, { 'www-authenticate': 'Bearer error="invalid_token"' });
    }
    if (method === 'GET') return this.#get(headers, response);

    const refusal = IS_MODERN ? modernRefusal(rpc, headers) : undefined;
    if (refusal !== undefined) {
      response
        .writeHead(refusal.status, { 'content-type': 'application/json' })
        .end(JSON.stringify(refusal.body));
      return;
    }
    const session = headers['mcp-session-id'];
    if (method === 'DELETE') return plain(response, this.sessions.delete(String(session)) ? 200 : 404);
    const starts = rpc.method === 'initialize';
    const isKnown = IS_MODERN || starts;
    if (!isKnown && session === undefined) return plain(response, 400);
    if (!isKnown && !this.sessions.has(String(session))) return plain(response, 404);

    const fault = this.#faultFor(request);
    if (fault !== undefined) {
      this.faultsMet++;
      const answer = fault.when === 'after' ? this.#answer(rpc) : undefined;
      return this.#fail(fault, rpc, answer, response);
    }
    const answer = this.#answer(rpc);
    if (answer === undefined) return plain(response, 202);
    return this.#succeed(answer, response, starts ? this.#newSession() : {});
  }

  #answer(rpc: RpcMessage): RpcAnswer | undefined {
    const answer = this.core.answer(rpc);
    return answer === undefined || !IS_MODERN ? answer : modernAnswer(answer, rpc);
  }

  #faultFor(request: FaultRequest): Fault | undefined {
    const injection = this.#injections.find(({ left, matches }) => left > 0 && matches(request));
    if (injection === undefined) return this.faultFor(request);
    injection.left--;
    return injection.fault;
  }

  #newSession(): Record<string, string> {
    const id = `session-${++this.#counter}`;
    this.sessions.add(id);
    return { 'mcp-session-id': id };
  }

  async #succeed(
    answer: RpcAnswer,
    response: ServerResponse,
    headers: Record<string, string> = {},
  ): Promise<void> {
    const json = JSON.stringify(answer);
    if (this.options.answers === 'sse') {
      response.writeHead(200, { ...SSE, ...headers }).end(`event: message\ndata: ${json}\n\n`);
      return;
    }
    const length = Buffer.byteLength(json);
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': length, ...headers })
      .end(json);
  }

  #get(headers: IncomingHttpHeaders, response: ServerResponse): void {
    const unfinished = this.#unfinished.get(String(headers['last-event-id']));
    if (unfinished !== undefined) {
      const { resume, answer } = unfinished;
      if (resume !== 'works') {
        plain(response, resume);
        return;
      }
      response.writeHead(200, SSE);
      // Nothing to say, and nothing to come: the request was never executed.
      if (answer !== undefined)
        response.write(`id: ${headers['last-event-id']}-answer\ndata: ${JSON.stringify(answer)}\n\n`);
      response.end();
      return;
    }
    const { stream = 'none' } = this.options;
    if (stream === 'none') {
      plain(response, 405);
      return;
    }
    if (!this.sessions.has(String(headers['mcp-session-id']))) {
      plain(response, 404);
      return;
    }
    response.writeHead(200, SSE);
    if (stream === 'open') response.write(': open\n\n');
    else response.end(`${stream.endsWith}\n\n`);
  }

  #isResumption(headers: IncomingHttpHeaders): boolean {
    return this.#unfinished.has(String(headers['last-event-id']));
  }

  // ── Faults ──────────────────────────────────────────────────────────────────

  async #fail(
    fault: Fault,
    rpc: RpcMessage,
    answer: RpcAnswer | undefined,
    response: ServerResponse,
  ): Promise<void> {
    const { socket } = response;
    switch (fault.what) {
      case 'reset':
        socket?.resetAndDestroy();
        return;
      case 'close':
        socket?.destroy();
        return;
      case 'hang':
        return;
      case 'delay':
        await sleep(fault.ms);
        if (answer !== undefined) await this.#succeed(answer, response);
        return;
      case 'drip':
        return drip(fault, response);
      case 'end-stream':
        return this.#endStream(fault, answer, response);
      case 'respond': {
        const right = answer ?? { jsonrpc: '2.0', id: rpc.id ?? 0 };
        const { status = 200, headers = {}, body = '' } = fault.response(right);
        response.writeHead(status, headers);
        // With a length that lies, `end` would wait for the rest.
        if (headers['content-length'] === undefined) response.end(body);
        else response.write(body, () => socket?.end());
        return;
      }
      case 'flood':
        return flood(fault, rpc, response);
    }
  }

  async #endStream(
    { how, resume }: Extract<Fault, { what: 'end-stream' }>,
    answer: RpcAnswer | undefined,
    response: ServerResponse,
  ): Promise<void> {
    response.writeHead(200, SSE);
    let first = ': no ids here\n\n';
    if (resume !== undefined) {
      const id = `event-${++this.#counter}`;
      this.#unfinished.set(id, { answer, resume });
      first = `id: ${id}\nretry: 100\ndata:\n\n`;
    }
    await new Promise<void>((done) => response.write(first, () => done()));
    if (how === 'clean') response.end();
    // The events must have arrived before the connection breaks.
    else await sleep(5).then(() => response.socket?.resetAndDestroy());
  }
}

function matcher(on: Matcher): (request: FaultRequest) => boolean {
  if (typeof on === 'function') return on;
  if (on === '*') return ({ rpc }) => nonceOf(rpc) !== undefined;
  return ({ rpc }) => rpc.method === on;
}

/** The nonce that a request would execute. */
function nonceOf({ method, params }: RpcMessage): string | undefined {
  if (method === 'resources/read') return String(params?.uri);
  if (method !== 'tools/call' && method !== 'prompts/get') return undefined;
  return String((params?.arguments as { nonce?: unknown } | undefined)?.nonce);
}

function plain(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-length': 0, ...headers }).end();
}

async function drip(
  { as, everyMs }: Extract<Fault, { what: 'drip' }>,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, as === 'sse' ? SSE : { 'content-type': 'application/json' });
  while (!response.destroyed) {
    response.write(as === 'sse' ? ': still here\n' : ' ');
    await sleep(everyMs, undefined, { ref: false });
  }
}

async function flood(
  { as, bytes }: Extract<Fault, { what: 'flood' }>,
  rpc: RpcMessage,
  response: ServerResponse,
): Promise<void> {
  const begin = `{"jsonrpc":"2.0","id":${JSON.stringify(rpc.id)},"result":{"content":[{"type":"text","text":"`;
  const [status, headers, prefix, chunk] = {
    json: [200, { 'content-type': 'application/json' }, begin, FLOOD_CHUNK] as const,
    sse: [200, SSE, `data: ${begin}`, FLOOD_CHUNK] as const,
    error: [500, { 'content-type': 'text/plain' }, 'much: ', FLOOD_CHUNK] as const,
    // Members of a gzip file may simply follow each other (RFC 1952 section 2.2).
    gzip: [
      200,
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      gzipSync(begin),
      gzipSync(FLOOD_CHUNK),
    ] as const,
  }[as];
  response.writeHead(status, headers);
  response.write(prefix);
  for (let left = bytes; left > 0 && !response.destroyed; left -= FLOOD_CHUNK.length) {
    if (response.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const proceed = () => {
        response.off('drain', proceed).off('close', proceed);
        resolve();
      };
      response.once('drain', proceed).once('close', proceed);
    });
  }
  response.end();
}
