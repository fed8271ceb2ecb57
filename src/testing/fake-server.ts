import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { HttpServerConfig } from '../client/server-config.js';
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
  /**
   * Forgets every session, as a restarted server does: open streams end, running tools see their `signal`
   * abort, and requests of the old sessions get 404. `calls` stays.
   */
  restart(): void;
  /** Ends every session; from then on requests reject as for a server that is not there. `await using` does it too. */
  close(): Promise<void>;
}

let fakeServers = 0;

/**
 * An MCP server in this process that speaks real Streamable HTTP through `fetch`: sessions, event streams and
 * headers are those of the SDK's own server, but there is no port and no timer.
 *
 * @param build registers tools, resources and prompts on the SDK's `McpServer`. It runs once for each session, so
 * state that is to outlive a session belongs outside of it. What it throws rejects the request that asked for
 * the session. Logging is declared already.
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
export function fakeServer(build: (server: McpServer) => void): FakeServer {
  return new InProcessServer(build, `https://fake-server-${++fakeServers}.test/mcp`);
}

class InProcessServer implements FakeServer {
  readonly config: FakeServer['config'];
  readonly calls: FakeServerCall[] = [];
  readonly #build: (server: McpServer) => void;
  readonly #sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  readonly #handle: RequestHandler;
  #disposed = false;

  constructor(build: (server: McpServer) => void, url: string) {
    this.#build = build;
    this.#handle = inStages([connectionUntilAbort], (request) => this.#route(request));
    this.config = { url, fetch: this.#fetchLike };
  }

  readonly fetch = (request: Request): Promise<Response> => this.#handle(request, request.signal);

  restart(): void {
    void Promise.all(this.#closeSessions());
  }

  async close(): Promise<void> {
    this.#disposed = true;
    await Promise.all(this.#closeSessions());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // Not through `this.fetch`: a Request keeps a listener on the signal it is given until it is collected.
  readonly #fetchLike: FetchLike = async (url, init = {}) => {
    const { method = 'GET', headers = {}, body = null } = init;
    const request = new Request(url, { method, headers, body, duplex: 'half' });
    return this.#handle(request, init.signal ?? request.signal);
  };

  async #route(request: Request): Promise<Response> {
    if (this.#disposed) throw connectionRefused();
    if (new URL(request.url).pathname.startsWith('/.well-known/')) return new Response(null, { status: 404 });
    const id = request.headers.get('mcp-session-id');
    if (id === null) return this.#openSession(request);
    return this.#sessions.get(id)?.handleRequest(request) ?? sessionNotFound();
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
      onsessionclosed: (id) => {
        this.#sessions.delete(id);
      },
      keepAliveMs: 0,
    });
    const response = await transport.handleRequest(request);
    if (failure !== undefined) throw failure.error;
    return response;
  }

  async #startSession(id: string, transport: WebStandardStreamableHTTPServerTransport): Promise<void> {
    if (this.#disposed) throw connectionRefused();
    const server = new McpServer(
      { name: 'fake-server', version: '1.0.0' },
      { capabilities: { logging: {} } },
    );
    recordToolCalls(server, (call) => this.calls.push(call));
    this.#build(server);
    this.#sessions.set(id, transport);
    await server.connect(transport);
  }

  #closeSessions(): Promise<void>[] {
    const transports = [...this.#sessions.values()];
    this.#sessions.clear();
    return transports.map((transport) => transport.close());
  }
}

/** As in the SDK's transport for an id that is not its own. */
function sessionNotFound(): Response {
  return Response.json(
    { jsonrpc: '2.0', error: { code: -32_001, message: 'Session not found' }, id: null },
    { status: 404 },
  );
}

/** As Node's `fetch` rejects when nobody listens. */
function connectionRefused(): TypeError {
  const cause = Object.assign(new Error('The fake server was disposed of'), { code: 'ECONNREFUSED' });
  return new TypeError('fetch failed', { cause });
}
