import type {
  CallToolResult,
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  LoggingLevel,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Tool,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallOptions, ListOptions, RequestOptions } from '../calls/call-options.js';
import type { ToolCall } from '../calls/tool-call.js';
import type { Identity } from '../core/identity.js';
import type { McpClient } from './mcp-client.js';
import type { ServerSnapshot } from './snapshot.js';

/** One server as its users see it: a client, or a client seen by one identity (`client.as(identity)`). */
export interface ServerView {
  readonly name: string;
  /** On whose behalf all of this is done; `undefined` for a client. */
  readonly identity?: Identity | undefined;
  connect(options?: RequestOptions): Promise<void>;
  listTools(options?: ListOptions): Promise<readonly Tool[]>;
  callTool(call: ToolCall, options?: CallOptions): Promise<CallToolResult>;
  listResources(options?: ListOptions): Promise<readonly Resource[]>;
  listResourceTemplates(options?: ListOptions): Promise<readonly ResourceTemplate[]>;
  readResource(uri: string, options?: RequestOptions): Promise<ReadResourceResult>;
  subscribeResource(uri: string, options?: RequestOptions): Promise<void>;
  unsubscribeResource(uri: string, options?: RequestOptions): Promise<void>;
  listPrompts(options?: ListOptions): Promise<readonly Prompt[]>;
  getPrompt(name: string, args?: Record<string, string>, options?: RequestOptions): Promise<GetPromptResult>;
  complete(params: CompleteRequest['params'], options?: RequestOptions): Promise<CompleteResult>;
  setLogLevel(level: LoggingLevel, options?: RequestOptions): Promise<void>;
  /** Round trip in milliseconds. */
  ping(options?: RequestOptions): Promise<number>;
  refreshToken(options?: RequestOptions): Promise<void>;
  snapshot(): ServerSnapshot;
}

/** A client seen by one identity. */
export class IdentityView implements ServerView {
  readonly identity: Identity;
  readonly #client: McpClient;

  constructor(client: McpClient, identity: Identity) {
    this.#client = client;
    this.identity = identity;
  }

  get name(): string {
    return this.#client.name;
  }

  connect(options?: RequestOptions): Promise<void> {
    return this.#client.connect(this.#own(options));
  }

  listTools(options?: ListOptions): Promise<readonly Tool[]> {
    return this.#client.listTools(this.#own(options));
  }

  callTool(call: ToolCall, options?: CallOptions): Promise<CallToolResult> {
    return this.#client.callTool(call, this.#own(options));
  }

  listResources(options?: ListOptions): Promise<readonly Resource[]> {
    return this.#client.listResources(this.#own(options));
  }

  listResourceTemplates(options?: ListOptions): Promise<readonly ResourceTemplate[]> {
    return this.#client.listResourceTemplates(this.#own(options));
  }

  readResource(uri: string, options?: RequestOptions): Promise<ReadResourceResult> {
    return this.#client.readResource(uri, this.#own(options));
  }

  subscribeResource(uri: string, options?: RequestOptions): Promise<void> {
    return this.#client.subscribeResource(uri, this.#own(options));
  }

  unsubscribeResource(uri: string, options?: RequestOptions): Promise<void> {
    return this.#client.unsubscribeResource(uri, this.#own(options));
  }

  listPrompts(options?: ListOptions): Promise<readonly Prompt[]> {
    return this.#client.listPrompts(this.#own(options));
  }

  getPrompt(name: string, args?: Record<string, string>, options?: RequestOptions): Promise<GetPromptResult> {
    return this.#client.getPrompt(name, args, this.#own(options));
  }

  complete(params: CompleteRequest['params'], options?: RequestOptions): Promise<CompleteResult> {
    return this.#client.complete(params, this.#own(options));
  }

  setLogLevel(level: LoggingLevel, options?: RequestOptions): Promise<void> {
    return this.#client.setLogLevel(level, this.#own(options));
  }

  ping(options?: RequestOptions): Promise<number> {
    return this.#client.ping(this.#own(options));
  }

  refreshToken(options?: RequestOptions): Promise<void> {
    return this.#client.refreshToken(this.#own(options));
  }

  snapshot(): ServerSnapshot {
    return this.#client.snapshotFor(this.identity);
  }

  #own<Options extends RequestOptions>(options?: Options): Options & { identity: Identity } {
    return { ...(options as Options), identity: this.identity };
  }
}
