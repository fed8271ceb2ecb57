import { McpClient } from '../client/mcp-client.js';
import type { ServerConfig, ServerDefaults } from '../client/server-config.js';
import { canonicalJson } from '../core/canonical-json.js';
import { McpFleetError, UnknownServerError } from '../core/errors.js';
import { nearestHint, quoted, shortened } from '../core/nearest.js';
import type { ServersDiff } from './fleet.js';
import type { FleetEvents } from './fleet-events.js';
import { Replacement } from './replacement.js';

export interface ServerSetOptions {
  defaults: ServerDefaults;
  drainTimeoutMs: number;
  events: FleetEvents;
  /** A server goes on with its old configuration, because it cannot connect with the new one. */
  onObstacle(server: string, error: McpFleetError): void;
}

/** The servers of a manager: who is in, who is about to come, and who is leaving. */
export class ServerSet {
  readonly clients = new Map<string, McpClient>();
  /** Whether a server connects as soon as it is in. */
  connectOnAdd = false;
  readonly #options: ServerSetOptions;
  /** What each server was made from, to tell whether a new configuration differs. */
  readonly #fingerprints = new Map<string, string>();
  /** By name: clients that are to take the place of those in `clients`. */
  readonly #replacements = new Map<string, Replacement>();
  readonly #leaving = new Set<Promise<void>>();
  /** The last call of `set`, as long as it is not done. */
  #lastChange: Promise<void> | undefined;
  #closed = false;

  constructor(options: ServerSetOptions) {
    this.#options = options;
  }

  /** @throws {UnknownServerError} listing the nearest names */
  get(name: string): McpClient {
    const client = this.clients.get(name);
    if (client !== undefined) return client;
    const hint = nearestHint(String(name), this.clients.keys());
    throw new UnknownServerError(`No server ${quoted(name)}${hint}`, { server: shortened(String(name)) });
  }

  /** Nothing is checked here. It connects at once if `connectOnAdd` says so. */
  add(name: string, config: ServerConfig): McpClient {
    const client = new McpClient(name, config, this.#options.defaults);
    this.#enter(client, canonicalJson(config));
    return client;
  }

  /** Drains and closes it; `false` if there is none of that name. */
  async remove(name: string): Promise<boolean> {
    const client = this.clients.get(name);
    if (client === undefined) return false;
    this.clients.delete(name);
    this.#fingerprints.delete(name);
    this.#options.events.emit('servers', { added: [], updated: [], removed: [name] });
    await Promise.all([this.#leave(client), this.#giveUp(name)]);
    return true;
  }

  /** One call after the other; the last one wins. */
  async set(servers: Record<string, ServerConfig>): Promise<ServersDiff> {
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

  refuseNew(): void {
    this.#closed = true;
  }

  async close(drainTimeoutMs: number): Promise<void> {
    this.refuseNew();
    await Promise.all([
      ...[...this.#replacements.keys()].map((name) => this.#giveUp(name)),
      ...[...this.clients.values()].map((client) => client.close({ drainTimeoutMs })),
      ...this.#leaving,
    ]);
  }

  refuseWhenClosed(): void {
    if (this.#closed) throw new McpFleetError('CLOSED', 'The manager is closed', { delivery: 'not-sent' });
  }

  /** Puts a client into the set, perhaps into the place of another. */
  #enter(client: McpClient, fingerprint: string): void {
    this.#options.events.follow(client);
    this.clients.set(client.name, client);
    this.#fingerprints.set(client.name, fingerprint);
    // Its outcome shows in the status.
    if (this.connectOnAdd) client.connect().catch(() => {});
  }

  async #change(
    servers: Record<string, ServerConfig>,
  ): Promise<{ diff: ServersDiff; leaving: Promise<void>[] }> {
    this.refuseWhenClosed();
    const before = new Map(this.clients);
    const started = this.#startReplacements(servers);
    if (started.length > 0) await Promise.all(started.map((replacement) => replacement.prepare()));
    this.refuseWhenClosed();

    // Meanwhile, others may have added and removed servers.
    const isSame = (name: string) => this.clients.get(name) === before.get(name);
    const removed = [...before.keys()].filter((name) => isSame(name) && !Object.hasOwn(servers, name));
    const added = Object.keys(servers).filter((name) => isSame(name) && !before.has(name));
    const leaving = removed.map((name) => this.get(name));
    for (const name of removed) {
      this.clients.delete(name);
      this.#fingerprints.delete(name);
    }
    for (const name of added) this.add(name, servers[name] as ServerConfig);
    const updated: string[] = [];
    for (const replacement of started) {
      const { name } = replacement.next;
      const { obstacle } = replacement;
      if (this.#replacements.get(name) !== replacement) continue;
      if (obstacle === undefined) {
        updated.push(name);
        leaving.push(this.#takeOver(replacement));
      } else {
        this.#options.onObstacle(name, obstacle);
        replacement.await(() => this.#takeOverLater(replacement));
      }
    }
    const diff = { added, updated, removed };
    if (added.length + updated.length + removed.length > 0) this.#options.events.emit('servers', diff);
    return { diff, leaving: leaving.map((client) => this.#leave(client)) };
  }

  /** A new client for each server whose configuration changed; gives up those whose configuration changed again. */
  #startReplacements(servers: Record<string, ServerConfig>): Replacement[] {
    const started: Replacement[] = [];
    for (const [name, old] of this.clients) {
      const config = Object.hasOwn(servers, name) ? servers[name] : undefined;
      const fingerprint = config && canonicalJson(config);
      const underWay = this.#replacements.get(name);
      if (underWay !== undefined && underWay.fingerprint === fingerprint) continue;
      void this.#giveUp(name);
      if (config === undefined || fingerprint === undefined) continue;
      if (fingerprint === this.#fingerprints.get(name)) continue;
      const replacement = new Replacement(
        old,
        new McpClient(name, config, this.#options.defaults),
        fingerprint,
      );
      this.#replacements.set(name, replacement);
      started.push(replacement);
    }
    return started;
  }

  /** Moves new calls over. @returns the client that is to leave. */
  #takeOver(replacement: Replacement): McpClient {
    const { next, fingerprint } = replacement;
    const old = this.get(next.name);
    replacement.end();
    this.#replacements.delete(next.name);
    // From here on its name speaks of another; only its running calls are still to be told of.
    this.#options.events.follow(old, ['call']);
    this.#enter(next, fingerprint);
    return old;
  }

  #takeOverLater(replacement: Replacement): void {
    const { name } = replacement.next;
    if (this.#replacements.get(name) !== replacement) return;
    void this.#leave(this.#takeOver(replacement));
    this.#options.events.emit('servers', { added: [], updated: [name], removed: [] });
  }

  /** Closes the client that was to replace the one of that name. */
  async #giveUp(name: string): Promise<void> {
    const replacement = this.#replacements.get(name);
    if (replacement === undefined) return;
    replacement.end();
    this.#replacements.delete(name);
    await this.#leave(replacement.next);
  }

  /** Drains and closes a client that is no longer in the set; `close` waits for it too. */
  async #leave(client: McpClient): Promise<void> {
    const left = client.close({ drainTimeoutMs: this.#options.drainTimeoutMs });
    this.#leaving.add(left);
    await left;
    this.#options.events.unfollow(client);
    this.#leaving.delete(left);
  }
}
