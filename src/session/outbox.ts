import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { Deadline } from '../core/deadline.js';
import { McpFleetError } from '../core/errors.js';
import type { JsonRpcTransport } from './transports/transport.js';

/** Over HTTP each message takes a socket until the server has answered it. */
const MAX_SENDING = 16;
const MAX_WAITING = 256;
const TIMEOUT_MS = 5_000;

/**
 * Sends what nobody waits for: answers to what the server asks, cancellations. A server decides how many there are and
 * how long each takes, so both have a bound; what is too much is dropped, and reported once.
 */
export class Outbox {
  readonly #transport: JsonRpcTransport;
  readonly #onError: (error: McpFleetError) => void;
  readonly #waiting: JSONRPCMessage[] = [];
  readonly #sending = new Set<Deadline>();
  #dropped = false;

  constructor(transport: JsonRpcTransport, onError: (error: McpFleetError) => void) {
    this.#transport = transport;
    this.#onError = onError;
  }

  post(message: JSONRPCMessage): void {
    if (this.#sending.size < MAX_SENDING) void this.#send(message);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(message);
    else if (!this.#dropped) {
      this.#dropped = true;
      const what = `More than ${MAX_WAITING} answers and notifications wait for the server to take them`;
      this.#onError(new McpFleetError('QUEUE_FULL', `${what}; others are dropped`, { delivery: 'not-sent' }));
    }
  }

  close(): void {
    this.#waiting.length = 0;
    for (const deadline of this.#sending) deadline.abort(new Error('The session was closed'));
  }

  async #send(message: JSONRPCMessage): Promise<void> {
    const deadline = new Deadline({ timeoutMs: TIMEOUT_MS });
    this.#sending.add(deadline);
    try {
      await this.#transport.send(message, { signal: deadline.signal, sent: () => {} });
    } catch {
      // It does not change what is known of the server: its own requests have its attention.
    } finally {
      deadline[Symbol.dispose]();
      this.#sending.delete(deadline);
    }
    const next = this.#waiting.shift();
    if (next !== undefined) this.post(next);
  }
}
