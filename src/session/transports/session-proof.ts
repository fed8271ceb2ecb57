import type { JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { SingleFlight } from '../../core/single-flight.js';
import type { StopSignal } from '../../core/stop-signal.js';

/** Where the server took none of them yet: it may not know the one. */
const EACH = ['ping', 'tools/list'];
/** Requests that do no harm and that servers answer in little: what one of them meets says how the session is. */
const HARMLESS: ReadonlySet<string> = new Set(['ping', 'tools/list', 'prompts/list', 'resources/list']);
/** Refusals in a row, with a session that seems to live, after which it is given up all the same. */
const MAX_DOUBTS = 3;

/**
 * Whether a server still knows a session. HTTP 404 should say that it does not, and many servers say 400; but both can
 * mean anything, and a tool whose call was refused for another reason may have run. So a second sign counts: a harmless
 * request that the session has answered before, and does not answer now.
 */
export class SessionProof {
  readonly #ask: (request: JSONRPCRequest) => Promise<'answered' | 'refused' | 'nothing'>;
  readonly #flight = new SingleFlight<boolean>();
  /** The last harmless one that the server took in this session. */
  #method: string | undefined;
  #accepted = false;
  #doubts = 0;

  /** @param ask sends a request in the session and says what came of it */
  constructor(ask: (request: JSONRPCRequest) => Promise<'answered' | 'refused' | 'nothing'>) {
    this.#ask = ask;
  }

  /** The server took a message of the session. */
  accepted(message: { method?: string }): void {
    this.#accepted = true;
    this.#doubts = 0;
    if (message.method !== undefined && HARMLESS.has(message.method)) this.#method = message.method;
  }

  /** Whether the server ever took a message of the session: one that it never knew, it has not forgotten. */
  get wasAccepted(): boolean {
    return this.#accepted;
  }

  /** Whether the session has gone, asked once for all whose requests were refused meanwhile. */
  async isGone(signal: StopSignal | undefined): Promise<boolean> {
    return this.#flight.run(async () => {
      for (const method of this.#method === undefined ? EACH : [this.#method]) {
        const outcome = await this.#ask({ jsonrpc: '2.0', id: 'is-the-session-known', method });
        if (outcome === 'answered') this.#doubts++;
        if (outcome !== 'refused') return false;
      }
      return true;
    }, signal);
  }

  /** Whether so much is refused that another session is worth a try. */
  get isDoubtful(): boolean {
    return this.#doubts >= MAX_DOUBTS;
  }
}
