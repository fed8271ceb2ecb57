import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';
import type { CallOptions } from '../calls/call-options.js';
import type { Repeatability } from '../calls/delivery.js';
import { type CallContext, type CallHandler, intercepted } from '../calls/interceptors.js';
import type { ResultCache } from '../calls/result-cache.js';
import type { RunningCall } from '../calls/running-call.js';
import { type ToolCall, toolCall } from '../calls/tool-call.js';
import type { Deadline } from '../core/deadline.js';
import { McpFleetError, UnknownToolError } from '../core/errors.js';
import { nearestHint, quoted } from '../core/nearest.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { Session } from '../session/session.js';
import { requireCapability } from './capabilities.js';
import type { Catalog } from './catalog.js';
import type { McpClientEvents } from './events.js';
import type { ServerSettings } from './options.js';
import type { ServerLink } from './server-link.js';
import type { ToolFilter } from './tool-filter.js';

/** A tool that is not in a list older than this may be new: the list is read again before it counts as unknown. */
const LIST_MAY_BE_STALE_AFTER_MS = 5_000;

export interface ToolCallsOptions {
  server: string;
  settings: ServerSettings;
  link: ServerLink;
  catalog: Catalog;
  isAllowed: ToolFilter;
  /** Where results may be kept at this moment. */
  results(): ResultCache | undefined;
  report(during: McpClientEvents['error']['during'], thrown: unknown): void;
}

/** The tool calls of one client: what is known of the tool, the interceptors, the cache, and the sending. */
export class ToolCalls {
  readonly #options: ToolCallsOptions;
  /** The session whose tools could not be listed: its calls go out without. */
  #unlistable: Session | undefined;

  constructor(options: ToolCallsOptions) {
    this.#options = options;
  }

  async run(call: ToolCall, options: CallOptions, running: RunningCall): Promise<CallToolResult> {
    const { server, settings } = this.#options;
    const { name } = call;
    const { signal } = running;
    const tool = await this.#tool(name, signal, running);
    const { interceptors = [] } = settings;
    if (interceptors.length === 0) return this.#answer(call, tool, signal, options, running);
    const send: CallHandler = async (last) =>
      this.#answer(last, await this.#toolOf(last, name, running), last.signal, options, running);
    const { identity } = running;
    const context = {
      ...toolCall(name, call),
      server,
      ...(identity !== undefined && { identity }),
      signal: running.deadline.abortSignal,
      tool,
    };
    return intercepted(interceptors, send, context);
  }

  /** An interceptor may have given the call another name. */
  #toolOf(
    { name, tool, signal }: CallContext,
    first: string,
    running: RunningCall,
  ): Promise<Tool | undefined> | Tool | undefined {
    return name === first ? tool : this.#tool(name, signal, running);
  }

  /** Answers from the cache, or sends the call. `signal` is the call's own, which an interceptor may have narrowed. */
  #answer(
    call: ToolCall,
    tool: Tool | undefined,
    signal: StopSignal,
    options: CallOptions,
    running: RunningCall,
  ): Promise<CallToolResult> {
    const params = toolCall(call.name, call);
    const send = () => {
      const onProgress = this.#progressListener(options, running.deadline);
      return this.#options.link.request(
        (session) => {
          requireCapability(session, 'tools', 'tools/call');
          return session.request('tools/call', params, { signal, onProgress });
        },
        this.#repeatability(tool, options),
        running,
      );
    };
    const ttlMs = options.cache === false ? 0 : this.#ttlMs(tool);
    const results = ttlMs === 0 ? undefined : this.#options.results();
    if (results === undefined) return send();
    const question = ['tools/call', params.name, params.arguments];
    return results.through(question, running, send, ({ isError }) => (isError ? 0 : ttlMs));
  }

  #repeatability(tool: Tool | undefined, { idempotent }: CallOptions): Repeatability {
    const { readOnlyHint, idempotentHint } = this.#trusted(tool);
    return idempotent || readOnlyHint || idempotentHint ? 'idempotent' : 'tool';
  }

  #ttlMs(tool: Tool | undefined): number {
    const { cache } = this.#options.settings;
    return cache && this.#trusted(tool).readOnlyHint ? cache.toolTtlMs : 0;
  }

  #trusted(tool: Tool | undefined): NonNullable<Tool['annotations']> {
    return (this.#options.settings.trustAnnotations && tool?.annotations) || NO_ANNOTATIONS;
  }

  #progressListener(
    { onProgress, maxTotalTimeoutMs }: CallOptions,
    deadline: Deadline,
  ): CallOptions['onProgress'] {
    if (onProgress === undefined && maxTotalTimeoutMs === undefined) return undefined;
    return (progress) => {
      deadline.restart();
      try {
        onProgress?.(progress);
      } catch (thrown) {
        this.#options.report('listener', thrown);
      }
    };
  }

  /**
   * The tool as listed; `undefined` where the list cannot be had, which must not keep the call from being made.
   * @throws {UnknownToolError}
   */
  async #tool(name: string, signal: StopSignal, { observation }: RunningCall): Promise<Tool | undefined> {
    const { catalog, link, report, server } = this.#options;
    let list = catalog.recent('tools');
    let tool = list?.byKey.get(name);
    if (tool !== undefined) return tool;
    const { connection } = link;
    if (this.#unlistable === undefined || this.#unlistable !== connection.session) {
      try {
        const stale = list !== undefined && performance.now() - list.readAt >= LIST_MAY_BE_STALE_AFTER_MS;
        list = await catalog.get('tools', { signal, fresh: stale, observation });
        tool = list.byKey.get(name);
        if (tool !== undefined) return tool;
        // It may be among those that could not be read.
        if (list.truncated !== undefined && this.#options.isAllowed(name)) return undefined;
      } catch (error) {
        // Then the call cannot be sent either.
        if (error instanceof McpFleetError && error.delivery === 'not-sent') throw error;
        signal.throwIfAborted();
        this.#unlistable = connection.session;
        report('catalog', error);
      }
    }
    if (list === undefined && this.#options.isAllowed(name)) return undefined;
    if (connection.session !== undefined) requireCapability(connection.session, 'tools', 'tools/call');
    const hint = nearestHint(name, list?.byKey.keys() ?? []);
    throw new UnknownToolError(name, `Server ${server} has no tool ${quoted(name)}${hint}`);
  }
}

const NO_ANNOTATIONS = {};
