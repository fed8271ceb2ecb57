import type {
  CallToolResult,
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Tool,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallOptions, ListOptions, RequestOptions } from '../calls/call-options.js';
import type { ToolCall } from '../calls/tool-call.js';
import type { McpClientEvents } from '../client/events.js';
import type { ServerSnapshot } from '../client/snapshot.js';
import type { McpFleetError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';

/** A tool call through the manager: `name` is the qualified name, or the server's own when `server` is given. */
export interface FleetToolCall extends ToolCall {
  /** Then `name` is the server's own name for the tool. */
  server?: string;
}

export interface FleetTool extends Tool {
  /** Qualified: `server__tool`, at most 64 of `A-Za-z0-9_-`; longer or unsafe names are cut and hashed, always the same way. */
  name: string;
  server: string;
  /** The server's own name for it. */
  toolName: string;
}
export interface FleetResource extends Resource {
  server: string;
}
export interface FleetResourceTemplate extends ResourceTemplate {
  server: string;
}
export interface FleetPrompt extends Prompt {
  server: string;
}

/** Why one server has no part in a result. */
export interface ServerFailure {
  server: string;
  error: McpFleetError;
}

/** What a list of the whole fleet says beside its entries. */
export interface ListReport {
  /** Servers whose list could not be had. */
  failed: ServerFailure[];
  /** Names of servers whose list was read in part only; an `error` event says why. Absent where there are none. */
  truncated?: string[];
}

export type CallOutcome =
  | { ok: true; call: FleetToolCall; result: CallToolResult }
  | { ok: false; call: FleetToolCall; error: McpFleetError };

export interface ServerFilter {
  /** One name or several. @default every server */
  server?: string | readonly string[];
}

export interface ConnectReport {
  ready: string[];
  failed: ServerFailure[];
}

export interface ServersDiff {
  added: readonly string[];
  updated: readonly string[];
  removed: readonly string[];
}

/** The events of every server, and changes of the set of servers. */
export interface McpManagerEvents extends McpClientEvents {
  /** Servers were added, replaced or removed. */
  servers: ServersDiff;
}

export interface ManagerSnapshot {
  /**
   * `idle`: no server was used so far. `ready`: every server is ready or idle. `degraded`: some are neither.
   * `down`: none is ready, and not all are idle.
   */
  status: 'ready' | 'degraded' | 'down' | 'idle' | 'closed';
  servers: ServerSnapshot[];
}

export function fleetStatus(
  servers: readonly ServerSnapshot[],
): Exclude<ManagerSnapshot['status'], 'closed'> {
  const idle = servers.filter(({ status }) => status === 'idle').length;
  const ready = servers.filter(({ status }) => status === 'ready').length;
  if (idle === servers.length) return 'idle';
  if (idle + ready === servers.length) return 'ready';
  return ready > 0 ? 'degraded' : 'down';
}

/**
 * Many servers as their users see them: a manager, or a manager seen by one identity (`manager.as(identity)`), whose
 * calls are all made on behalf of that identity.
 */
export interface Fleet {
  /** On whose behalf all of this is done; `undefined` for a manager. */
  readonly identity?: Identity | undefined;
  listTools(options?: ListOptions & ServerFilter): Promise<{ tools: FleetTool[] } & ListReport>;
  callTool(call: FleetToolCall, options?: CallOptions): Promise<CallToolResult>;
  callTools(
    calls: readonly FleetToolCall[],
    options?: CallOptions & { concurrency?: number },
  ): Promise<CallOutcome[]>;
  listResources(options?: ListOptions & ServerFilter): Promise<{ resources: FleetResource[] } & ListReport>;
  listResourceTemplates(
    options?: ListOptions & ServerFilter,
  ): Promise<{ resourceTemplates: FleetResourceTemplate[] } & ListReport>;
  readResource(
    request: { server: string; uri: string },
    options?: RequestOptions,
  ): Promise<ReadResourceResult>;
  subscribeResource(request: { server: string; uri: string }, options?: RequestOptions): Promise<void>;
  unsubscribeResource(request: { server: string; uri: string }, options?: RequestOptions): Promise<void>;
  listPrompts(options?: ListOptions & ServerFilter): Promise<{ prompts: FleetPrompt[] } & ListReport>;
  getPrompt(
    request: { server: string; name: string; arguments?: Record<string, string> },
    options?: RequestOptions,
  ): Promise<GetPromptResult>;
  complete(
    request: { server: string } & CompleteRequest['params'],
    options?: RequestOptions,
  ): Promise<CompleteResult>;
  ping(
    options?: RequestOptions & ServerFilter,
  ): Promise<{ ok: { server: string; latencyMs: number }[]; failed: ServerFailure[] }>;
  refreshTokens(
    options?: RequestOptions & ServerFilter,
  ): Promise<{ refreshed: string[]; failed: ServerFailure[] }>;
  snapshot(): ManagerSnapshot;
  /** The tools that are known at this moment, without asking a server. */
  readonly knownTools: readonly FleetTool[];
}
