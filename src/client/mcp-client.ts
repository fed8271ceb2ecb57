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
import { CACHE_DEFAULTS, ResultCache, readTtlMs } from '../calls/result-cache.js';
import type { RunningCall } from '../calls/running-call.js';
import type { ToolCall } from '../calls/tool-call.js';
import { Deadline } from '../core/deadline.js';
import { Emitter, type ListenOptions, type Unsubscribe } from '../core/emitter.js';
import { asFleetError, McpFleetError, ofServer, RemoteError } from '../core/errors.js';
import { isolatedLogger, type Logger } from '../core/logger.js';
import { Stop, type StopSignal } from '../core/stop-signal.js';
import { loggable, TEXT_EXIT, type TextExit } from '../core/text-exit.js';
import type { ListEntries, ListKind, ListPage, Session, SessionObserver } from '../session/session.js';
import { ServerAccess } from './access.js';
import { checkCallOptions, checkToolCall } from './call-checks.js';
import { CAPABILITY_OF_LIST, requireCapability, unsupported } from './capabilities.js';
import { Catalog, type CatalogChange, type CatalogRequest } from './catalog.js';
import type { McpClientEvents } from './events.js';
import { INSTRUMENTATION, type Instrumentation } from './instrumentation.js';
import {
  checkDefaults,
  checkServerConfig,
  checkServerName,
  DRAIN_TIMEOUT_MS,
  type ServerSettings,
  settingsOf,
} from './options.js';
import type { ServerConfig, ServerDefaults } from './server-config.js';
import { ServerLink } from './server-link.js';
import { type ServerSnapshot, snapshotOf } from './snapshot.js';
import { StandingRequests } from './standing-requests.js';
import type { ServerStatus } from './status.js';
import { ToolCalls } from './tool-calls.js';
import { type ToolFilter, toolFilter } from './tool-filter.js';

const NO_TOOLS: readonly Tool[] = [];
const EMPTY_PAGE = {
  entries: [],
  nextCursor: undefined,
  rejected: { count: 0, first: [] },
  characters: 0,
} as const;
const METHOD_NOT_FOUND = -32601;
const LIST_KINDS = [
  'tools',
  'resources',
  'resourceTemplates',
  'prompts',
] as const satisfies readonly ListKind[];

/** One MCP server: its connection, its tokens, and the policies around its calls. Usable without a manager. */
export class McpClient implements AsyncDisposable {
  readonly name: string;
  readonly #settings: ServerSettings;
  readonly #logger: Logger;
  readonly #events: Emitter<McpClientEvents>;
  readonly #reports: ErrorReports;
  readonly #access: ServerAccess;
  readonly #link: ServerLink;
  readonly #results: ResultCache | undefined;
  readonly #calls: CallRunner;
  readonly #catalog: Catalog;
  readonly #toolCalls: ToolCalls;
  #standing = new StandingRequests();
  readonly #allowed: ToolFilter;
  readonly #closing = new Stop();
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
    this.#settings = settingsOf(config, defaults);
    this.#logger = isolatedLogger(this.#settings.logger);
    this.#allowed = toolFilter(this.#settings.tools);
    this.#events = new Emitter((thrown, event) => event !== 'error' && this.#report('listener', thrown));
    this.#reports = new ErrorReports((report) => this.#emitError(report as McpClientEvents['error']));
    this.#access = new ServerAccess(name, config, this.#settings, {
      onRefresh: (refresh) => this.#events.emit('refresh', { server: name, ...this.#clean(refresh) }),
      onStderr: (line) => this.#events.emit('stderr', { server: name, line }),
      isStderrHeard: () => this.#events.has('stderr'),
    });
    const { exit, stderr } = this.#access;
    this.#link = new ServerLink(this.#settings, {
      lastWords: () => stderr?.lastWords ?? '',
      open: (observer, signal) => this.#access.open({ ...this.#observer, ...observer }, signal),
      onStatus: (change) => this.#statusChanged(change),
      onCircuit: (change) => this.#events.emit('circuit', { server: name, ...change }),
      onMiss: (error) => this.#report('health', this.#outward(error)),
    });
    this.#calls = new CallRunner({
      server: name,
      timeoutMs: this.#settings.callTimeoutMs,
      isHeard: () => this.#events.has('call'),
      onCall: (report) => this.#events.emit('call', report),
      exit,
    });
    const { cache } = this.#settings;
    this.#results = cache ? new ResultCache(cache.maxEntries) : undefined;
    this.#catalog = new Catalog({
      timeoutMs: this.#settings.callTimeoutMs,
      ttlMs: (cache || CACHE_DEFAULTS).listTtlMs,
      page: (kind, cursor, call) => this.#page(kind, cursor, call),
      // A token per request may mean a user per request.
      isShared: () => this.#access.tokens?.isPerRequest !== true,
      isAllowed: this.#allowed,
      onChange: (change) => this.#events.emit('catalog', { server: name, ...this.#shownChange(change) }),
      onError: (error) => this.#report('catalog', error),
      lateBy: (reason) => this.#link.connection.lateBy(reason),
    });
    this.#toolCalls = new ToolCalls({
      server: name,
      settings: this.#settings,
      link: this.#link,
      catalog: this.#catalog,
      isAllowed: this.#allowed,
      results: () => this.#shareableResults(),
      report: (during, thrown) => this.#report(during, thrown),
    });
  }

  // ── State ───────────────────────────────────────────────────────────────────

  get status(): ServerStatus {
    return this.#link.connection.status;
  }

  /** Why the status is `reconnecting`, `unhealthy` or `failed`. */
  get lastError(): McpFleetError | undefined {
    return this.#link.connection.lastError;
  }

  /** What the server said it can do; `undefined` until the first connection. */
  get capabilities(): ServerCapabilities | undefined {
    return this.#link.connection.lastSession?.capabilities;
  }

  get serverInfo(): Implementation | undefined {
    return this.#link.connection.lastSession?.serverInfo;
  }

  /** The server's usage guide for the model. */
  get instructions(): string | undefined {
    return this.#link.connection.lastSession?.instructions;
  }

  /** The revision of MCP in use, for example `2025-11-25`. */
  get protocolVersion(): string | undefined {
    return this.#link.connection.lastSession?.protocolVersion;
  }

  /** Without I/O and without secrets. */
  snapshot(): ServerSnapshot {
    const { type } = this.#access.target;
    return snapshotOf({
      server: this.name,
      status: this.status,
      since: this.#link.connection.since,
      session: this.#link.connection.lastSession,
      configuredTransport: type === 'auto' ? 'http' : type,
      tools: this.#catalog.lastCount('tools'),
      truncated: LIST_KINDS.filter((kind) => this.#catalog.truncation(kind) !== undefined),
      exit: this.#access.exit,
      inFlight: this.#link.inFlight,
      queued: this.#link.queued,
      circuit: this.#link.circuit,
      lastOkAt: this.#calls.lastOkAt,
      tokenExpiresAt: this.#access.tokens?.expiresAt,
      lastError: this.lastError,
    });
  }

  /** For messages of the manager that hold words of this server. @internal */
  get [TEXT_EXIT](): TextExit {
    return this.#access.exit;
  }

  /** For `mcp-fleet/telemetry`. @internal */
  [INSTRUMENTATION](): Instrumentation {
    const { target } = this.#access;
    return {
      url: 'url' in target ? target.url : undefined,
      observe: (observer) => this.#calls.observe(observer),
    };
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
    const { timeoutMs = this.#settings.callTimeoutMs, signal } = options;
    const deadline = new Deadline({ timeoutMs, signal, holdsProcess: true });
    try {
      await this.#link.connection.connect(deadline.signal);
    } catch (error) {
      throw error instanceof McpFleetError ? this.#outward(error) : error;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  /** Round trip in milliseconds. */
  ping(options: RequestOptions = {}): Promise<number> {
    return this.#request({ method: 'ping' }, options, undefined, async (session, signal) => {
      const sentAt = performance.now();
      await session.request('ping', undefined, { signal });
      return performance.now() - sentAt;
    });
  }

  /**
   * Fetches a new token now. @throws {AuthError}
   * @throws {McpFleetError} `UNSUPPORTED` when the server has no token provider.
   */
  refreshToken(options: RequestOptions = {}): Promise<void> {
    return this.#run({ method: 'refresh' }, options, async ({ signal }) => {
      if (this.#access.tokens === undefined) {
        throw new McpFleetError('UNSUPPORTED', 'The server has no token provider (option auth)', {
          delivery: 'not-sent',
        });
      }
      await this.#access.tokens.refresh(signal);
    });
  }

  /** Whether there is a token provider to refresh from. */
  get hasTokenProvider(): boolean {
    return this.#access.tokens !== undefined;
  }

  // ── Tools ───────────────────────────────────────────────────────────────────

  /** Every tool that the filter lets pass, from all pages. */
  listTools(options: ListOptions = {}): Promise<readonly Tool[]> {
    return this.#list('tools', options);
  }

  /** The tools that are known at this moment, without asking the server. */
  get knownTools(): readonly Tool[] {
    return this.#catalog.recent('tools')?.entries ?? NO_TOOLS;
  }

  /**
   * Runs a tool. Its failure is `isError: true`, not an exception.
   * @throws {OutcomeUnknownError} when the request left and no answer came: it may or may not have run.
   * @throws {UnknownToolError | RemoteError | AuthError | ConnectionError | TimeoutError}
   */
  async callTool(call: ToolCall, options: CallOptions = {}): Promise<CallToolResult> {
    checkToolCall(call);
    return this.#run({ method: 'tools/call', name: call.name }, options, (running) =>
      this.#toolCalls.run(call, options, running),
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
    const { cache } = this.#settings;
    return this.#run({ method: 'resources/read', name: uri }, options, (running) => {
      const ask = () =>
        this.#link.request(
          (session, signal) => {
            requireCapability(session, 'resources', 'resources/read');
            return session.request('resources/read', { uri }, { signal });
          },
          'read',
          running,
        );
      const results = this.#shareableResults();
      if (!cache || cache.resourceTtlMs === 0 || results === undefined) return ask();
      return results.through(resourceQuestion(uri), running, ask, (result) => readTtlMs(cache, result.ttlMs));
    });
  }

  /** Updates arrive as `resource` events. The subscription is made again after each reconnect. */
  subscribeResource(uri: string, options: RequestOptions = {}): Promise<void> {
    const subject = { method: 'resources/subscribe', name: uri };
    return this.#request(subject, options, 'resources', async (session, signal) => {
      if (session.capabilities?.resources?.subscribe !== true) throw unsupported('resource subscriptions');
      await session.request('resources/subscribe', { uri }, { signal });
      this.#standing.subscribed(uri);
    });
  }

  unsubscribeResource(uri: string, options: RequestOptions = {}): Promise<void> {
    this.#standing.unsubscribed(uri);
    const subject = { method: 'resources/unsubscribe', name: uri };
    return this.#request(subject, options, 'resources', async (session, signal) => {
      await session.request('resources/unsubscribe', { uri }, { signal });
    });
  }

  listPrompts(options: ListOptions = {}): Promise<readonly Prompt[]> {
    return this.#list('prompts', options);
  }

  getPrompt(
    name: string,
    args?: Record<string, string>,
    options: RequestOptions = {},
  ): Promise<GetPromptResult> {
    return this.#request({ method: 'prompts/get', name }, options, 'prompts', (session, signal) =>
      session.request('prompts/get', { name, ...(args !== undefined && { arguments: args }) }, { signal }),
    );
  }

  /** Values for an argument of a prompt or of a resource template. */
  complete(params: CompleteRequest['params'], options: RequestOptions = {}): Promise<CompleteResult> {
    return this.#request({ method: 'completion/complete' }, options, 'completions', (session, signal) =>
      session.request('completion/complete', params, { signal }),
    );
  }

  /** From which level on the server sends `log` events. It is set again after each reconnect. */
  setLogLevel(level: LoggingLevel, options: RequestOptions = {}): Promise<void> {
    return this.#request({ method: 'logging/setLevel' }, options, 'logging', async (session, signal) => {
      await session.request('logging/setLevel', { level }, { signal });
      this.#standing.logLevel(level);
    });
  }

  /** Goes on with the subscriptions and the log level that were asked of the client whose place it takes. @internal */
  inherit(previous: McpClient): void {
    this.#standing = previous.#standing;
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
   * Refuses new calls, waits up to `drainTimeoutMs` for running ones, ends the session and the process.
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
    this.#closing.abort(undefined);
    this.#reports.close();
    this.#catalog.close();
    await this.#link.close();
    await this.#access.close();
  }

  // ── Inside ──────────────────────────────────────────────────────────────────

  async #run<Result>(
    subject: CallSubject,
    options: CallOptions,
    work: (call: RunningCall) => Promise<Result>,
  ): Promise<Result> {
    checkCallOptions(options);
    return this.#calls.run(subject, options, work);
  }

  /** A request that may be repeated without harm. */
  #request<Result>(
    subject: CallSubject,
    options: RequestOptions,
    capability: keyof ServerCapabilities | undefined,
    send: (session: Session, signal: StopSignal) => Promise<Result>,
  ): Promise<Result> {
    return this.#run(subject, options, (running) =>
      this.#link.request(
        async (session, signal) => {
          if (capability !== undefined) requireCapability(session, capability, subject.method);
          return send(session, signal);
        },
        'read',
        running,
      ),
    );
  }

  async #list<Kind extends ListKind>(
    kind: Kind,
    options: ListOptions,
  ): Promise<readonly ListEntries[Kind][]> {
    const fresh = options.fresh === true || this.#settings.cache === false;
    const known = fresh ? undefined : this.#catalog.known(kind);
    if (known !== undefined && this.#closed === undefined) return known.entries;
    const method = kind === 'resourceTemplates' ? 'resources/templates/list' : `${kind}/list`;
    return this.#run({ method }, options, async (running) => {
      const { signal, observation } = running;
      const { timeoutMs } = options;
      const onEnd: CatalogRequest['onEnd'] = ({ attempts, delivery }) => {
        running.attempts = attempts;
        // Who stops waiting leaves the reading to others: what is known of its request is known of theirs.
        if (signal.aborted) running.delivery = delivery;
      };
      const list = await this.#catalog.get(kind, { fresh, signal, timeoutMs, onEnd, observation });
      return list.entries;
    });
  }

  #page<Kind extends ListKind>(
    kind: Kind,
    cursor: string | undefined,
    call: RunningCall,
  ): Promise<ListPage<ListEntries[Kind]>> {
    const ask = async (session: Session, signal: StopSignal): Promise<ListPage<ListEntries[Kind]>> => {
      const { capabilities } = session;
      if (capabilities !== undefined && capabilities[CAPABILITY_OF_LIST[kind]] === undefined)
        return EMPTY_PAGE;
      call.delivery = 'unknown';
      try {
        return await session.list(kind, cursor, { signal });
      } catch (error) {
        // Many servers that have resources know nothing of templates, or offer a list that they do not have.
        if (kind !== 'tools' && hasNoSuchList(error)) return EMPTY_PAGE;
        throw error;
      }
    };
    return this.#link.request(ask, 'read', call);
  }

  /** A token per request may mean a user per request, and users do not see each other's results. */
  #shareableResults(): ResultCache | undefined {
    return this.#access.tokens?.isPerRequest ? undefined : this.#results;
  }

  readonly #observer: SessionObserver = {
    log: ({ level, logger, data }) => {
      if (!this.#events.has('log')) return;
      const { exit } = this.#access;
      const named = logger !== undefined && { logger: exit.words(logger) };
      this.#events.emit('log', { server: this.name, level, ...named, data: exit.data(data) });
    },
    resourceUpdated: (uri) => {
      this.#results?.delete(resourceQuestion(uri));
      this.#events.emit('resource', { server: this.name, uri: this.#access.exit.name(uri) });
    },
    listChanged: (kind) => this.#catalog.changed(kind),
    error: (error) => this.#report('transport', error),
    closed: () => {},
  };

  #shownChange({ kind, added, removed, changed }: CatalogChange): CatalogChange {
    const shown = (names: readonly string[]) => names.map((name) => this.#access.exit.name(name));
    return { kind, added: shown(added), removed: shown(removed), changed: shown(changed) };
  }

  /** What was learned in a session does not outlive it. */
  #forget(): void {
    this.#catalog.forget();
    this.#results?.clear();
  }

  #statusChanged(change: { status: ServerStatus; previous: ServerStatus; error?: McpFleetError }): void {
    if (change.error !== undefined) this.#outward(change.error);
    if (change.status === 'reconnecting') this.#forget();
    if (change.status === 'ready' && change.previous !== 'unhealthy') {
      const session = this.#link.connection.lastSession as Session;
      void this.#standing.renew(session, this.#closing, (error) => this.#report('connect', error));
    }
    this.#logStatus(change);
    this.#events.emit('status', { server: this.name, ...change });
  }

  #logStatus({
    status,
    previous,
    error,
  }: {
    status: ServerStatus;
    previous: ServerStatus;
    error?: McpFleetError;
  }): void {
    const fields = { server: this.name, status, previous };
    if (error === undefined) this.#logger.info(`${this.name} is ${status}`, fields);
    else {
      const text = `${this.name} is ${status}: ${error.message}`;
      this.#logger.warn(text, { ...fields, code: error.code, error: loggable(error) });
    }
  }

  #report(during: McpClientEvents['error']['during'], thrown: unknown): void {
    if (this.#closing.aborted) return;
    this.#reports.report({ during, error: asFleetError(thrown) });
  }

  #emitError({ during, error }: McpClientEvents['error']): void {
    this.#outward(error);
    const fields = { server: this.name, during, code: error.code, error: loggable(error) };
    this.#logger.warn(`${this.name}: ${error.message}`, fields);
    this.#events.emit('error', { server: this.name, during, error });
  }

  /** An error on its way out. */
  #outward(error: McpFleetError): McpFleetError {
    return this.#access.exit.error(ofServer(error, this.name));
  }

  #clean<Event extends { error?: McpFleetError }>(event: Event): Event {
    if (event.error !== undefined) this.#outward(event.error);
    return event;
  }
}

/** What the result of reading a resource is remembered by. */
function resourceQuestion(uri: string): unknown {
  return ['resources/read', uri];
}

/** With an HTTP status that is an error, too, a server refuses the request; without one it has nothing to list. */
function hasNoSuchList(error: unknown): boolean {
  return error instanceof RemoteError && error.rpcCode === METHOD_NOT_FOUND && error.httpStatus === undefined;
}
