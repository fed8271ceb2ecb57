import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { abortable, settlesWithin } from '../../core/abort.js';
import { ConnectionError, type Delivery, describeThrown, McpFleetError } from '../../core/errors.js';
import type { Identity } from '../../core/identity.js';
import { abortSignalOf, type StopSignal } from '../../core/stop-signal.js';
import { readValue } from '../reading/message.js';
import { connectionLost } from './connection-lost.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

/** How long a foreign transport may take to close. */
const CLOSE_TIMEOUT_MS = 5_000;

export type TransportFactory = (context: {
  signal: AbortSignal;
  /** On whose behalf, where the connection is one identity's. */
  identity?: Identity;
}) => Transport | Promise<Transport>;

/** A transport that the user brings, made new for each connection. */
export class CustomTransport implements JsonRpcTransport {
  readonly kind = 'custom';
  readonly #create: TransportFactory;
  readonly #maxBytes: number;
  readonly #identity: (() => Identity) | undefined;
  #transport: Transport | undefined;
  #closed = false;

  constructor(create: TransportFactory, maxBytes: number, identity?: () => Identity) {
    this.#create = create;
    this.#identity = identity;
    this.#maxBytes = maxBytes;
  }

  get sessionId(): string | undefined {
    return this.#transport?.sessionId;
  }

  async start(sink: TransportSink, signal: StopSignal): Promise<void> {
    const identity = this.#identity?.();
    const context = { signal: abortSignalOf(signal), ...(identity !== undefined && { identity }) };
    try {
      const transport = await abortable(Promise.resolve(this.#create(context)), signal);
      this.#transport = transport;
      transport.onmessage = (message) => sink.message(readValue(message, { maxBytes: this.#maxBytes }));
      transport.onerror = (error) => sink.error(failed('reported an error', error));
      transport.onclose = () => {
        if (this.#closed) return;
        this.#closed = true;
        sink.closed(failed('closed the connection'));
      };
      await abortable(transport.start(), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof McpFleetError
        ? error
        : new ConnectionError(
            'CONNECT_FAILED',
            `The custom transport failed to start (${describeThrown(error)})`,
            {
              delivery: 'not-sent',
              retryable: true,
              cause: error,
            },
          );
    }
  }

  setProtocolVersion(version: string): void {
    this.#transport?.setProtocolVersion?.(version);
  }

  async send(message: JSONRPCMessage, { signal, sent }: SendContext): Promise<void> {
    if (this.#transport === undefined || this.#closed) throw failed('is closed', undefined, 'not-sent');
    sent();
    try {
      await abortable(this.#transport.send(message), signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof McpFleetError ? error : failed('failed to send', error);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const transport = this.#transport;
    if (transport !== undefined) await settlesWithin((async () => transport.close())(), CLOSE_TIMEOUT_MS);
  }
}

function failed(how: string, cause?: unknown, delivery: Delivery = 'unknown'): ConnectionError {
  const thrown = cause === undefined ? '' : ` (${describeThrown(cause)})`;
  return connectionLost(`The custom transport ${how}${thrown}`, delivery, cause);
}
