import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import type {
  CreateMessageRequest,
  CreateMessageResult,
  ElicitRequest,
  ElicitResult,
  Root,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { check } from '../client/options.js';
import type { HttpServerConfig } from '../client/server-config.js';
import { connectionRefused, connectionReset } from './connection-failures.js';
import { FakeSession } from './fake-session.js';
import type { Fault, FaultOptions } from './fault.js';
import { FaultInjections } from './fault-injections.js';
import { faultStage } from './fault-stage.js';
import { isModern, ModernDoor, type ModernMessage, unsupportedRevision } from './modern-door.js';
import { ProcessHold } from './process-hold.js';
import { type FakeServerRequest, messageIn } from './received-request.js';
import { connectionUntilAbort, inStages, type RequestHandler } from './request-stages.js';
import { type FakeServerCall, recordToolCalls } from './tool-calls.js';

/** An MCP server in this process, made by {@link fakeServer}. */
export interface FakeServer extends AsyncDisposable {
  /**
   * The server entry to connect with; spread it to add settings: `{ ...fake.config, auth }`. The URL has a host
   * of its own for each fake server, and only this `fetch` reaches it.
   */
  readonly config: HttpServerConfig & { readonly url: string; readonly fetch: FetchLike };
  /**
   * Answers a request at any host and path but `/.well-known/`, which is 404; for msw, an HTTP server or a
   * web framework in front of it.
   */
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * Tool calls that really ran, in order, over all sessions. One that was refused before it reached the tool
   * (unknown tool, invalid arguments, forgotten session) is not among them.
   */
  readonly calls: readonly FakeServerCall[];
  /** Every request that arrived, in order, those that met a fault too. */
  readonly requests: readonly FakeServerRequest[];

  /**
   * The next `times` requests that match meet this fault. Of several that match, the one injected first strikes
   * first. Close the server at the end of a test: for a minute after a fault it keeps the process alive.
   * @throws {ConfigError}
   */
  inject(fault: Fault, options?: FaultOptions): void;
  /** Nothing goes wrong any more, and expired tokens are good again. Requests that hang stay as they are. */
  heal(): void;
  /**
   * Forgets every session, as a restarted server does: open streams end, requests that hang or are delayed break
   * (`ECONNRESET`), running tools see their `signal` abort, and requests of the old sessions get 404. `calls` stays.
   */
  restart(): void;

  /**
   * Sends `notifications/…/list_changed` to every client, each once it listens. `McpServer` does this by itself
   * when a tool, resource or prompt is registered, changed or removed in an open session.
   */
  notifyListChanged(kind: 'tools' | 'resources' | 'prompts'): Promise<void>;
  /** Sends `notifications/resources/updated` to every client, each once it listens. */
  notifyResourceUpdated(uri: string): Promise<void>;
  /**
   * Asks the client that connected last (`elicitation/create`), outside of any tool call. Inside of one it is
   * `server.server.elicitInput(params, { relatedRequestId: extra.requestId })`.
   * @throws {Error} when no client is connected, or it has no handler.
   */
  elicit(params: ElicitRequest['params']): Promise<ElicitResult>;
  /** Asks the client that connected last for a model's answer (`sampling/createMessage`). @throws {Error} as `elicit` */
  sample(params: CreateMessageRequest['params']): Promise<CreateMessageResult>;
  /** Asks the client that connected last for its roots (`roots/list`). @throws {Error} as `elicit` */
  listRoots(): Promise<Root[]>;

  /** Ends every session; from then on requests reject as for a server that is not there. `await using` does it too. */
  close(): Promise<void>;
}

export interface FakeServerOptions {
  /**
   * The revision of MCP that it speaks. Without sessions (`'2026-07-28'`), what a tool asks of the client travels in the
   * answers to its call, and `build` runs once for each request. @default both, as the client begins
   */
  protocol?: '2025-11-25' | '2026-07-28';
}

const optionsSchema = z.strictObject({
  protocol: z
    .enum(['2025-11-25', '2026-07-28'], { error: 'expected one of 2025-11-25, 2026-07-28' })
    .optional(),
});

let fakeServers = 0;

/**
 * An MCP server in this process that speaks real Streamable HTTP through `fetch`: sessions, event streams and
 * headers are those of the SDK's own server, but there is no port and no timer.
 *
 * It speaks the revisions with a session, and 2026-07-28 without one; {@link FakeServerOptions.protocol} keeps it to one kind.
 *
 * @param build registers tools, resources and prompts on the SDK's `McpServer`. It runs once for each session, so
 * state that is to outlive a session belongs outside of it. What it throws rejects the request that asked for
 * the session. Logging is declared already.
 * @throws {ConfigError} for an option that is not one.
 * @example
 * ```ts
 * await using fake = fakeServer((server) => {
 *   server.registerTool('add', { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => ({
 *     content: [{ type: 'text', text: String(a + b) }],
 *   }));
 * });
 * await using manager = new McpManager({ servers: { math: fake.config } });
 * await manager.callTool({ name: 'math__add', arguments: { a: 1, b: 2 } });
 * fake.calls; // [{ tool: 'add', arguments: { a: 1, b: 2 } }]
 * ```
 */
export function fakeServer(build: (server: McpServer) => void, options: FakeServerOptions = {}): FakeServer {
  const create = (calls: FakeServerCall[]) => {
    const server = new McpServer(
      { name: 'fake-server', version: '1.0.0' },
      { capabilities: { logging: {} } },
    );
    recordToolCalls(server, (call) => calls.push(call));
    build(server);
    return server;
  };
  return new InProcessServer('fake-server', create, options);
}

/** Sessions with servers that `create` makes, one for each. */
export class InProcessServer implements FakeServer {
  readonly config: FakeServer['config'];
  readonly calls: FakeServerCall[] = [];
  readonly requests: FakeServerRequest[] = [];
  readonly #create: (calls: FakeServerCall[]) => McpServer;
  readonly #sessions = new Map<string, FakeSession>();
  readonly #injections = new FaultInjections();
  readonly #hold = new ProcessHold();
  readonly #handle: RequestHandler;
  readonly #protocol: FakeServerOptions['protocol'];
  readonly #modern: ModernDoor;
  #connections = new AbortController();
  #disposed = false;

  /**
   * @param create is given the list that tool calls which run belong into.
   * @throws {ConfigError}
   */
  constructor(name: string, create: (calls: FakeServerCall[]) => McpServer, options: FakeServerOptions = {}) {
    check(optionsSchema, options, 'options');
    this.#create = create;
    this.#protocol = options.protocol;
    this.#modern = new ModernDoor(() => create(this.calls));
    const faults = faultStage({
      injections: this.#injections,
      received: (request) => this.requests.push(request),
      struck: () => this.#hold.extend(),
      connections: () => this.#connections.signal,
      forgetSession: (request) => void this.#forget(request.headers.get('mcp-session-id')),
    });
    this.#handle = inStages([connectionUntilAbort, faults], (request, signal) =>
      this.#route(request, signal),
    );
    this.config = { url: `https://${name}-${++fakeServers}.test/mcp`, fetch: this.#fetchLike };
  }

  readonly fetch = (request: Request): Promise<Response> => this.#handle(request, request.signal);

  inject(fault: Fault, options: FaultOptions = {}): void {
    this.#injections.add(fault, options);
  }

  heal(): void {
    this.#injections.clear();
  }

  restart(): void {
    void this.#endConnections();
  }

  async close(): Promise<void> {
    this.#disposed = true;
    await this.#endConnections();
    this.#hold.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ── What the server says by itself ──────────────────────────────────────────

  notifyListChanged(kind: 'tools' | 'resources' | 'prompts'): Promise<void> {
    const method = `notifications/${kind}/list_changed` as const;
    this.#modern.notify(method);
    return this.#notify({ method });
  }

  notifyResourceUpdated(uri: string): Promise<void> {
    const method = 'notifications/resources/updated';
    this.#modern.notify(method, { uri });
    return this.#notify({ method, params: { uri } });
  }

  async elicit(params: ElicitRequest['params']): Promise<ElicitResult> {
    return (await this.#newestClient()).elicitInput(params);
  }

  async sample(params: CreateMessageRequest['params']): Promise<CreateMessageResult> {
    return (await this.#newestClient()).createMessage(params) as Promise<CreateMessageResult>;
  }

  async listRoots(): Promise<Root[]> {
    return (await (await this.#newestClient()).listRoots()).roots;
  }

  async #notify(notification: Parameters<McpServer['server']['notification']>[0]): Promise<void> {
    await Promise.all(
      [...this.#sessions.values()].map(async (session) => {
        const server = await session.whenListening();
        // One whose session has ended meanwhile has nothing to be told.
        if (server.transport !== undefined) await server.notification(notification);
      }),
    );
  }

  async #newestClient(): Promise<McpServer['server']> {
    const session = [...this.#sessions.values()].at(-1);
    if (session === undefined && this.#modern.wasUsed)
      throw new Error('A server of 2026-07-28 asks its clients within their calls alone');
    if (session === undefined)
      throw new Error('No client is connected to the fake server; await connect() first');
    return session.whenListening();
  }

  // ── Requests ────────────────────────────────────────────────────────────────

  // Not through `this.fetch`: a Request keeps a listener on the signal it is given until it is collected.
  readonly #fetchLike: FetchLike = async (url, init = {}) => {
    const { method = 'GET', headers = {}, body = null } = init;
    const request = new Request(url, { method, headers, body, duplex: 'half' });
    return this.#handle(request, init.signal ?? request.signal);
  };

  async #route(request: Request, signal: AbortSignal): Promise<Response> {
    if (this.#disposed) throw connectionRefused();
    if (new URL(request.url).pathname.startsWith('/.well-known/')) return new Response(null, { status: 404 });
    const id = request.headers.get('mcp-session-id');
    if (this.#protocol !== '2025-11-25' && (id === null || this.#protocol === '2026-07-28')) {
      const response = await this.#answerModern(request, signal);
      if (response !== undefined) return response;
    }
    if (id === null) return this.#openSession(request);
    return this.#sessions.get(id)?.handle(request) ?? sessionNotFound();
  }

  /** @returns `undefined` for what belongs to an older revision, where that is spoken, too */
  async #answerModern(request: Request, signal: AbortSignal): Promise<Response | undefined> {
    const isOnly = this.#protocol === '2026-07-28';
    if (request.method !== 'POST') return isOnly ? new Response(null, { status: 405 }) : undefined;
    const message = messageIn(await request.clone().text());
    if (message === undefined) return undefined;
    if (!isModern(message, request.headers)) return isOnly ? unsupportedRevision(message) : undefined;
    const gone = AbortSignal.any([signal, this.#connections.signal]);
    if (message.id === undefined) return new Response(null, { status: 202 });
    return this.#modern.handle(message as ModernMessage, request.headers, gone);
  }

  /** Only a request to initialize opens a session; what else comes without one is refused by the transport. */
  async #openSession(request: Request): Promise<Response> {
    let failure: { error: unknown } | undefined;
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: async (id) => {
        try {
          await this.#startSession(id, transport);
        } catch (error) {
          failure = { error };
          throw error;
        }
      },
      onsessionclosed: (id) => this.#forget(id),
      keepAliveMs: 0,
    });
    const response = await transport.handleRequest(request);
    if (failure !== undefined) throw failure.error;
    return response;
  }

  async #startSession(id: string, transport: WebStandardStreamableHTTPServerTransport): Promise<void> {
    if (this.#disposed) throw connectionRefused();
    const server = this.#create(this.calls);
    this.#sessions.set(id, new FakeSession(server, transport));
    await server.connect(transport);
  }

  async #forget(id: string | null): Promise<void> {
    const session = this.#sessions.get(id ?? '');
    this.#sessions.delete(id ?? '');
    await session?.close();
  }

  async #endConnections(): Promise<void> {
    this.#connections.abort(connectionReset());
    this.#connections = new AbortController();
    this.#modern.close();
    await Promise.all([...this.#sessions.keys()].map((id) => this.#forget(id)));
  }
}

/** As in the SDK's transport for an id that is not its own. */
function sessionNotFound(): Response {
  return Response.json(
    { jsonrpc: '2.0', error: { code: -32_001, message: 'Session not found' }, id: null },
    { status: 404 },
  );
}
