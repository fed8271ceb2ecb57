import { askForKey } from '../auth/provider-call.js';
import type { TokenProvider } from '../auth/token-provider.js';
import { abortable } from '../core/abort.js';
import { McpFleetError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import { loaded } from '../core/loaded.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { Identities } from './identities.js';
import { Partition, type PartitionOptions } from './partition.js';

/** A token provider that names for whom a request is. */
interface Keyed {
  readonly provider: TokenProvider;
  readonly url: URL;
}

/** The partitions of one server: finds the one in which a call works. Identities and their code come with the first of them. */
export class Partitions {
  /** Of nobody in particular, and of all identities where nothing differs between them. */
  readonly common: Partition;
  readonly #options: Omit<PartitionOptions, 'owner'>;
  readonly #keyed: Keyed | undefined;
  /** Ends the questions whose key a call needs. */
  #closing: AbortController | undefined;
  #identities: Identities | undefined;
  #closed = false;

  constructor(options: Omit<PartitionOptions, 'owner'>) {
    this.#options = options;
    this.#keyed = keyedIn(options);
    this.common = new Partition(options);
  }

  /** The common one, then those of identities, the one used last at the end. */
  *[Symbol.iterator](): Iterator<Partition> {
    yield this.common;
    yield* this.#identities?.partitions() ?? [];
  }

  /** Identities that have partitions of their own. */
  get identities(): number {
    return this.#identities?.size ?? 0;
  }

  /** The partition of an identity, or of nobody in particular, as far as that is known without asking anybody. */
  known(identity: Identity | undefined): Partition | undefined {
    if (identity === undefined) return this.#keyed === undefined ? this.common : undefined;
    if (this.#identities !== undefined) return this.#identities.known(identity);
    return this.#options.scope === 'shared' ? this.common : undefined;
  }

  /**
   * Works in the partition of a caller: of the identity that is given, or of whom the token provider's `key` names.
   * @throws {AuthError} `TOKEN_FAILED` where it cannot be found out whose call it is
   * @throws {McpFleetError} `CLOSED`
   */
  within<Result>(
    identity: Identity | undefined,
    signal: StopSignal,
    work: (partition: Partition) => Promise<Result>,
  ): Promise<Result> {
    if (identity !== undefined) return this.#withinGiven(identity, signal, work);
    return this.#keyed === undefined ? work(this.common) : this.#withinKeyed(this.#keyed, signal, work);
  }

  /** Goes on with the subscriptions and log levels that were asked for in those of another client. */
  async inherit(previous: Partitions): Promise<void> {
    this.common.inherit(previous.common.standing);
    if (previous.#identities !== undefined) (await this.#load()).inherit(previous.#identities);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#closing?.abort(this.#refusal());
    await Promise.all([this.#identities?.close(), this.common.close()]);
  }

  async #withinGiven<Result>(
    identity: Identity,
    signal: StopSignal,
    work: (partition: Partition) => Promise<Result>,
  ): Promise<Result> {
    return (await this.#load()).run(identity, signal, work);
  }

  async #withinKeyed<Result>(
    { provider, url }: Keyed,
    signal: StopSignal,
    work: (partition: Partition) => Promise<Result>,
  ): Promise<Result> {
    this.#closing ??= new AbortController();
    const { server } = this.#options.path;
    // In the async context of the caller.
    const asked = askForKey(provider, { server, url: new URL(url) }, this.#closing.signal);
    const key = await abortable(asked, signal);
    return key === undefined ? work(this.common) : (await this.#load()).runKeyed(key, work);
  }

  async #load(): Promise<Identities> {
    if (this.#closed) throw this.#refusal();
    if (this.#identities !== undefined) return this.#identities;
    const { Identities } = await loaded(import('./identities.js'));
    if (this.#closed) throw this.#refusal();
    this.#identities ??= new Identities(this.#options, this.common);
    return this.#identities;
  }

  #refusal(): McpFleetError {
    const { server } = this.#options.path;
    return new McpFleetError('CLOSED', 'The client is closed', { server, delivery: 'not-sent' });
  }
}

/** A provider with a `key`, unless all share one connection. */
function keyedIn({ path, scope }: Omit<PartitionOptions, 'owner'>): Keyed | undefined {
  const { config, target } = path;
  if (scope === 'shared' || !('auth' in config) || !('url' in target)) return undefined;
  const { auth: provider } = config;
  return provider?.key === undefined ? undefined : { provider, url: target.url };
}
