import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import type {
  CreateMessageRequest,
  CreateMessageResult,
  ElicitRequest,
  ElicitResult,
  Root,
} from '@modelcontextprotocol/sdk/types.js';
import type { HttpServerConfig } from '../client/server-config.js';
import type { FakeServerOptions } from './fake-server-options.js';
import type { Fault, FaultOptions } from './fault.js';
import { InProcessServer } from './in-process-server.js';
import type { FakeServerRequest } from './received-request.js';
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
   * (`ECONNRESET`), running tools see their `signal` abort, and requests of the old sessions get 404. In 2026-07-28 what
   * is forgotten are calls that wait for input: their `requestState` is refused. `calls` stays.
   */
  restart(): void;

  /**
   * Sends `notifications/…/list_changed` to every client, each once it listens. `McpServer` does this by itself
   * when a tool, resource or prompt is registered, changed or removed in an open session. Clients of 2026-07-28 are not
   * known apart: it goes to those that listen now, or to the first that does.
   */
  notifyListChanged(kind: 'tools' | 'resources' | 'prompts'): Promise<void>;
  /** Sends `notifications/resources/updated` to every client, each once it listens. */
  notifyResourceUpdated(uri: string): Promise<void>;
  /**
   * Asks the client that connected last (`elicitation/create`), outside of any tool call. Inside of one it is
   * `server.server.elicitInput(params, { relatedRequestId: extra.requestId })`.
   *
   * In 2026-07-28 there is no outside: the question travels in the answer to the call that began last and is under way
   * (`tools/call`, `prompts/get` or `resources/read`), and the client repeats that call with what it answers.
   * @throws {Error} when no client is connected, or no call is under way to ask in, or it has no handler.
   */
  elicit(params: ElicitRequest['params']): Promise<ElicitResult>;
  /** Asks the client, as `elicit` does, for a model's answer (`sampling/createMessage`). @throws {Error} as `elicit` */
  sample(params: CreateMessageRequest['params']): Promise<CreateMessageResult>;
  /** Asks the client, as `elicit` does, for its roots (`roots/list`). @throws {Error} as `elicit` */
  listRoots(): Promise<Root[]>;

  /** Ends every session; from then on requests reject as for a server that is not there. `await using` does it too. */
  close(): Promise<void>;
}

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
