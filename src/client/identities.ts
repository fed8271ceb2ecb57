import { abortable, settlesWithin } from '../core/abort.js';
import type { Identity } from '../core/identity.js';
import { SingleFlight } from '../core/single-flight.js';
import { Stop, type StopSignal } from '../core/stop-signal.js';
import { DRAIN_TIMEOUT_MS } from './options.js';
import { Partition, type PartitionOptions, type PartitionOwner } from './partition.js';
import type { Scope } from './scope.js';

/** The attempt has a bound of its own. */
const NEVER = new Stop();

/** The identities of one server, each with its own partition: the one used longest ago makes room. */
export class Identities {
  readonly #options: Omit<PartitionOptions, 'owner'>;
  readonly #common: Partition;
  /** By who names them, then by key. */
  readonly #tenants = new Map<string, Tenant>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #finding = new SingleFlight<void>();
  #scope: Scope;

  /** @param common what identities share that have nothing of their own */
  constructor(options: Omit<PartitionOptions, 'owner'>, common: Partition) {
    this.#options = options;
    this.#common = common;
    this.#scope = options.scope;
  }

  get size(): number {
    return this.#tenants.size;
  }

  /** The one used last at the end. */
  *partitions(): Iterable<Partition> {
    for (const { partition } of this.#tenants.values()) yield partition;
  }

  /** The partition of an identity, as far as there is one: the common one where nothing differs. */
  known({ key }: Identity): Partition | undefined {
    return this.#scope === 'shared' ? this.#common : this.#tenants.get(placeOf(key, true))?.partition;
  }

  /** Goes on with what was asked for in the partitions of others, and connects where something may arrive. */
  inherit(previous: Identities): void {
    for (const { key, isGiven, partition } of previous.#tenants.values()) {
      const { standing } = partition;
      if (!standing.any) continue;
      const tenant = this.#tenant(key, isGiven);
      tenant.partition.inherit(standing);
      // Its outcome shows in the status.
      if (standing.awaitsUpdates) tenant.partition.connect(NEVER).catch(() => {});
    }
  }

  /**
   * Runs a call in the partition of its identity.
   * @throws {AuthError} `TOKEN_FAILED` where it must be found out whether identities differ, and no token can be had
   */
  async run<Result>(
    identity: Identity,
    signal: StopSignal,
    work: (partition: Partition) => Promise<Result>,
  ): Promise<Result> {
    if (this.#scope === 'unknown') await this.#decide(identity, signal);
    if (this.#scope === 'shared') return work(this.#common);
    const tenant = this.#tenant(identity.key, true);
    return tenant.active(identity, () => work(tenant.partition));
  }

  /** Runs a call in the partition of whom the token provider's `key` names. */
  runKeyed<Result>(key: string, work: (partition: Partition) => Promise<Result>): Promise<Result> {
    const tenant = this.#tenant(key, false);
    return tenant.active({ key }, () => work(tenant.partition));
  }

  async close(): Promise<void> {
    const closed = [...this.#tenants.values()].map((tenant) => tenant.close(0));
    await Promise.all([...closed, ...this.#leaving]);
  }

  /** The first one to ask finds out for all; whose own question fails learns why, and nobody else. */
  async #decide(identity: Identity, signal: StopSignal): Promise<void> {
    let isOwn = false;
    const findOut = () => {
      isOwn = true;
      return this.#findOut(identity);
    };
    try {
      await this.#finding.run(findOut, signal);
    } catch (error) {
      if (isOwn || signal.aborted) throw error;
      if (this.#scope === 'unknown') await abortable(this.#findOut(identity), signal);
    }
  }

  /** What a token provider gives to the first one shows whether it tells identities apart. */
  async #findOut(identity: Identity): Promise<void> {
    const tenant = this.#tenant(identity.key, true);
    const source = tenant.partition.access.tokens?.common;
    const token = source && (await tenant.active(identity, () => source.get()));
    if (this.#scope !== 'unknown') return;
    const isForAll = source?.readsIdentity === false && token !== undefined && source.held === token;
    if (!isForAll) {
      this.#scope = 'identity';
      return;
    }
    this.#common.access.tokens?.common.adopt(token);
    this.#scope = 'shared';
    for (const [place, left] of this.#tenants) this.#leave(place, left);
  }

  #tenant(key: string, isGiven: boolean): Tenant {
    const place = placeOf(key, isGiven);
    const known = this.#tenants.get(place);
    if (known !== undefined) {
      this.#tenants.delete(place);
      this.#tenants.set(place, known);
      return known;
    }
    if (this.#tenants.size >= this.#options.path.settings.maxIdentities) this.#makeRoom();
    const tenant = new Tenant(key, isGiven, this.#options);
    this.#tenants.set(place, tenant);
    return tenant;
  }

  #makeRoom(): void {
    const [oldest] = this.#tenants;
    if (oldest === undefined) return;
    const idle = [...this.#tenants].filter(([, tenant]) => !tenant.isActive());
    // Who has subscribed to something waits for it.
    const unawaited = idle.find(([, { partition }]) => !partition.standing.awaitsUpdates);
    this.#leave(...(unawaited ?? idle[0] ?? oldest));
  }

  /** Drains and closes it. */
  #leave(place: string, tenant: Tenant): void {
    this.#tenants.delete(place);
    const left = tenant.close(DRAIN_TIMEOUT_MS);
    this.#leaving.add(left);
    void left.finally(() => this.#leaving.delete(left));
  }
}

/** Whom callers name and whom the token provider names are apart, should their keys be the same. */
function placeOf(key: string, isGiven: boolean): string {
  return `${isGiven ? 'identity' : 'key'} ${key}`;
}

/** One identity at one server: its partition, and whether it is in use. */
class Tenant implements PartitionOwner {
  readonly key: string;
  readonly isGiven: boolean;
  readonly partition: Partition;
  readonly #idleMs: number;
  #running = 0;
  /** Of the call that began last, for as long as any is under way. */
  #claims: Identity['claims'];
  #idle: NodeJS.Timeout | undefined;
  #isDrained: (() => void) | undefined;
  #isClosed = false;

  constructor(key: string, isGiven: boolean, options: Omit<PartitionOptions, 'owner'>) {
    this.key = key;
    this.isGiven = isGiven;
    this.#idleMs = options.path.settings.identityIdleMs;
    this.partition = new Partition({ ...options, owner: this });
  }

  identity(): Identity {
    return this.#claims === undefined ? { key: this.key } : { key: this.key, claims: this.#claims };
  }

  isActive(): boolean {
    return this.#running > 0;
  }

  /** For a caller who has gone, or for a probe. */
  connected(): void {
    if (this.#running === 0) this.#becomesIdle();
  }

  async active<Result>({ claims }: Identity, work: () => Promise<Result>): Promise<Result> {
    clearTimeout(this.#idle);
    this.#running++;
    this.#claims = claims ?? this.#claims;
    try {
      return await work();
    } finally {
      if (--this.#running === 0) this.#becomesIdle();
    }
  }

  async close(drainTimeoutMs: number): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    if (this.#running > 0 && drainTimeoutMs > 0) {
      const drained = new Promise<void>((resolve) => {
        this.#isDrained = resolve;
      });
      await settlesWithin(drained, drainTimeoutMs);
    }
    await this.partition.close();
  }

  #becomesIdle(): void {
    clearTimeout(this.#idle);
    this.#claims = undefined;
    this.#isDrained?.();
    if (!this.#isClosed) this.#idle = setTimeout(() => void this.partition.rest(), this.#idleMs).unref();
  }
}
