import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  isJSONRPCErrorResponse,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js';
import { ConnectionError, type Delivery, type McpFleetError } from '../core/errors.js';
import type { Progress, SessionRequestOptions } from './session.js';
import { connectionLost } from './transports/connection-lost.js';
import { isRequest } from './transports/messages.js';
import type { JsonRpcTransport, TransportSink } from './transports/transport.js';

/** What is known of one request while it is under way. */
export class RequestTrace {
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  /** Whether the transport is done with it, and only the answer is still to come. */
  handedOver = false;
  /** The SDK's id for it, once it has one. */
  id: RequestId | undefined;
  /** Why there will be no answer: an error of ours, or the reason of an abort. */
  failure: unknown;
  #sent = false;

  constructor({ signal, onProgress }: Partial<SessionRequestOptions> = {}) {
    this.signal = signal;
    this.onProgress = onProgress;
  }

  sent(): void {
    this.#sent = true;
  }

  /** What can be said of a request that got no answer. */
  get delivery(): Delivery {
    return this.#sent ? 'unknown' : 'not-sent';
  }
}

/**
 * Stands between the SDK's client and a transport of ours, and keeps the SDK's books straight: each request
 * gets exactly one answer. A failure on the way is noted in the request's trace and answered with a JSON-RPC
 * error, because an error thrown from `send` would leave the SDK waiting for a response for ever.
 */
export class Channel implements Transport {
  onmessage?: Transport['onmessage'];
  onclose?: Transport['onclose'];
  onerror?: Transport['onerror'];

  readonly #transport: JsonRpcTransport;
  readonly #onError: (error: McpFleetError) => void;
  readonly #onClosed: (reason: McpFleetError) => void;
  readonly #connecting: AbortSignal;
  /** Of the one request that the SDK makes by itself: `initialize`. */
  readonly handshake = new RequestTrace();
  readonly #pending = new Map<RequestId, RequestTrace>();
  /** Belongs to the request that the SDK is about to send, synchronously. */
  #next: RequestTrace | undefined;
  #protocolVersion: string | undefined;
  #ended: McpFleetError | undefined;

  constructor(
    transport: JsonRpcTransport,
    options: {
      onError: (error: McpFleetError) => void;
      onClosed: (reason: McpFleetError) => void;
      /** Ends the connecting. */
      signal: AbortSignal;
    },
  ) {
    this.#transport = transport;
    this.#onError = options.onError;
    this.#onClosed = options.onClosed;
    this.#connecting = options.signal;
  }

  get sessionId(): string | undefined {
    return this.#transport.sessionId;
  }

  get protocolVersion(): string | undefined {
    return this.#protocolVersion;
  }

  setProtocolVersion = (version: string): void => {
    this.#protocolVersion = version;
    this.#transport.setProtocolVersion?.(version);
  };

  /** Why the session is over. */
  get ended(): McpFleetError | undefined {
    return this.#ended;
  }

  start(): Promise<void> {
    return this.#transport.start(this.#sink, this.#connecting);
  }

  /** Calls `request`, which makes the SDK send one request before it returns, on the account of `trace`. */
  async onAccountOf<T>(trace: RequestTrace, request: () => Promise<T>): Promise<T> {
    this.#next = trace;
    const answer = request();
    this.#next = undefined;
    try {
      return await answer;
    } finally {
      if (trace.id !== undefined) this.#pending.delete(trace.id);
      this.#tellSdk();
    }
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (!isRequest(message)) return this.#notify(message);
    const trace = this.#next ?? this.handshake;
    this.#next = undefined;
    trace.id = message.id;
    this.#pending.set(message.id, trace);
    try {
      await this.#transport.send(message, { signal: trace.signal, sent: () => trace.sent() });
      trace.handedOver = true;
      if (this.#ended !== undefined) this.#failHandedOver();
    } catch (error) {
      this.#fail(message.id, error);
    }
  }

  async #notify(message: JSONRPCMessage): Promise<void> {
    let sent = message;
    if ('method' in message && message.method === 'notifications/cancelled') {
      const requestId = message.params?.requestId as RequestId;
      // The SDK also cancels what has been answered, and tells the server the caller's reason, which is none of its business.
      if (!this.#pending.has(requestId)) return;
      sent = { ...message, params: { requestId } };
    }
    await this.#transport.send(sent, { sent: () => {} });
  }

  /** Ends the session; whatever still waits is told so. */
  async close(): Promise<void> {
    await this.#transport.close();
    this.#end(connectionLost('The session was closed'));
  }

  readonly #sink: TransportSink = {
    message: (message) => {
      if ('id' in message && !('method' in message)) this.#answer(message);
      else if ('method' in message && message.method === 'notifications/progress')
        this.#progress(message.params);
      else this.onmessage?.(message);
    },
    error: (error) => this.#onError(error),
    closed: (reason) => {
      if (this.#ended !== undefined) return;
      this.#end(reason);
      this.#onClosed(reason);
    },
  };

  #answer(message: object): void {
    const { id: given, result, error } = message as { id?: unknown; result?: unknown; error?: unknown };
    const id = this.#pendingId(given);
    // Second answers and answers to nothing end here.
    if (id === undefined) return;
    // Some servers add `error: null` to a result, which the SDK would not know as an answer at all.
    const answer = { jsonrpc: '2.0', id, ...(result === undefined ? { error } : { result }) };
    if (!isJSONRPCResultResponse(answer) && !isJSONRPCErrorResponse(answer)) {
      const why = 'The answer holds neither a result nor an error as JSON-RPC 2.0 says';
      this.#fail(id, new ConnectionError('PROTOCOL_ERROR', why, { delivery: 'unknown' }));
      return;
    }
    this.#pending.delete(id);
    this.onmessage?.(answer);
  }

  /** The request under way that an id means. Servers that turn a number into a string are understood. */
  #pendingId(id: unknown): RequestId | undefined {
    const meant = typeof id === 'string' && String(Number(id)) === id ? Number(id) : (id as RequestId);
    return this.#pending.has(meant) ? meant : undefined;
  }

  /** Here and not through the SDK, which hands notifications on later than answers and so loses the last progress. */
  #progress(params: unknown): void {
    const { progressToken, ...progress } = (params ?? {}) as { progressToken?: unknown } & Progress;
    const id = this.#pendingId(progressToken);
    if (id === undefined || typeof progress.progress !== 'number') return;
    this.#pending.get(id)?.onProgress?.(progress);
  }

  #fail(id: RequestId, failure: unknown): void {
    const trace = this.#pending.get(id);
    if (trace === undefined) return;
    this.#pending.delete(id);
    trace.failure = failure;
    this.onmessage?.({ jsonrpc: '2.0', id, error: { code: 0, message: 'See the trace' } });
    this.#tellSdk();
  }

  #end(reason: McpFleetError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#failHandedOver();
    this.#tellSdk();
  }

  /** For what the transport still works on, the transport knows best how it ends. */
  #failHandedOver(): void {
    for (const [id, trace] of [...this.#pending]) {
      if (trace.handedOver)
        this.#fail(id, connectionLost(this.#ended?.message ?? '', trace.delivery, this.#ended));
    }
  }

  /** The SDK fails whatever still waits when it hears of the end: it hears of it last. */
  #tellSdk(): void {
    if (this.#ended === undefined || this.#pending.size > 0) return;
    const { onclose } = this;
    delete this.onclose;
    onclose?.();
  }
}
