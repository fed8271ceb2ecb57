import type {
  CallToolResult,
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  LoggingLevel,
  ReadResourceResult,
  ServerCapabilities,
  Tool,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallOptions, ListOptions } from '../calls/call-options.js';
import { ErrorReports } from '../calls/error-reports.js';
import { CACHE_DEFAULTS, ResultCache, readTtlMs } from '../calls/result-cache.js';
import type { RunningCall } from '../calls/running-call.js';
import type { ToolCall } from '../calls/tool-call.js';
import type { Emitter } from '../core/emitter.js';
import { asFleetError, McpFleetError, ofServer, RemoteError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { Stop, type StopSignal } from '../core/stop-signal.js';
import { loggable } from '../core/text-exit.js';
import type { ListEntries, ListKind, ListPage, Session, SessionObserver } from '../session/session.js';
import { type AccessOwner, ServerAccess } from './access.js';
import { CAPABILITY_OF_LIST, requireCapability, unsupported } from './capabilities.js';
import { Catalog, type CatalogChange, type CatalogRequest } from './catalog.js';
import type { Connection } from './connection.js';
import type { McpClientEvents } from './events.js';
import type { Scope } from './scope.js';
import { ServerLink } from './server-link.js';
import type { ServerPath } from './server-path.js';
import type { Prober, ServerPolicies } from './server-policies.js';
import { StandingRequests } from './standing-requests.js';
import type { ServerStatus } from './status.js';
import { ToolCalls } from './tool-calls.js';
import type { ToolFilter } from './tool-filter.js';

const NO_TOOLS: readonly Tool[] = [];
const EMPTY_PAGE = {
  entries: [],
  nextCursor: undefined,
  rejected: { count: 0, first: [] },
  characters: 0,
} as const;
const METHOD_NOT_FOUND = -32601;
/** Where only a person can help, callers get the known error at once for so long before it is tried again. */
const FAILED_FOR_MS = 30_000;
/** The person may just have done so, and it is one person's load. */
const FAILED_IDENTITY_FOR_MS = 1_000;

/** Whose partition it is, and whether it is in use. */
export interface PartitionOwner extends AccessOwner {
  /** Whether a call of theirs is under way. */
  isActive(): boolean;
  /** A connection of theirs was opened. */
  connected(): void;
}

export interface PartitionOptions {
  path: ServerPath;
  policies: ServerPolicies;
  events: Emitter<McpClientEvents>;
  logger: Logger;
  /** Which tools exist for callers. */
  isAllowed: ToolFilter;
  /** As far as the configuration says it. */
  scope: Scope;
  /** The identity that it belongs to; without one, it is nobody's in particular. */
  owner?: PartitionOwner | undefined;
}

/**
 * What belongs to one identity at one server: tokens, connection, lists, results, subscriptions. Of the calls it
 * knows only those that are its own; what all share is in {@link ServerPath} and {@link ServerPolicies}.
 */
export class Partition {
  readonly access: ServerAccess;
  readonly #options: PartitionOptions;
  readonly #reports: ErrorReports;
  readonly #link: ServerLink;
  readonly #results: ResultCache | undefined;
  readonly #catalog: Catalog;
  readonly #toolCalls: ToolCalls;
  readonly #closing = new Stop();
  #standing = new StandingRequests();
  #isResting = false;

  constructor(options: PartitionOptions) {
    this.#options = options;
    const { path, policies, events, isAllowed, owner, scope } = options;
    const { settings, server } = path;
    this.#reports = new ErrorReports((report) => this.#emitError(report as McpClientEvents['error']));
    this.access = new ServerAccess(
      path,
      {
        isShared: scope === 'shared',
        onRefresh: (refresh) => events.emit('refresh', { ...this.#place(), ...this.#clean(refresh) }),
        onStderr: (line) => events.emit('stderr', { ...this.#place(), line }),
        isStderrHeard: () => events.has('stderr'),
      },
      owner,
    );
    const { stderr } = this.access;
    this.#link = new ServerLink(settings, policies, {
      lastWords: () => stderr?.lastWords ?? '',
      isOfAll: owner === undefined,
      isWanted: () => owner === undefined || owner.isActive() || this.#standing.awaitsUpdates,
      failedForMs: owner === undefined ? FAILED_FOR_MS : FAILED_IDENTITY_FOR_MS,
      open: (observer, signal) => this.access.open({ ...this.#observer, ...observer }, signal),
      onStatus: (change) => this.#statusChanged(change),
      onMiss: (error) => this.#report('health', this.#outward(error)),
    });
    const { cache } = settings;
    this.#results = cache ? new ResultCache(cache.maxEntries) : undefined;
    this.#catalog = new Catalog({
      timeoutMs: settings.callTimeoutMs,
      ttlMs: (cache || CACHE_DEFAULTS).listTtlMs,
      page: (kind, cursor, call) => this.#page(kind, cursor, call),
      // A token per request may mean a user per request.
      isShared: () => this.access.tokens?.isPerRequest !== true,
      isAllowed,
      onChange: (change) => events.emit('catalog', { ...this.#place(), ...this.#shownChange(change) }),
      onError: (error) => this.#report('catalog', error),
      lateBy: (reason) => this.connection.lateBy(reason),
    });
    this.#toolCalls = new ToolCalls({
      server,
      settings,
      link: this.#link,
      catalog: this.#catalog,
      isAllowed,
      results: () => this.#shareableResults(),
      report: (during, thrown) => this.#report(during, thrown),
    });
  }

  // ── State ───────────────────────────────────────────────────────────────────

  /** Of the identity that it belongs to. */
  get key(): string | undefined {
    return this.#options.owner?.key;
  }

  get connection(): Connection {
    return this.#link.connection;
  }

  get prober(): Prober {
    return this.#link;
  }

  get catalog(): Catalog {
    return this.#catalog;
  }

  get standing(): StandingRequests {
    return this.#standing;
  }

  /** Goes on with the subscriptions and the log level that were asked for where it takes the place of another. */
  inherit(standing: StandingRequests): void {
    this.#standing = standing;
  }

  /** The tools that are known at this moment, without asking the server. */
  get knownTools(): readonly Tool[] {
    return this.#catalog.recent('tools')?.entries ?? NO_TOOLS;
  }

  // ── Requests ────────────────────────────────────────────────────────────────

  async connect(signal: StopSignal): Promise<void> {
    try {
      await this.connection.connect(signal);
    } catch (error) {
      throw error instanceof McpFleetError ? this.#outward(error) : error;
    }
  }

  ping(call: RunningCall): Promise<number> {
    return this.#request('ping', undefined, call, async (session, signal) => {
      const sentAt = performance.now();
      await session.request('ping', undefined, { signal });
      return performance.now() - sentAt;
    });
  }

  async refreshToken({ signal }: RunningCall): Promise<void> {
    const { tokens } = this.access;
    if (tokens === undefined) {
      throw new McpFleetError('UNSUPPORTED', 'The server has no token provider (option auth)', {
        delivery: 'not-sent',
      });
    }
    await tokens.refresh(signal);
  }

  /** The list that is known and may be handed out, unless the caller wants it fresh. */
  knownList<Kind extends ListKind>(
    kind: Kind,
    options: ListOptions,
  ): readonly ListEntries[Kind][] | undefined {
    return this.#wantsFresh(options) ? undefined : this.#catalog.known(kind)?.entries;
  }

  async list<Kind extends ListKind>(
    kind: Kind,
    options: ListOptions,
    running: RunningCall,
  ): Promise<readonly ListEntries[Kind][]> {
    const { signal, observation } = running;
    const onEnd: CatalogRequest['onEnd'] = ({ attempts, delivery }) => {
      running.attempts = attempts;
      // Who stops waiting leaves the reading to others: what is known of its request is known of theirs.
      if (signal.aborted) running.delivery = delivery;
    };
    const fresh = this.#wantsFresh(options);
    const { timeoutMs } = options;
    const list = await this.#catalog.get(kind, { fresh, signal, timeoutMs, onEnd, observation });
    return list.entries;
  }

  callTool(call: ToolCall, options: CallOptions, running: RunningCall): Promise<CallToolResult> {
    return this.#toolCalls.run(call, options, running);
  }

  readResource(uri: string, running: RunningCall): Promise<ReadResourceResult> {
    const { cache } = this.#options.path.settings;
    const ask = () =>
      this.#request('resources/read', 'resources', running, (session, signal) =>
        session.request('resources/read', { uri }, { signal }),
      );
    const results = this.#shareableResults();
    if (!cache || cache.resourceTtlMs === 0 || results === undefined) return ask();
    return results.through(resourceQuestion(uri), running, ask, (result) => readTtlMs(cache, result.ttlMs));
  }

  subscribeResource(uri: string, running: RunningCall): Promise<void> {
    return this.#request('resources/subscribe', 'resources', running, async (session, signal) => {
      if (session.capabilities?.resources?.subscribe !== true) throw unsupported('resource subscriptions');
      await session.request('resources/subscribe', { uri }, { signal });
      this.#standing.subscribed(uri);
    });
  }

  unsubscribeResource(uri: string, running: RunningCall): Promise<void> {
    this.#standing.unsubscribed(uri);
    return this.#request('resources/unsubscribe', 'resources', running, async (session, signal) => {
      await session.request('resources/unsubscribe', { uri }, { signal });
    });
  }

  getPrompt(
    name: string,
    args: Record<string, string> | undefined,
    running: RunningCall,
  ): Promise<GetPromptResult> {
    return this.#request('prompts/get', 'prompts', running, (session, signal) =>
      session.request('prompts/get', { name, ...(args !== undefined && { arguments: args }) }, { signal }),
    );
  }

  complete(params: CompleteRequest['params'], running: RunningCall): Promise<CompleteResult> {
    return this.#request('completion/complete', 'completions', running, (session, signal) =>
      session.request('completion/complete', params, { signal }),
    );
  }

  setLogLevel(level: LoggingLevel, running: RunningCall): Promise<void> {
    return this.#request('logging/setLevel', 'logging', running, async (session, signal) => {
      await session.request('logging/setLevel', { level }, { signal });
      this.#standing.logLevel(level);
    });
  }

  // ── The end ─────────────────────────────────────────────────────────────────

  /** Closes the connection until the next call, unless something is awaited over it. What was listed stays known. */
  async rest(): Promise<void> {
    if (this.#standing.awaitsUpdates) return;
    this.#isResting = true;
    await this.connection.rest();
    this.#isResting = false;
  }

  async close(): Promise<void> {
    this.#closing.abort(undefined);
    this.#reports.close();
    this.#catalog.close();
    await this.#link.close();
    await this.access.close();
  }

  // ── Inside ──────────────────────────────────────────────────────────────────

  /** A request that may be repeated without harm. */
  #request<Result>(
    method: string,
    capability: keyof ServerCapabilities | undefined,
    running: RunningCall,
    send: (session: Session, signal: StopSignal) => Promise<Result>,
  ): Promise<Result> {
    return this.#link.request(
      async (session, signal) => {
        if (capability !== undefined) requireCapability(session, capability, method);
        return send(session, signal);
      },
      'read',
      running,
    );
  }

  #wantsFresh({ fresh }: ListOptions): boolean {
    return fresh === true || this.#options.path.settings.cache === false;
  }

  #page<Kind extends ListKind>(
    kind: Kind,
    cursor: string | undefined,
    call: RunningCall,
  ): Promise<ListPage<ListEntries[Kind]>> {
    call.identity = this.key;
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
    return this.access.tokens?.isPerRequest ? undefined : this.#results;
  }

  readonly #observer: SessionObserver = {
    log: ({ level, logger, data }) => {
      const { events, path } = this.#options;
      if (!events.has('log')) return;
      const { exit } = path;
      const named = logger !== undefined && { logger: exit.words(logger) };
      events.emit('log', { ...this.#place(), level, ...named, data: exit.data(data) });
    },
    resourceUpdated: (uri) => {
      const { events, path } = this.#options;
      this.#results?.delete(resourceQuestion(uri));
      events.emit('resource', { ...this.#place(), uri: path.exit.name(uri) });
    },
    listChanged: (kind) => this.#catalog.changed(kind),
    error: (error) => this.#report('transport', error),
    closed: () => {},
  };

  /** Where an event belongs. */
  #place(): { server: string; identity?: string } {
    const { path, owner } = this.#options;
    return owner === undefined ? { server: path.server } : { server: path.server, identity: owner.key };
  }

  #shownChange({ kind, added, removed, changed }: CatalogChange): CatalogChange {
    const { exit } = this.#options.path;
    const shown = (names: readonly string[]) => names.map((name) => exit.name(name));
    return { kind, added: shown(added), removed: shown(removed), changed: shown(changed) };
  }

  /** What was learned in a session does not outlive it. */
  #forget(): void {
    this.#catalog.forget();
    this.#results?.clear();
  }

  #statusChanged(change: { status: ServerStatus; previous: ServerStatus; error?: McpFleetError }): void {
    if (change.error !== undefined) this.#outward(change.error);
    const isLost = change.status === 'reconnecting' || (change.status === 'idle' && !this.#isResting);
    if (isLost) this.#forget();
    if (change.status === 'ready' && change.previous !== 'unhealthy') {
      const session = this.connection.lastSession as Session;
      void this.#standing.renew(session, this.#closing, (error) => this.#report('connect', error));
      this.#options.owner?.connected();
    }
    this.#logStatus(change);
    this.#options.events.emit('status', { ...this.#place(), ...change });
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
    const { path, logger } = this.#options;
    const { server } = path;
    const fields = { ...this.#place(), status, previous };
    if (error === undefined) logger.info(`${server} is ${status}`, fields);
    else {
      const text = `${server} is ${status}: ${error.message}`;
      logger.warn(text, { ...fields, code: error.code, error: loggable(error) });
    }
  }

  #report(during: McpClientEvents['error']['during'], thrown: unknown): void {
    if (this.#closing.aborted) return;
    this.#reports.report({ during, error: asFleetError(thrown) });
  }

  #emitError({ during, error }: McpClientEvents['error']): void {
    const { path, logger, events } = this.#options;
    this.#outward(error);
    const fields = { ...this.#place(), during, code: error.code, error: loggable(error) };
    logger.warn(`${path.server}: ${error.message}`, fields);
    events.emit('error', { ...this.#place(), during, error });
  }

  /** An error on its way out. */
  #outward(error: McpFleetError): McpFleetError {
    const { exit, server } = this.#options.path;
    return exit.error(ofServer(error, server));
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
