import type {
  CallToolRequest,
  CallToolResult,
  CompleteRequest,
  CompleteResult,
  CreateMessageRequest,
  CreateMessageResult,
  CreateMessageResultWithTools,
  ElicitRequest,
  ElicitResult,
  GetPromptRequest,
  GetPromptResult,
  Implementation,
  LoggingLevel,
  LoggingMessageNotification,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Root,
  ServerCapabilities,
  Tool,
} from '@modelcontextprotocol/sdk/types.js';
import type { RequestObservation } from '../calls/call-observer.js';
import type { McpFleetError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { StopSignal } from '../core/stop-signal.js';

export type TransportKind = 'http' | 'sse' | 'stdio' | 'ws' | 'custom';

/**
 * One initialized connection to one MCP server, plain JSON in and out, our errors only.
 * A session never comes back: when it has ended, a new one is opened.
 */
export interface Session {
  readonly transport: TransportKind;
  readonly protocolVersion: string | undefined;
  /** `undefined` when the server does not say, or when a custom transport took the session over. */
  readonly capabilities: ServerCapabilities | undefined;
  readonly serverInfo: Implementation | undefined;
  readonly instructions: string | undefined;

  /**
   * @throws {RemoteError} for a JSON-RPC error, {@link TimeoutError} or the signal's own reason when it
   * aborts, and what the transport met; `delivery` says what is known of the request.
   */
  request<Method extends keyof SessionRequests>(
    method: Method,
    params: SessionRequests[Method]['params'],
    options: SessionRequestOptions,
  ): Promise<SessionRequests[Method]['result']>;
  /** One page of a list. An entry without the member by which it is known is left out and counted in `rejected`. */
  list<Kind extends ListKind>(
    kind: Kind,
    cursor: string | undefined,
    options: SessionRequestOptions,
  ): Promise<ListPage<ListEntries[Kind]>>;
  /**
   * Ends the session on the server too. Bounded, idempotent, never throws.
   * @param reason what requests under way are told
   */
  close(reason?: McpFleetError): Promise<void>;
}

export interface SessionRequests {
  ping: { params: undefined; result: object };
  'tools/call': { params: CallToolRequest['params']; result: CallToolResult };
  'resources/read': { params: { uri: string }; result: ReadResourceResult };
  'resources/subscribe': { params: { uri: string }; result: object };
  'resources/unsubscribe': { params: { uri: string }; result: object };
  'prompts/get': { params: GetPromptRequest['params']; result: GetPromptResult };
  'completion/complete': { params: CompleteRequest['params']; result: CompleteResult };
  'logging/setLevel': { params: { level: LoggingLevel }; result: object };
}

export interface ListEntries {
  tools: Tool;
  resources: Resource;
  resourceTemplates: ResourceTemplate;
  prompts: Prompt;
}
export type ListKind = keyof ListEntries;

export const LIST_METHODS = {
  tools: 'tools/list',
  resources: 'resources/list',
  resourceTemplates: 'resources/templates/list',
  prompts: 'prompts/list',
} as const satisfies Record<ListKind, string>;

export interface ListPage<Entry> {
  readonly entries: readonly Entry[];
  readonly nextCursor: string | undefined;
  /** Entries that were left out: how many, and of the first ones name (or position) and fault. */
  readonly rejected: { readonly count: number; readonly first: readonly string[] };
  /** About the length of its JSON. */
  readonly characters: number;
  /** How long the server says that it holds. Milliseconds. `undefined`: it says nothing. */
  readonly ttlMs?: number | undefined;
  /** The server says that others may see something else. */
  readonly isPrivate?: boolean | undefined;
}

export interface SessionRequestOptions {
  /** The deadline of the call and the caller's abort; frees what the request holds. */
  signal: StopSignal;
  onProgress?: ((progress: Progress) => void) | undefined;
  observation?: RequestObservation | undefined;
}

export interface Progress {
  progress: number;
  total?: number;
  message?: string;
}

/** What a session tells its owner by itself. */
export interface SessionObserver {
  log(message: LoggingMessageNotification['params']): void;
  resourceUpdated(uri: string): void;
  listChanged(kind: 'tools' | 'resources' | 'prompts'): void;
  /** Something went wrong that no request was waiting for. */
  error(error: McpFleetError): void;
  /** The session has ended without `close()`; it is told once. */
  closed(reason: McpFleetError): void;
}

/** Answers to what servers ask of this client; a capability is declared only where its handler is given. */
export interface ServerRequestHandlers {
  /** `elicitation/create`, in form and in url mode: see `request.mode`. */
  elicitation?: (request: ElicitRequest['params'], context: HandlerContext) => Promise<ElicitResult>;
  /**
   * `sampling/createMessage`: a function, or an object that says more of it. `tools`: it takes the tools of a request;
   * `context`: it takes `includeContext`. Servers use neither unless it is said.
   */
  sampling?:
    | SamplingHandler
    | { readonly handle: SamplingHandler; readonly tools?: boolean; readonly context?: boolean };
  /** `roots/list` */
  roots?: (context: HandlerContext) => Promise<readonly Root[]>;
}
export type SamplingHandler = (
  request: CreateMessageRequest['params'],
  context: HandlerContext,
) => Promise<CreateMessageResult | CreateMessageResultWithTools>;
export interface HandlerContext {
  readonly server: string;
  /** On whose connection the server asks; absent where it is that of nobody in particular. */
  readonly identity?: Identity;
  /** Aborts when the server cancels its request or the connection ends. */
  readonly signal: AbortSignal;
}
