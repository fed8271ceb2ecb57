import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import type {
  CreateMessageRequest,
  CreateMessageResult,
  ElicitRequest,
  ElicitResult,
  Root,
} from '@modelcontextprotocol/sdk/types.js';
import { connectionRefused, connectionReset } from './connection-failures.js';
import type { FakeServer } from './fake-server.js';
import { checkFakeServerOptions, type FakeServerOptions } from './fake-server-options.js';
import { FakeSession } from './fake-session.js';
import type { Fault, FaultOptions } from './fault.js';
import { FaultInjections } from './fault-injections.js';
import { faultStage } from './fault-stage.js';
import { refused } from './modern-answers.js';
import { ModernDoor } from './modern-door.js';
import { isModern, type ModernMessage, unsupportedRevision } from './modern-request.js';
import { ProcessHold } from './process-hold.js';
import { type FakeServerRequest, messageIn } from './received-request.js';
import { connectionUntilAbort, inStages, type RequestHandler } from './request-stages.js';
import type { FakeServerCall } from './tool-calls.js';

let fakeServers = 0;

/** Sessions with servers that `create` makes, one for each. */
export class InProcessServer implements FakeServer {
  readonly config: FakeServer['config'];
  readonly calls: FakeServerCall[] = [];
  readonly requests: FakeServerRequest[] = [];
  readonly #create: (calls: FakeServerCall[]) => McpServer;
  readonly #sessions = new Map<string, FakeSession>();
  readonly #injections: FaultInjections;
  readonly #hold = new ProcessHold();
  readonly #handle: RequestHandler;
  readonly #protocol: NonNullable<FakeServerOptions['protocol']>;
  readonly #modern: ModernDoor;
  #connections = new AbortController();
  #disposed = false;

  /**
   * @param create is given the list that tool calls which run belong into.
   * @throws {ConfigError}
   */
  constructor(name: string, create: (calls: FakeServerCall[]) => McpServer, options: FakeServerOptions = {}) {
    checkFakeServerOptions(options);
    const { protocol = 'both', cacheHints = {} } = options;
    this.#create = create;
    this.#protocol = protocol;
    this.#injections = new FaultInjections({ hasSessions: protocol !== '2026-07-28' });
    this.#modern = new ModernDoor(() => create(this.calls), cacheHints);
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
    void this.#endConnections({ isGraceful: false });
  }

  async close(): Promise<void> {
    this.#disposed = true;
    await this.#endConnections({ isGraceful: true });
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
    const { serverOfCall } = this.#modern;
    if (serverOfCall !== undefined) return serverOfCall;
    const session = [...this.#sessions.values()].at(-1);
    if (session === undefined && this.#modern.wasUsed)
      throw new Error(
        'No call is under way: a server of 2026-07-28 asks its clients within their calls alone',
      );
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
    if (!isModern(message, request.headers))
      return isOnly ? refused(message.id, unsupportedRevision(message, request.headers)) : undefined;
    if (message.id === undefined) return new Response(null, { status: 202 });
    return this.#modern.handle(message as ModernMessage, request.headers, signal);
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

  async #endConnections({ isGraceful }: { isGraceful: boolean }): Promise<void> {
    this.#connections.abort(connectionReset());
    this.#connections = new AbortController();
    this.#modern.close(isGraceful);
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
