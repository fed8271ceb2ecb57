import type { McpClient } from '../client/mcp-client.js';
import type { ServerStatus } from '../client/status.js';
import type { Unsubscribe } from '../core/emitter.js';
import { asFleetError, type McpFleetError } from '../core/errors.js';

/** There is a session, and calls go through it. */
const SERVING: ReadonlySet<ServerStatus> = new Set(['ready', 'unhealthy']);
/** Nobody would miss the connection: there is none, and none is being made. */
const UNUSED: ReadonlySet<ServerStatus> = new Set(['idle', 'failed', 'closed']);

/**
 * A client with a new configuration, on its way to the place of one with the old. It connects first. While it
 * cannot, the old one goes on, but only as long as that one really serves: what is asked for is the new one.
 */
export class Replacement {
  readonly next: McpClient;
  readonly fingerprint: string;
  readonly #old: McpClient;
  readonly #listening: Unsubscribe[] = [];

  constructor(old: McpClient, next: McpClient, fingerprint: string) {
    this.#old = old;
    this.next = next;
    this.fingerprint = fingerprint;
    next.inherit(old);
  }

  /** Tries to connect, once. Resolves to the reason to wait, or to `undefined` when it can take over. */
  async prepare(): Promise<McpFleetError | undefined> {
    if (UNUSED.has(this.#old.status)) return undefined;
    try {
      await this.next.connect();
      return undefined;
    } catch (thrown) {
      return SERVING.has(this.#old.status) ? asFleetError(thrown, this.next.name) : undefined;
    }
  }

  /** Calls `takeOver` once it can: the new client has connected, or the old one has nothing more to lose. */
  await(takeOver: () => void): void {
    this.#listening.push(
      this.next.on('status', ({ status }) => SERVING.has(status) && takeOver()),
      this.#old.on('status', ({ status }) => !SERVING.has(status) && takeOver()),
    );
  }

  /** Listens no more. */
  end(): void {
    for (const stop of this.#listening.splice(0)) stop();
  }
}
