import type { McpClient } from '../client/mcp-client.js';
import type { ServerStatus } from '../client/status.js';
import type { Unsubscribe } from '../core/emitter.js';
import { asFleetError, type McpFleetError } from '../core/errors.js';

/** There is a session, and calls go through it. */
const SERVING: ReadonlySet<ServerStatus> = new Set(['ready', 'unhealthy']);

/**
 * A client with a new configuration, on its way to the place of one with the old. It connects first. While it
 * cannot, the old one goes on, but only as long as that one really serves: what is asked for is the new one.
 */
export class Replacement {
  readonly next: McpClient;
  readonly fingerprint: string;
  readonly #old: McpClient;
  readonly #listening: Unsubscribe[] = [];
  #failure: McpFleetError | undefined;

  constructor(old: McpClient, next: McpClient, fingerprint: string) {
    this.#old = old;
    this.next = next;
    this.fingerprint = fingerprint;
    next.inherit(old);
  }

  /** Tries to connect, once, if there is a connection to keep meanwhile. */
  async prepare(): Promise<void> {
    if (!SERVING.has(this.#old.commonStatus)) return;
    try {
      await this.next.connect();
    } catch (thrown) {
      this.#failure = asFleetError(thrown, this.next.name);
    }
  }

  /** Why it must wait at this moment, or `undefined` if it can take over: it is connected, or nothing is lost by it. */
  get obstacle(): McpFleetError | undefined {
    if (SERVING.has(this.next.commonStatus) || !SERVING.has(this.#old.commonStatus)) return undefined;
    return this.next.lastError ?? this.#failure;
  }

  /** Calls `takeOver` once it can: the new client has connected, or the old one has nothing more to lose. */
  await(takeOver: () => void): void {
    this.#listening.push(
      this.next.on('status', () => SERVING.has(this.next.commonStatus) && takeOver()),
      this.#old.on('status', () => !SERVING.has(this.#old.commonStatus) && takeOver()),
    );
  }

  /** Listens no more. */
  end(): void {
    for (const stop of this.#listening.splice(0)) stop();
  }
}
