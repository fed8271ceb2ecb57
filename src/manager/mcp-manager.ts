import type {
  CallToolResult,
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  ReadResourceResult,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { CallOptions, ListOptions, RequestOptions } from '../calls/call-options.js';
import { toolCall } from '../calls/tool-call.js';
import { checkCallOptions, checkToolCall } from '../client/call-checks.js';
import type { McpClient } from '../client/mcp-client.js';
import { check, checkServerConfig, checkServerName, DRAIN_TIMEOUT_MS } from '../client/options.js';
import type { ServerConfig, ServerDefaults } from '../client/server-config.js';
import { count, durationMs, serverDefaultsSchema } from '../client/server-schema.js';
import type { ServerSnapshot } from '../client/snapshot.js';
import { concurrentMap } from '../core/concurrent-map.js';
import type { ListenOptions, Unsubscribe } from '../core/emitter.js';
import { asFleetError, ConfigError, McpFleetError, UnknownToolError } from '../core/errors.js';
import { checkedIdentity, type Identity } from '../core/identity.js';
import { isolatedLogger, type Logger } from '../core/logger.js';
import { nearestHint, quoted } from '../core/nearest.js';
import { TEXT_EXIT } from '../core/text-exit.js';
import type { ListKind } from '../session/session.js';
import {
  type CallOutcome,
  type ConnectReport,
  type Fleet,
  type FleetPrompt,
  type FleetResource,
  type FleetResourceTemplate,
  type FleetTool,
  type FleetToolCall,
  fleetStatus,
  type ListReport,
  type ManagerSnapshot,
  type McpManagerEvents,
  type ServerFailure,
  type ServerFilter,
  type ServersDiff,
} from './fleet.js';
import { FleetEvents } from './fleet-events.js';
import { FleetTools } from './fleet-tools.js';
import { IdentityFleet } from './identity-fleet.js';
import { Running } from './running.js';
import { ServerSet } from './server-set.js';
import { looksHashed, mayBeOf, plainAddress, type ToolAddress } from './tool-names.js';

export interface McpManagerOptions extends ServerDefaults {
  /** By name: `^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`, without `__`, and none of `__proto__`, `constructor`, `prototype`. */
  servers?: Record<string, ServerConfig>;
  /** Servers that `connect` connects at the same time. @default 16 */
  connectConcurrency?: number;
  /** How long `close` and `removeServer` wait for running calls. Milliseconds. @default 10_000 */
  drainTimeoutMs?: number;
}

/** What holds where a manager is told nothing else. */
export const MANAGER_DEFAULTS = {
  connectConcurrency: 16,
  drainTimeoutMs: DRAIN_TIMEOUT_MS,
} as const satisfies McpManagerOptions;

/** Method of a manager, for the doors above it; the same in the ESM and the CJS copy. */
export const REPORT: unique symbol = Symbol.for('mcp-fleet.report');

const optionsSchema = serverDefaultsSchema.extend({
  servers: z.record(z.string(), z.unknown(), { error: 'expected an object of servers by name' }).optional(),
  connectConcurrency: count.optional(),
  drainTimeoutMs: durationMs.optional(),
});

/** Many MCP servers behind one object: it owns one {@link McpClient} per server. */
export class McpManager implements Fleet, AsyncDisposable {
  readonly #set: ServerSet;
  readonly #tools: FleetTools;
  readonly #logger: Logger;
  readonly #connectConcurrency: number;
  readonly #drainTimeoutMs: number;
  readonly #events = new FleetEvents();
  /** Calls whose tool is being looked up. */
  readonly #resolving = new Running();
  #closed: Promise<void> | undefined;

  /** Touches no network. @throws {ConfigError} for a bad option or server entry, naming its path. */
  constructor(options: McpManagerOptions = {}) {
    check(optionsSchema, options, '');
    const { servers = {}, connectConcurrency, drainTimeoutMs, ...defaults } = options;
    this.#logger = isolatedLogger(defaults.logger);
    this.#connectConcurrency = connectConcurrency ?? MANAGER_DEFAULTS.connectConcurrency;
    this.#drainTimeoutMs = drainTimeoutMs ?? MANAGER_DEFAULTS.drainTimeoutMs;
    this.#set = new ServerSet({
      defaults,
      drainTimeoutMs: this.#drainTimeoutMs,
      events: this.#events,
      onObstacle: (server, error) => this[REPORT]({ server, during: 'config', error }),
    });
    this.#tools = new FleetTools(this.#set.clients);
    checkServers(servers);
    for (const [name, config] of Object.entries(servers)) this.#set.add(name, config);
  }

  // ── Servers ─────────────────────────────────────────────────────────────────

  /** The clients by server name, in the order they were added. */
  get clients(): ReadonlyMap<string, McpClient> {
    return this.#set.clients;
  }

  /** @throws {UnknownServerError} listing the nearest names */
  client(server: string): McpClient {
    return this.#set.get(server);
  }

  /**
   * Connects servers in parallel. Optional: a server also connects on first use. Servers added later connect
   * at once. A server that fails is reported, never thrown, and goes on trying in the background.
   */
  async connect(options: RequestOptions & ServerFilter = {}): Promise<ConnectReport> {
    this.#refuseWhenClosed();
    this.#set.connectOnAdd = true;
    const { done, failed } = await this.#each(
      options,
      (client, request) => client.connect(request),
      this.#connectConcurrency,
    );
    return { ready: done.map(({ client }) => client.name), failed };
  }

  /**
   * Adds a server; it connects on first use, or at once if `connect()` was called before.
   * @throws {ConfigError} also for a name in use.
   */
  addServer(name: string, config: ServerConfig): McpClient {
    this.#refuseWhenClosed();
    checkServer(name, config);
    if (this.#set.clients.has(name))
      throw new ConfigError(`servers.${name}`, 'is in use; remove that server first');
    const client = this.#set.add(name, config);
    this.#events.emit('servers', { added: [name], updated: [], removed: [] });
    return client;
  }

  /** Drains and closes a server; `false` if there is none of that name. */
  removeServer(name: string): Promise<boolean> {
    return this.#set.remove(name);
  }

  /**
   * Makes the set of servers exactly `servers`: adds, replaces what changed, drains and removes, leaves the rest
   * connected. All or nothing: a fault in one entry changes none. One call after the other; the last one wins.
   *
   * A changed server connects with its new configuration first, for at most its `connectTimeoutMs`. Then new calls
   * go there, and the running ones end where they are. If it cannot connect while the old connection works, the
   * old one goes on: the server is not among `updated`, an `error` event (`during: 'config'`) says why, and it moves
   * over, with a `servers` event, as soon as the new one connects or the old one is lost.
   * @throws {ConfigError}
   */
  async setServers(servers: Record<string, ServerConfig>): Promise<ServersDiff> {
    this.#refuseWhenClosed();
    checkServers(servers);
    return this.#set.set(servers);
  }

  /** The same servers for one identity. @throws {ConfigError} for what is no identity */
  as(identity: Identity | string): Fleet {
    return new IdentityFleet(this, checkedIdentity(identity, 'identity'));
  }

  // ── Tools ───────────────────────────────────────────────────────────────────

  /** The tools that are known at this moment, without asking a server. */
  get knownTools(): readonly FleetTool[] {
    return this.#tools.known(undefined);
  }

  /** Those that are known of one identity. @internal */
  knownToolsFor(identity: Identity): readonly FleetTool[] {
    return this.#tools.known(identity);
  }

  /** Every tool of every reachable server, under a qualified, provider-safe name, in a stable order. */
  async listTools(options: ListOptions & ServerFilter = {}): Promise<{ tools: FleetTool[] } & ListReport> {
    const { done, failed } = await this.#each(options, (client, request) => client.listTools(request));
    const tools = this.#tools.of(done, identityIn(options));
    return { tools, failed, ...this.#truncatedIn('tools', done, options) };
  }

  /**
   * By qualified name, or by the server's own name when `server` is given. A tool's failure is `isError: true`,
   * not an exception.
   * @throws {UnknownServerError | UnknownToolError} listing the nearest names, and what {@link McpClient.callTool} throws.
   */
  async callTool(call: FleetToolCall, options: CallOptions = {}): Promise<CallToolResult> {
    this.#refuseWhenClosed();
    checkToolCall(call);
    checkCallOptions(options);
    const { name, server } = call;
    // Without a wait where there is no need of one: closing waits for the calls of this tick.
    const known = server === undefined ? this.#knownAddressOf(name, options) : { server, toolName: name };
    const address = known ?? (await this.#resolving.add(this.#addressOf(name, options)));
    return this.client(address.server).callTool(toolCall(address.toolName, call), options);
  }

  /**
   * Runs calls side by side; never rejects; outcomes in the order of `calls`.
   * @param options.concurrency calls under way at the same time, default all
   */
  callTools(
    calls: readonly FleetToolCall[],
    options: CallOptions & { concurrency?: number } = {},
  ): Promise<CallOutcome[]> {
    const { concurrency = calls.length, ...callOptions } = options;
    return concurrentMap(calls, Math.max(1, concurrency || 1), async (call): Promise<CallOutcome> => {
      try {
        return { ok: true, call, result: await this.callTool(call, callOptions) };
      } catch (thrown) {
        return { ok: false, call, error: asOutcome(thrown, callOptions.signal) };
      }
    });
  }

  // ── Resources, prompts, completion ──────────────────────────────────────────

  async listResources(
    options: ListOptions & ServerFilter = {},
  ): Promise<{ resources: FleetResource[] } & ListReport> {
    const { done, failed } = await this.#each(options, (client, request) => client.listResources(request));
    return { resources: withServer(done), failed, ...this.#truncatedIn('resources', done, options) };
  }

  async listResourceTemplates(
    options: ListOptions & ServerFilter = {},
  ): Promise<{ resourceTemplates: FleetResourceTemplate[] } & ListReport> {
    const { done, failed } = await this.#each(options, (client, request) =>
      client.listResourceTemplates(request),
    );
    const resourceTemplates = withServer(done);
    return { resourceTemplates, failed, ...this.#truncatedIn('resourceTemplates', done, options) };
  }

  async readResource(
    { server, uri }: { server: string; uri: string },
    options?: RequestOptions,
  ): Promise<ReadResourceResult> {
    return this.client(server).readResource(uri, options);
  }

  /** Updates arrive as `resource` events; subscriptions are made again after a reconnect. */
  async subscribeResource(
    { server, uri }: { server: string; uri: string },
    options?: RequestOptions,
  ): Promise<void> {
    return this.client(server).subscribeResource(uri, options);
  }

  async unsubscribeResource(
    { server, uri }: { server: string; uri: string },
    options?: RequestOptions,
  ): Promise<void> {
    return this.client(server).unsubscribeResource(uri, options);
  }

  async listPrompts(
    options: ListOptions & ServerFilter = {},
  ): Promise<{ prompts: FleetPrompt[] } & ListReport> {
    const { done, failed } = await this.#each(options, (client, request) => client.listPrompts(request));
    return { prompts: withServer(done), failed, ...this.#truncatedIn('prompts', done, options) };
  }

  async getPrompt(
    request: { server: string; name: string; arguments?: Record<string, string> },
    options?: RequestOptions,
  ): Promise<GetPromptResult> {
    return this.client(request.server).getPrompt(request.name, request.arguments, options);
  }

  async complete(
    { server, ...params }: { server: string } & CompleteRequest['params'],
    options?: RequestOptions,
  ): Promise<CompleteResult> {
    return this.client(server).complete(params, options);
  }

  // ── Health ──────────────────────────────────────────────────────────────────

  /** Asks every server now, in parallel. */
  async ping(
    options: RequestOptions & ServerFilter = {},
  ): Promise<{ ok: { server: string; latencyMs: number }[]; failed: ServerFailure[] }> {
    const { done, failed } = await this.#each(options, (client, request) => client.ping(request));
    return { ok: done.map(({ client, value }) => ({ server: client.name, latencyMs: value })), failed };
  }

  /** Fetches new tokens now for every server that has a token provider. */
  async refreshTokens(
    options: RequestOptions & ServerFilter = {},
  ): Promise<{ refreshed: string[]; failed: ServerFailure[] }> {
    const { done, failed } = await this.#each(options, async (client, request) => {
      if (client.hasTokenProvider) await client.refreshToken(request);
    });
    return {
      refreshed: done
        .map(({ client }) => client)
        .filter(({ hasTokenProvider }) => hasTokenProvider)
        .map(({ name }) => name),
      failed,
    };
  }

  /** What a health endpoint shows: plain, JSON-safe, without secrets, without I/O. */
  snapshot(): ManagerSnapshot {
    return this.#snapshot((client) => client.snapshot());
  }

  /** As one identity sees it. @internal */
  snapshotFor(identity: Identity): ManagerSnapshot {
    return this.#snapshot((client) => client.snapshotFor(identity));
  }

  #snapshot(snapshotOf: (client: McpClient) => ServerSnapshot): ManagerSnapshot {
    const servers = [...this.#set.clients.values()].map(snapshotOf);
    return { status: this.#closed === undefined ? fleetStatus(servers) : 'closed', servers };
  }

  // ── Events and the end ──────────────────────────────────────────────────────

  /** Returns the unsubscribe function. A listener that throws harms nobody: it becomes an `error` event. */
  on<Name extends keyof McpManagerEvents>(
    name: Name,
    listener: (event: McpManagerEvents[Name]) => void,
    options?: ListenOptions,
  ): Unsubscribe {
    return this.#events.on(name, listener, options);
  }

  off<Name extends keyof McpManagerEvents>(
    name: Name,
    listener: (event: McpManagerEvents[Name]) => void,
  ): void {
    this.#events.off(name, listener);
  }

  /** The next event of that name. Rejects with the signal's reason when aborted first. */
  once<Name extends keyof McpManagerEvents>(
    name: Name,
    options?: ListenOptions,
  ): Promise<McpManagerEvents[Name]> {
    return this.#events.once(name, options);
  }

  /**
   * Refuses new calls, waits up to `drainTimeoutMs` for running ones, ends sessions and processes. Bounded,
   * idempotent, never throws.
   * @param options.drainTimeoutMs milliseconds, default the manager's
   */
  close(options: { drainTimeoutMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.drainTimeoutMs ?? this.#drainTimeoutMs);
    return this.#closed;
  }

  async #close(drainTimeoutMs: number): Promise<void> {
    const startedAt = performance.now();
    this.#set.refuseNew();
    await this.#resolving.settled(drainTimeoutMs);
    await this.#set.close(Math.max(0, drainTimeoutMs - (performance.now() - startedAt)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ── Inside ──────────────────────────────────────────────────────────────────

  /** For the doors: tells of a failure that no caller was waiting for. @internal */
  [REPORT](event: McpManagerEvents['error']): void {
    const { server, during, error } = event;
    this.#logger.warn(error.message, { server, during, code: error.code });
    this.#events.emit('error', event);
  }

  /** Asks each selected server; one that fails is listed, and keeps nobody waiting but its own result. */
  async #each<Value, Options extends RequestOptions & ServerFilter>(
    options: Options,
    ask: (client: McpClient, request: Omit<Options, 'server'>) => Promise<Value>,
    limit = Number.POSITIVE_INFINITY,
  ): Promise<{ done: { client: McpClient; value: Value }[]; failed: ServerFailure[] }> {
    this.#refuseWhenClosed();
    const { server, ...request } = options;
    const done: { client: McpClient; value: Value }[] = [];
    const failed: ServerFailure[] = [];
    type Outcome = { client: McpClient } & ({ value: Value } | { error: McpFleetError });
    const outcomes = await concurrentMap(this.#selected(server), limit, async (client): Promise<Outcome> => {
      try {
        return { client, value: await ask(client, request) };
      } catch (thrown) {
        options.signal?.throwIfAborted();
        return { client, error: asFleetError(thrown, client.name) };
      }
    });
    for (const outcome of outcomes) {
      if ('error' in outcome) failed.push({ server: outcome.client.name, error: outcome.error });
      else done.push(outcome);
    }
    return { done, failed };
  }

  #truncatedIn(
    kind: ListKind,
    done: readonly { client: McpClient }[],
    options: RequestOptions,
  ): Pick<ListReport, 'truncated'> {
    const identity = identityIn(options);
    const truncated = done.filter(({ client }) => {
      const snapshot = identity === undefined ? client.snapshot() : client.snapshotFor(identity);
      return snapshot.truncated?.includes(kind);
    });
    return truncated.length === 0 ? {} : { truncated: truncated.map(({ client }) => client.name) };
  }

  #selected(server: ServerFilter['server']): McpClient[] {
    if (server === undefined) return [...this.#set.clients.values()];
    const names = typeof server === 'string' ? [server] : [...new Set(server)];
    return names.map((name) => this.client(name));
  }

  #knownAddressOf(name: string, options: CallOptions): ToolAddress | undefined {
    const plain = plainAddress(name);
    const readable = plain !== undefined && this.#set.clients.has(plain.server);
    return readable && !looksHashed(name) ? plain : this.#tools.names(identityIn(options)).addressOf(name);
  }

  /**
   * A hashed name cannot be read back: the lists that are not known yet may hold it.
   * @throws {UnknownToolError}
   */
  async #addressOf(name: string, options: CallOptions): Promise<ToolAddress> {
    const { signal, timeoutMs, identity } = options;
    const servers = [...this.#set.clients.keys()].filter((server) => mayBeOf(name, server));
    const { tools } = await this.listTools({
      // For a name of no server here, all of them: to tell which names are near.
      ...(servers.length > 0 && { server: servers }),
      ...(signal && { signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(identity !== undefined && { identity }),
    });
    const listed = tools.find((tool) => tool.name === name);
    if (listed !== undefined) return listed;
    const names = this.#tools.names(identityIn(options));
    const found = names.addressOf(name);
    if (found !== undefined) return found;
    const plain = plainAddress(name);
    if (plain !== undefined && this.#set.clients.has(plain.server)) return plain;
    const error = new UnknownToolError(name, `No tool ${quoted(name)}${nearestHint(name, names.all())}`);
    // The names near it are words of the servers.
    for (const client of this.#set.clients.values()) client[TEXT_EXIT].error(error);
    throw error;
  }

  #refuseWhenClosed(): void {
    this.#set.refuseWhenClosed();
  }
}

function checkServers(servers: Record<string, ServerConfig>): void {
  for (const [name, config] of Object.entries(servers)) checkServer(name, config);
}

function checkServer(name: string, config: ServerConfig): void {
  checkServerName(name, `servers.${String(name).slice(0, 80)}`);
  checkServerConfig(config, `servers.${name}`);
}

/** On whose behalf, as an object. */
function identityIn({ identity }: RequestOptions): Identity | undefined {
  return identity === undefined ? undefined : checkedIdentity(identity, 'options.identity');
}

function withServer<Entry>(
  done: { client: McpClient; value: readonly Entry[] }[],
): (Entry & { server: string })[] {
  return done.flatMap(({ client, value }) => value.map((entry) => ({ ...entry, server: client.name })));
}

/** Outcomes hold errors of ours: an abort's reason and an interceptor's error become the cause of one. */
function asOutcome(thrown: unknown, signal: AbortSignal | undefined): McpFleetError {
  if (thrown instanceof McpFleetError) return thrown;
  const what = signal?.aborted ? 'The call was aborted' : 'An interceptor threw';
  return new McpFleetError('ABORTED', what, { cause: thrown });
}
