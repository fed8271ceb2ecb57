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
import { McpClient } from '../client/mcp-client.js';
import { check, checkServerConfig, checkServerName, DRAIN_TIMEOUT_MS } from '../client/options.js';
import type { ServerConfig, ServerDefaults } from '../client/server-config.js';
import { count, durationMs, serverDefaultsSchema } from '../client/server-schema.js';
import { canonicalJson } from '../core/canonical-json.js';
import { concurrentMap } from '../core/concurrent-map.js';
import type { ListenOptions, Unsubscribe } from '../core/emitter.js';
import {
  asFleetError,
  ConfigError,
  McpFleetError,
  UnknownServerError,
  UnknownToolError,
} from '../core/errors.js';
import { isolatedLogger } from '../core/logger.js';
import { nearestHint } from '../core/nearest.js';
import {
  type CallOutcome,
  type ConnectReport,
  type FleetPrompt,
  type FleetResource,
  type FleetResourceTemplate,
  type FleetTool,
  type FleetToolCall,
  fleetStatus,
  type ManagerSnapshot,
  type McpManagerEvents,
  type ServerFailure,
  type ServerFilter,
  type ServersDiff,
} from './fleet.js';
import { FleetEvents } from './fleet-events.js';
import { FleetTools } from './fleet-tools.js';
import { Replacement } from './replacement.js';
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
export class McpManager implements AsyncDisposable {
  readonly #clients = new Map<string, McpClient>();
  readonly #tools = new FleetTools(this.#clients);
  /** What each server was made from, to tell whether a new configuration differs. */
  readonly #fingerprints = new Map<string, string>();
  readonly #defaults: ServerDefaults;
  readonly #connectConcurrency: number;
  readonly #drainTimeoutMs: number;
  readonly #events = new FleetEvents();
  readonly #leaving = new Set<Promise<void>>();
  /** By name: clients that are to take the place of those in `#clients`. */
  readonly #replacements = new Map<string, Replacement>();
  /** The last call of `setServers`, as long as it is not done. */
  #lastChange: Promise<void> | undefined;
  #connectOnAdd = false;
  #closed: Promise<void> | undefined;

  /** Touches no network. @throws {ConfigError} for a bad option or server entry, naming its path. */
  constructor(options: McpManagerOptions = {}) {
    check(optionsSchema, options, '');
    const { servers = {}, connectConcurrency, drainTimeoutMs, ...defaults } = options;
    this.#defaults = defaults;
    this.#connectConcurrency = connectConcurrency ?? MANAGER_DEFAULTS.connectConcurrency;
    this.#drainTimeoutMs = drainTimeoutMs ?? MANAGER_DEFAULTS.drainTimeoutMs;
    checkServers(servers);
    for (const [name, config] of Object.entries(servers)) this.#add(name, config);
  }

  // ── Servers ─────────────────────────────────────────────────────────────────

  /** The clients by server name, in the order they were added. */
  get clients(): ReadonlyMap<string, McpClient> {
    return this.#clients;
  }

  /** @throws {UnknownServerError} listing the nearest names */
  client(server: string): McpClient {
    const client = this.#clients.get(server);
    if (client !== undefined) return client;
    throw new UnknownServerError(
      `No server ${JSON.stringify(server)}${nearestHint(String(server), this.#clients.keys())}`,
      {
        server,
      },
    );
  }

  /**
   * Connects servers in parallel. Optional: a server also connects on first use. Servers added later connect
   * at once. A server that fails is reported, never thrown, and goes on trying in the background.
   */
  async connect(options: RequestOptions & ServerFilter = {}): Promise<ConnectReport> {
    this.#refuseWhenClosed();
    this.#connectOnAdd = true;
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
    if (this.#clients.has(name))
      throw new ConfigError(`servers.${name}`, 'is in use; remove that server first');
    const client = this.#add(name, config);
    this.#events.emit('servers', { added: [name], updated: [], removed: [] });
    return client;
  }

  /** Drains and closes a server; `false` if there is none of that name. */
  async removeServer(name: string): Promise<boolean> {
    const client = this.#clients.get(name);
    if (client === undefined) return false;
    this.#clients.delete(name);
    this.#fingerprints.delete(name);
    this.#events.emit('servers', { added: [], updated: [], removed: [name] });
    await Promise.all([this.#leave(client), this.#giveUp(name)]);
    return true;
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
    const wanted = { ...servers };
    const change = this.#lastChange?.then(() => this.#change(wanted)) ?? this.#change(wanted);
    const done = () => {
      if (this.#lastChange === ended) this.#lastChange = undefined;
    };
    const ended = change.then(done, done);
    this.#lastChange = ended;
    const { diff, leaving } = await change;
    await Promise.all(leaving);
    return diff;
  }

  // ── Tools ───────────────────────────────────────────────────────────────────

  /** Every tool of every reachable server, under a qualified, provider-safe name, in a stable order. */
  async listTools(
    options: ListOptions & ServerFilter = {},
  ): Promise<{ tools: FleetTool[]; failed: ServerFailure[] }> {
    const { done, failed } = await this.#each(options, (client, request) => client.listTools(request));
    return { tools: this.#tools.of(done), failed };
  }

  /**
   * By qualified name, or by the server's own name when `server` is given. A tool's failure is `isError: true`,
   * not an exception.
   * @throws {UnknownServerError | UnknownToolError} listing the nearest names, and what {@link McpClient.callTool} throws.
   */
  async callTool(call: FleetToolCall, options: CallOptions = {}): Promise<CallToolResult> {
    this.#refuseWhenClosed();
    const { name, server } = call;
    const address = server === undefined ? await this.#addressOf(name, options) : { server, toolName: name };
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
  ): Promise<{ resources: FleetResource[]; failed: ServerFailure[] }> {
    const { done, failed } = await this.#each(options, (client, request) => client.listResources(request));
    return { resources: withServer(done), failed };
  }

  async listResourceTemplates(
    options: ListOptions & ServerFilter = {},
  ): Promise<{ resourceTemplates: FleetResourceTemplate[]; failed: ServerFailure[] }> {
    const { done, failed } = await this.#each(options, (client, request) =>
      client.listResourceTemplates(request),
    );
    return { resourceTemplates: withServer(done), failed };
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
  ): Promise<{ prompts: FleetPrompt[]; failed: ServerFailure[] }> {
    const { done, failed } = await this.#each(options, (client, request) => client.listPrompts(request));
    return { prompts: withServer(done), failed };
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
    const servers = [...this.#clients.values()].map((client) => client.snapshot());
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(drainTimeoutMs: number): Promise<void> {
    await Promise.all([
      ...[...this.#replacements.keys()].map((name) => this.#giveUp(name)),
      ...[...this.#clients.values()].map((client) => client.close({ drainTimeoutMs })),
      ...this.#leaving,
    ]);
  }

  // ── Inside ──────────────────────────────────────────────────────────────────

  #add(name: string, config: ServerConfig): McpClient {
    const client = new McpClient(name, config, this.#defaults);
    this.#enter(client, canonicalJson(config));
    return client;
  }

  /** Puts a client into the set, perhaps into the place of another. */
  #enter(client: McpClient, fingerprint: string): void {
    this.#events.follow(client);
    this.#clients.set(client.name, client);
    this.#fingerprints.set(client.name, fingerprint);
    // Its outcome shows in the status.
    if (this.#connectOnAdd) client.connect().catch(() => {});
  }

  async #change(
    servers: Record<string, ServerConfig>,
  ): Promise<{ diff: ServersDiff; leaving: Promise<void>[] }> {
    this.#refuseWhenClosed();
    const before = new Map(this.#clients);
    const started = this.#startReplacements(servers);
    if (started.length > 0) await Promise.all(started.map((replacement) => replacement.prepare()));
    this.#refuseWhenClosed();

    // Meanwhile, others may have added and removed servers.
    const isSame = (name: string) => this.#clients.get(name) === before.get(name);
    const removed = [...before.keys()].filter((name) => isSame(name) && !Object.hasOwn(servers, name));
    const added = Object.keys(servers).filter((name) => isSame(name) && !before.has(name));
    const leaving = removed.map((name) => this.client(name));
    for (const name of removed) {
      this.#clients.delete(name);
      this.#fingerprints.delete(name);
    }
    for (const name of added) this.#add(name, servers[name] as ServerConfig);
    const updated: string[] = [];
    for (const replacement of started) {
      const { name } = replacement.next;
      const { obstacle } = replacement;
      if (this.#replacements.get(name) !== replacement) continue;
      if (obstacle === undefined) {
        updated.push(name);
        leaving.push(this.#takeOver(replacement));
      } else {
        this[REPORT]({ server: name, during: 'config', error: obstacle });
        replacement.await(() => this.#takeOverLater(replacement));
      }
    }
    const diff = { added, updated, removed };
    if (added.length + updated.length + removed.length > 0) this.#events.emit('servers', diff);
    return { diff, leaving: leaving.map((client) => this.#leave(client)) };
  }

  /** A new client for each server whose configuration changed; gives up those whose configuration changed again. */
  #startReplacements(servers: Record<string, ServerConfig>): Replacement[] {
    const started: Replacement[] = [];
    for (const [name, old] of this.#clients) {
      const config = Object.hasOwn(servers, name) ? servers[name] : undefined;
      const fingerprint = config && canonicalJson(config);
      const underWay = this.#replacements.get(name);
      if (underWay !== undefined && underWay.fingerprint === fingerprint) continue;
      void this.#giveUp(name);
      if (config === undefined || fingerprint === undefined) continue;
      if (fingerprint === this.#fingerprints.get(name)) continue;
      const replacement = new Replacement(old, new McpClient(name, config, this.#defaults), fingerprint);
      this.#replacements.set(name, replacement);
      started.push(replacement);
    }
    return started;
  }

  /** Moves new calls over. @returns the client that is to leave. */
  #takeOver(replacement: Replacement): McpClient {
    const { next, fingerprint } = replacement;
    const old = this.client(next.name);
    replacement.end();
    this.#replacements.delete(next.name);
    // From here on its name speaks of another; only its running calls are still to be told of.
    this.#events.follow(old, ['call']);
    this.#enter(next, fingerprint);
    return old;
  }

  #takeOverLater(replacement: Replacement): void {
    const { name } = replacement.next;
    if (this.#replacements.get(name) !== replacement) return;
    void this.#leave(this.#takeOver(replacement));
    this.#events.emit('servers', { added: [], updated: [name], removed: [] });
  }

  /** Closes the client that was to replace the one of that name. */
  async #giveUp(name: string): Promise<void> {
    const replacement = this.#replacements.get(name);
    if (replacement === undefined) return;
    replacement.end();
    this.#replacements.delete(name);
    await this.#leave(replacement.next);
  }

  /** For the doors: tells of a failure that no caller was waiting for. @internal */
  [REPORT](event: McpManagerEvents['error']): void {
    const { server, during, error } = event;
    isolatedLogger(this.#defaults.logger).warn(error.message, { server, during, code: error.code });
    this.#events.emit('error', event);
  }

  /** Drains and closes a client that is no longer in the set; `close` waits for it too. */
  async #leave(client: McpClient): Promise<void> {
    const left = client.close({ drainTimeoutMs: this.#drainTimeoutMs });
    this.#leaving.add(left);
    await left;
    this.#events.unfollow(client);
    this.#leaving.delete(left);
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

  #selected(server: ServerFilter['server']): McpClient[] {
    if (server === undefined) return [...this.#clients.values()];
    const names = typeof server === 'string' ? [server] : [...new Set(server)];
    return names.map((name) => this.client(name));
  }

  /** @throws {UnknownToolError} */
  async #addressOf(name: string, options: CallOptions): Promise<ToolAddress> {
    const plain = plainAddress(name);
    const readable = plain !== undefined && this.#clients.has(plain.server);
    if (readable && !looksHashed(name)) return plain;
    const known = this.#tools.names.addressOf(name);
    if (known !== undefined) return known;
    // A hashed name cannot be read back: the lists that are not known yet may hold it.
    const { signal, timeoutMs } = options;
    const servers = [...this.#clients.keys()].filter((server) => mayBeOf(name, server));
    await this.listTools({
      // For a name of no server here, all of them: to tell which names are near.
      ...(servers.length > 0 && { server: servers }),
      ...(signal && { signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
    const { names } = this.#tools;
    const found = names.addressOf(name);
    if (found !== undefined) return found;
    if (readable) return plain;
    throw new UnknownToolError(name, `No tool ${JSON.stringify(name)}${nearestHint(name, names.all())}`);
  }

  #refuseWhenClosed(): void {
    if (this.#closed !== undefined)
      throw new McpFleetError('CLOSED', 'The manager is closed', { delivery: 'not-sent' });
  }
}

function checkServers(servers: Record<string, ServerConfig>): void {
  for (const [name, config] of Object.entries(servers)) checkServer(name, config);
}

function checkServer(name: string, config: ServerConfig): void {
  checkServerName(name, `servers.${String(name).slice(0, 80)}`);
  checkServerConfig(config, `servers.${name}`);
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
