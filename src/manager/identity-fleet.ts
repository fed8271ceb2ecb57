import type {
  CallToolResult,
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  ReadResourceResult,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallOptions, ListOptions, RequestOptions } from '../calls/call-options.js';
import type { Identity } from '../core/identity.js';
import type { CallOutcome, Fleet, FleetTool, FleetToolCall, ManagerSnapshot, ServerFilter } from './fleet.js';
import type { McpManager } from './mcp-manager.js';

/** A manager seen by one identity. */
export class IdentityFleet implements Fleet {
  readonly identity: Identity;
  readonly #manager: McpManager;

  constructor(manager: McpManager, identity: Identity) {
    this.#manager = manager;
    this.identity = identity;
  }

  get knownTools(): readonly FleetTool[] {
    return this.#manager.knownToolsFor(this.identity);
  }

  snapshot(): ManagerSnapshot {
    return this.#manager.snapshotFor(this.identity);
  }

  listTools(options?: ListOptions & ServerFilter): ReturnType<Fleet['listTools']> {
    return this.#manager.listTools(this.#own(options));
  }

  callTool(call: FleetToolCall, options?: CallOptions): Promise<CallToolResult> {
    return this.#manager.callTool(call, this.#own(options));
  }

  callTools(
    calls: readonly FleetToolCall[],
    options?: CallOptions & { concurrency?: number },
  ): Promise<CallOutcome[]> {
    return this.#manager.callTools(calls, this.#own(options));
  }

  listResources(options?: ListOptions & ServerFilter): ReturnType<Fleet['listResources']> {
    return this.#manager.listResources(this.#own(options));
  }

  listResourceTemplates(options?: ListOptions & ServerFilter): ReturnType<Fleet['listResourceTemplates']> {
    return this.#manager.listResourceTemplates(this.#own(options));
  }

  readResource(
    request: { server: string; uri: string },
    options?: RequestOptions,
  ): Promise<ReadResourceResult> {
    return this.#manager.readResource(request, this.#own(options));
  }

  subscribeResource(request: { server: string; uri: string }, options?: RequestOptions): Promise<void> {
    return this.#manager.subscribeResource(request, this.#own(options));
  }

  unsubscribeResource(request: { server: string; uri: string }, options?: RequestOptions): Promise<void> {
    return this.#manager.unsubscribeResource(request, this.#own(options));
  }

  listPrompts(options?: ListOptions & ServerFilter): ReturnType<Fleet['listPrompts']> {
    return this.#manager.listPrompts(this.#own(options));
  }

  getPrompt(
    request: { server: string; name: string; arguments?: Record<string, string> },
    options?: RequestOptions,
  ): Promise<GetPromptResult> {
    return this.#manager.getPrompt(request, this.#own(options));
  }

  complete(
    request: { server: string } & CompleteRequest['params'],
    options?: RequestOptions,
  ): Promise<CompleteResult> {
    return this.#manager.complete(request, this.#own(options));
  }

  ping(options?: RequestOptions & ServerFilter): ReturnType<Fleet['ping']> {
    return this.#manager.ping(this.#own(options));
  }

  refreshTokens(options?: RequestOptions & ServerFilter): ReturnType<Fleet['refreshTokens']> {
    return this.#manager.refreshTokens(this.#own(options));
  }

  #own<Options extends RequestOptions>(options?: Options): Options & { identity: Identity } {
    return { ...(options as Options), identity: this.identity };
  }
}
