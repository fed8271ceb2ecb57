import type {
  CallToolResult,
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  Implementation,
  LoggingLevel,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  ServerCapabilities,
  Tool,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallOptions, ListOptions, RequestOptions } from '../calls/call-options.js';
import { CallRunner, type CallSubject } from '../calls/call-runner.js';
import { ErrorReports } from '../calls/error-reports.js';
import type { RunningCall } from '../calls/running-call.js';
import type { ToolCall } from '../calls/tool-call.js';
import { Deadline } from '../core/deadline.js';
import { Emitter, type ListenOptions, type Unsubscribe } from '../core/emitter.js';
import { asFleetError, type McpFleetError } from '../core/errors.js';
import { checkedIdentity, type Identity } from '../core/identity.js';
import { isolatedLogger } from '../core/logger.js';
import { loggable, TEXT_EXIT, type TextExit } from '../core/text-exit.js';
import type { ListEntries, ListKind } from '../session/session.js';
import { checkCallOptions, checkToolCall } from './call-checks.js';
import type { McpClientEvents } from './events.js';
import { INSTRUMENTATION, type Instrumentation } from './instrumentation.js';
import {
  checkDefaults,
  checkServerConfig,
  checkServerName,
  DRAIN_TIMEOUT_MS,
  settingsOf,
} from './options.js';
import type { Partition } from './partition.js';
import { Partitions } from './partitions.js';
import { scopeOf } from './scope.js';
import type { ServerConfig, ServerDefaults } from './server-config.js';
import { ServerPath } from './server-path.js';
import { ServerPolicies } from './server-policies.js';
import { IdentityView, type ServerView } from './server-view.js';
import { type ServerSnapshot, snapshotOf } from './snapshot.js';
import type { ServerStatus } from './status.js';
import { toolFilter } from './tool-filter.js';

const NO_TOOLS: readonly Tool[] = [];
const LIST_KINDS = [
  'tools',
  'resources',
  'resourceTemplates',
  'prompts',
] as const satisfies readonly ListKind[];

/** One MCP server: its connections, its tokens, and the policies around its calls. Usable without a manager. */
export class McpClient implements ServerView, AsyncDisposable {
  readonly name: string;
  readonly #path: ServerPath;
  readonly #policies: ServerPolicies;
  readonly #events: Emitter<McpClientEvents>;
  readonly #reports: ErrorReports;
  readonly #calls: CallRunner;
  readonly #partitions: Partitions;
  #closed: Promise<void> | undefined;

  /**
   * Touches no network.
   * @throws {ConfigError} naming the path of the fault.
   */
  constructor(name: string, config: ServerConfig, defaults: ServerDefaults = {}) {
    checkServerName(name, 'name');
    checkDefaults(defaults);
    checkServerConfig(config);
    this.name = name;
    const settings = settingsOf(config, defaults);
    const logger = isolatedLogger(settings.logger);
    this.#events = new Emitter((thrown, event) => {
      if (event !== 'error') this.#reports.report({ during: 'listener', error: asFleetError(thrown) });
    });
    this.#path = new ServerPath(name, config, settings);
    const { exit } = this.#path;
    this.#reports = new ErrorReports((report) => {
      const { during, error } = report as McpClientEvents['error'];
      exit.error(error);
      logger.warn(`${name}: ${error.message}`, {
        server: name,
        during,
        code: error.code,
        error: loggable(error),
      });
      this.#events.emit('error', { server: name, during, error });
    });
    this.#policies = new ServerPolicies(settings, {
      prober: () => ([...this.#partitions].at(-1) as Partition).prober,
      onOpen: (refusal) => {
        for (const { connection } of this.#partitions) connection.dismissWaiters(refusal);
      },
      onCircuit: (change) => this.#events.emit('circuit', { server: name, ...change }),
    });
    this.#calls = new CallRunner({
      server: name,
      timeoutMs: settings.callTimeoutMs,
      isHeard: () => this.#events.has('call'),
      onCall: (report) => this.#events.emit('call', report),
      exit,
    });
    this.#partitions = new Partitions({
      path: this.#path,
      policies: this.#policies,
      events: this.#events,
      logger,
      isAllowed: toolFilter(settings.tools),
      scope: scopeOf(config, settings.scope),
    });
  }

  // ── State ───────────────────────────────────────────────────────────────────

  /** Of the connection of nobody in particular; while there is none, `ready` where that of an identity is. */
  get status(): ServerStatus {
    const status = this.commonStatus;
    if (status !== 'idle') return status;
    return [...this.#partitions].some(({ connection }) => connection.session !== undefined)
      ? 'ready'
      : status;
  }

  /** Of the connection of nobody in particular alone. @internal */
  get commonStatus(): ServerStatus {
    return this.#partitions.common.connection.status;
  }

  /** Why the status is `reconnecting`, `unhealthy` or `failed`. */
  get lastError(): McpFleetError | undefined {
    return this.#partitions.common.connection.lastError;
  }

  /** What the server said it can do; `undefined` until the first connection. */
  get capabilities(): ServerCapabilities | undefined {
    return this.#partitions.common.connection.lastSession?.capabilities;
  }

  get serverInfo(): Implementation | undefined {
    return this.#partitions.common.connection.lastSession?.serverInfo;
  }

  /** The server's usage guide for the model. */
  get instructions(): string | undefined {
    return this.#partitions.common.connection.lastSession?.instructions;
  }

  /** The revision of MCP in use, for example `2025-11-25`. */
  get protocolVersion(): string | undefined {
    return this.#partitions.common.connection.lastSession?.protocolVersion;
  }

  /** Without I/O and without secrets. */
  snapshot(): ServerSnapshot {
    return { ...this.#snapshot(this.#partitions.common), status: this.status };
  }

  /** As one identity sees it. @internal */
  snapshotFor(identity: Identity): ServerSnapshot {
    const partition = this.#partitions.known(identity);
    return partition === this.#partitions.common ? this.snapshot() : this.#snapshot(partition, identity.key);
  }

  #snapshot(partition: Partition | undefined, identity?: string): ServerSnapshot {
    const { target, exit } = this.#path;
    const { queue, breaker } = this.#policies;
    return snapshotOf({
      server: this.name,
      identity,
      identities: identity === undefined ? this.#partitions.identities : 0,
      status: partition?.connection.status ?? 'idle',
      since: partition?.connection.since ?? Date.now(),
      session: partition?.connection.lastSession,
      configuredTransport: target.type === 'auto' ? 'http' : target.type,
      tools: partition?.catalog.lastCount('tools'),
      truncated: LIST_KINDS.filter((kind) => partition?.catalog.truncation(kind) !== undefined),
      exit,
      inFlight: queue.running,
      queued: queue.waiting,
      circuit: breaker?.state ?? 'closed',
      lastOkAt: this.#calls.lastOkAt,
      tokenExpiresAt: partition?.access.tokens?.expiresAt,
      lastError: partition?.connection.lastError,
    });
  }

  /** For messages of the manager that hold words of this server. @internal */
  get [TEXT_EXIT](): TextExit {
    return this.#path.exit;
  }

  /** For `mcp-fleet/telemetry`. @internal */
  [INSTRUMENTATION](): Instrumentation {
    const { target } = this.#path;
    return {
      url: 'url' in target ? target.url : undefined,
      session: [...this.#partitions].findLast(({ connection }) => connection.lastSession)?.connection
        .lastSession,
      observe: (observer) => this.#calls.observe(observer),
    };
  }

  /** The same server for one identity. @throws {ConfigError} for what is no identity */
  as(identity: Identity | string): ServerView {
    return new IdentityView(this, checkedIdentity(identity, 'identity'));
  }

  // ── Connection ──────────────────────────────────────────────────────────────

  /**
   * Connects now; without it the first call does. Concurrent callers share one attempt. After a failure the
   * client goes on trying in the background, unless the status is `failed`.
   * @throws {ConnectionError | AuthError | TimeoutError | RemoteError}
   */
  async connect(options: RequestOptions = {}): Promise<void> {
    checkCallOptions(options);
    // Not one of the calls that closing waits for: there is nothing to lose.
    const { timeoutMs = this.#path.settings.callTimeoutMs, signal, identity } = options;
    this.#calls.refuseWhenClosed();
    const deadline = new Deadline({ timeoutMs, signal, holdsProcess: true });
    try {
      const caller = identity === undefined ? undefined : checkedIdentity(identity, 'options.identity');
      await this.#partitions.within(caller, deadline.signal, (own) => own.connect(deadline.signal));
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  /** Round trip in milliseconds. */
  ping(options: RequestOptions = {}): Promise<number> {
    return this.#run({ method: 'ping' }, options, (partition, running) => partition.ping(running));
  }

  /**
   * Fetches a new token now. @throws {AuthError}
   * @throws {McpFleetError} `UNSUPPORTED` when the server has no token provider.
   */
  refreshToken(options: RequestOptions = {}): Promise<void> {
    return this.#run({ method: 'refresh' }, options, (partition, running) => partition.refreshToken(running));
  }

  /** Whether there is a token provider to refresh from. */
  get hasTokenProvider(): boolean {
    return this.#partitions.common.access.tokens !== undefined;
  }

  // ── Tools ───────────────────────────────────────────────────────────────────

  /** Every tool that the filter lets pass, from all pages. */
  listTools(options: ListOptions = {}): Promise<readonly Tool[]> {
    return this.#list('tools', options);
  }

  /** The tools that are known at this moment, without asking the server. */
  get knownTools(): readonly Tool[] {
    return this.#partitions.common.knownTools;
  }

  /** Those that are known of one identity. @internal */
  knownToolsFor(identity: Identity | undefined): readonly Tool[] {
    if (identity === undefined) return this.knownTools;
    return this.#partitions.known(identity)?.knownTools ?? NO_TOOLS;
  }

  /**
   * Runs a tool. Its failure is `isError: true`, not an exception.
   * @throws {OutcomeUnknownError} when the request left and no answer came: it may or may not have run.
   * @throws {UnknownToolError | RemoteError | AuthError | ConnectionError | TimeoutError}
   */
  async callTool(call: ToolCall, options: CallOptions = {}): Promise<CallToolResult> {
    checkToolCall(call);
    return this.#run({ method: 'tools/call', name: call.name }, options, (partition, running) =>
      partition.callTool(call, options, running),
    );
  }

  // ── Resources, prompts, completion, logging ─────────────────────────────────

  listResources(options: ListOptions = {}): Promise<readonly Resource[]> {
    return this.#list('resources', options);
  }

  listResourceTemplates(options: ListOptions = {}): Promise<readonly ResourceTemplate[]> {
    return this.#list('resourceTemplates', options);
  }

  readResource(uri: string, options: RequestOptions = {}): Promise<ReadResourceResult> {
    return this.#run({ method: 'resources/read', name: uri }, options, (partition, running) =>
      partition.readResource(uri, running),
    );
  }

  /** Updates arrive as `resource` events. The subscription is made again after each reconnect. */
  subscribeResource(uri: string, options: RequestOptions = {}): Promise<void> {
    return this.#run({ method: 'resources/subscribe', name: uri }, options, (partition, running) =>
      partition.subscribeResource(uri, running),
    );
  }

  unsubscribeResource(uri: string, options: RequestOptions = {}): Promise<void> {
    return this.#run({ method: 'resources/unsubscribe', name: uri }, options, (partition, running) =>
      partition.unsubscribeResource(uri, running),
    );
  }

  listPrompts(options: ListOptions = {}): Promise<readonly Prompt[]> {
    return this.#list('prompts', options);
  }

  getPrompt(
    name: string,
    args?: Record<string, string>,
    options: RequestOptions = {},
  ): Promise<GetPromptResult> {
    return this.#run({ method: 'prompts/get', name }, options, (partition, running) =>
      partition.getPrompt(name, args, running),
    );
  }

  /** Values for an argument of a prompt or of a resource template. */
  complete(params: CompleteRequest['params'], options: RequestOptions = {}): Promise<CompleteResult> {
    return this.#run({ method: 'completion/complete' }, options, (partition, running) =>
      partition.complete(params, running),
    );
  }

  /** From which level on the server sends `log` events. It is set again after each reconnect. */
  setLogLevel(level: LoggingLevel, options: RequestOptions = {}): Promise<void> {
    return this.#run({ method: 'logging/setLevel' }, options, (partition, running) =>
      partition.setLogLevel(level, running),
    );
  }

  /** Goes on with the subscriptions and the log levels that were asked of the client whose place it takes. @internal */
  inherit(previous: McpClient): void {
    // A client that is closed before it can has nothing to go on with.
    this.#partitions.inherit(previous.#partitions).catch(() => {});
  }

  // ── Events and the end ──────────────────────────────────────────────────────

  /** Returns the unsubscribe function. A listener that throws harms nobody: it becomes an `error` event. */
  on<Name extends keyof McpClientEvents>(
    name: Name,
    listener: (event: McpClientEvents[Name]) => void,
    options?: ListenOptions,
  ): Unsubscribe {
    return this.#events.on(name, listener, options);
  }

  off<Name extends keyof McpClientEvents>(
    name: Name,
    listener: (event: McpClientEvents[Name]) => void,
  ): void {
    this.#events.off(name, listener);
  }

  /** The next event of that name. Rejects with the signal's reason when aborted first. */
  once<Name extends keyof McpClientEvents>(
    name: Name,
    options?: ListenOptions,
  ): Promise<McpClientEvents[Name]> {
    return this.#events.once(name, options);
  }

  /**
   * Refuses new calls, waits up to `drainTimeoutMs` for running ones, ends the sessions and the processes.
   * Bounded, idempotent, never throws.
   * @param options.drainTimeoutMs milliseconds, default 10_000
   */
  close(options: { drainTimeoutMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(drainTimeoutMs: number): Promise<void> {
    await this.#calls.close(drainTimeoutMs);
    this.#reports.close();
    this.#policies.breaker?.stop();
    await this.#partitions.close();
    await this.#path.close();
  }

  // ── Inside ──────────────────────────────────────────────────────────────────

  /** Runs a call in the partition that it belongs to. */
  async #run<Result>(
    subject: CallSubject,
    options: CallOptions,
    work: (partition: Partition, call: RunningCall) => Promise<Result>,
  ): Promise<Result> {
    checkCallOptions(options);
    const { identity } = options;
    const caller = identity === undefined ? undefined : checkedIdentity(identity, 'options.identity');
    return this.#calls.run(subject, options, (call) => {
      call.identity = caller?.key;
      return this.#partitions.within(caller, call.signal, (partition) => {
        call.identity ??= partition.key;
        return work(partition, call);
      });
    });
  }

  async #list<Kind extends ListKind>(
    kind: Kind,
    options: ListOptions,
  ): Promise<readonly ListEntries[Kind][]> {
    const { identity } = options;
    const caller = identity === undefined ? undefined : checkedIdentity(identity, 'options.identity');
    const isOpen = this.#closed === undefined;
    const known = isOpen ? this.#partitions.known(caller)?.knownList(kind, options) : undefined;
    if (known !== undefined) return known;
    const method = kind === 'resourceTemplates' ? 'resources/templates/list' : `${kind}/list`;
    return this.#run({ method }, options, (own, running) => own.list(kind, options, running));
  }
}
