import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { ConnectionError, McpFleetError } from '../../core/errors.js';
import type { StopSignal } from '../../core/stop-signal.js';
import type { Incoming } from '../reading/message.js';
import type { TransportKind } from '../session.js';

/** Carries JSON-RPC messages to one server and back, for the life of one session. */
export interface JsonRpcTransport {
  readonly kind: TransportKind;
  /** The server's id for the session. Set before the connection, it makes an initialization needless. */
  readonly sessionId?: string | undefined;

  /** Connects. Everything that arrives from then on goes to `sink`. */
  start(sink: TransportSink, signal: StopSignal): Promise<void>;
  /**
   * Sends one message. For a request over HTTP the promise lasts until its answer went to the sink.
   * @throws {McpFleetError} with `delivery`; for an abort, the signal's reason.
   */
  send(message: JSONRPCMessage, context: SendContext): Promise<void>;
  /** The revision that the initialization settled on. */
  setProtocolVersion?(version: string): void;
  /** Tells `sink.closed`, and sends nothing any more. What is under way goes on. Without it, the transport is closed. */
  abandon?(reason: ConnectionError): void;
  /** Bounded, idempotent, never throws; `sink.closed` is not called for it. */
  close(): Promise<void>;
}

export interface TransportSink {
  message(message: Incoming): void;
  error(error: McpFleetError): void;
  /** The connection has ended by itself. What `send` still works on goes on and ends by itself too. */
  closed(reason: McpFleetError): void;
}

export interface SendContext {
  readonly signal?: StopSignal | undefined;
  /** Fields of the request, over HTTP. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Called when the first byte may have left. */
  sent(): void;
}
