import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { ConnectionError, type Delivery, McpFleetError, TimeoutError } from '../core/errors.js';
import { type Answer, answerOf, PendingRequest } from './pending-request.js';
import type { Progress, SessionRequestOptions } from './session.js';
import { connectionLost } from './transports/connection-lost.js';
import { isRequest } from './transports/messages.js';
import type { JsonRpcTransport, TransportSink } from './transports/transport.js';

export interface ChannelOptions {
  onError: (error: McpFleetError) => void;
  /** The connection has ended by itself; it is told once. */
  onClosed: (reason: McpFleetError) => void;
  /** Ends the connecting. */
  signal: AbortSignal;
}

/**
 * Matches the requests of one session with their answers: each gets exactly one, or one failure. What the server
 * asks and tells by itself goes to the SDK's client, which takes the channel for its transport and makes the
 * handshake over it.
 */
export class Channel implements Transport {
  onmessage?: Transport['onmessage'];
  onclose?: Transport['onclose'];
  onerror?: Transport['onerror'];

  readonly #transport: JsonRpcTransport;
  readonly #options: ChannelOptions;
  readonly #pending = new Map<RequestId, PendingRequest>();
  /** The SDK's client makes one request, `initialize`, with id 0. */
  #lastId = 0;
  #protocolVersion: string | undefined;
  #handshakeFailure: unknown;
  #ended: McpFleetError | undefined;

  constructor(transport: JsonRpcTransport, options: ChannelOptions) {
    this.#transport = transport;
    this.#options = options;
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

  /** What went wrong with the handshake, where the SDK knows no more than that it failed. */
  get handshakeFailure(): unknown {
    return this.#handshakeFailure;
  }

  /** Why the session is over. */
  get ended(): McpFleetError | undefined {
    return this.#ended;
  }

  start(): Promise<void> {
    return this.#transport.start(this.#sink, this.#options.signal);
  }

  /**
   * Sends a request and waits for its answer.
   * @throws {McpFleetError} with `delivery`; the reason of the caller's abort as it is. The server is told of it.
   */
  request(
    method: string,
    params: Readonly<Record<string, unknown>> | undefined,
    { signal, onProgress, observation }: SessionRequestOptions,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#ended !== undefined) throw connectionLost('The session has ended', 'not-sent');
      const id = ++this.#lastId;
      const done = () => signal.removeEventListener('abort', aborted);
      const pending = new PendingRequest({
        signal,
        onProgress,
        answered(answer) {
          done();
          resolve(answer);
        },
        failed(error) {
          done();
          reject(error);
        },
      });
      const aborted = () => {
        if (pending.delivery !== 'not-sent') this.#cancel(id);
        this.#fail(id, abortReason(signal.reason, pending.delivery));
      };
      signal.addEventListener('abort', aborted, { once: true });
      const sent = onProgress === undefined ? params : withProgressToken(params, id);
      observation?.sent({ method, id, sessionId: this.sessionId });
      const request: JSONRPCRequest = { jsonrpc: '2.0', id, method };
      if (sent !== undefined) request.params = sent;
      void this.#send(request, pending);
    });
  }

  /** What the SDK's client sends: its handshake, notifications, and answers to what the server asked. */
  async send(message: JSONRPCMessage): Promise<void> {
    if (!isRequest(message)) return this.#transport.send(message, { sent: () => {} });
    const { id } = message;
    // An error thrown from here would leave the SDK waiting for an answer for ever.
    const pending = new PendingRequest({
      answered: (answer) => this.onmessage?.({ jsonrpc: '2.0', id, ...answer } as JSONRPCMessage),
      failed: (error) => {
        this.#handshakeFailure = error;
        this.onmessage?.({ jsonrpc: '2.0', id, error: { code: 0, message: 'See handshakeFailure' } });
      },
    });
    await this.#send(message, pending);
  }

  /** Ends the session; whatever still waits is told so at once. */
  async close(): Promise<void> {
    const closed = this.#transport.close();
    const reason = connectionLost('The session was closed');
    this.#ended ??= reason;
    this.#failAll(reason, () => true);
    this.#tellSdk();
    await closed;
  }

  async #send(message: JSONRPCRequest, pending: PendingRequest): Promise<void> {
    const { id } = message;
    this.#pending.set(id, pending);
    try {
      await this.#transport.send(message, { signal: pending.signal, sent: () => pending.sent() });
      pending.handedOver = true;
      if (this.#ended !== undefined) this.#failAll(this.#ended, isHandedOver);
    } catch (error) {
      this.#fail(id, error);
    }
  }

  /** Without the caller's reason, which is none of the server's business. */
  #cancel(requestId: RequestId): void {
    const cancelled: JSONRPCMessage = {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId },
    };
    this.#transport.send(cancelled, { sent: () => {} }).catch(() => {});
  }

  readonly #sink: TransportSink = {
    message: (message) => {
      if ('id' in message && !('method' in message)) this.#answer(message);
      else if ('method' in message && message.method === 'notifications/progress')
        this.#progress(message.params);
      else this.onmessage?.(message);
    },
    error: (error) => this.#options.onError(error),
    closed: (reason) => {
      if (this.#ended !== undefined) return;
      this.#end(reason);
      this.#options.onClosed(reason);
    },
  };

  #answer(message: object): void {
    const id = this.#pendingId((message as { id?: unknown }).id);
    // Second answers and answers to nothing end here.
    if (id === undefined) return;
    const answer = answerOf(message);
    if (answer === undefined) {
      const why = 'The answer holds neither a result nor an error as JSON-RPC 2.0 says';
      this.#fail(id, new ConnectionError('PROTOCOL_ERROR', why, { delivery: 'unknown' }));
    } else {
      this.#settle(id, (pending) => pending.answered(answer));
    }
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

  #fail(id: RequestId, error: unknown): void {
    this.#settle(id, (pending) => pending.failed(error));
  }

  #settle(id: RequestId, settle: (pending: PendingRequest) => void): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    settle(pending);
    if (this.#ended !== undefined) this.#tellSdk();
  }

  #end(reason: McpFleetError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    // For what the transport still works on, the transport knows best how it ends.
    this.#failAll(reason, isHandedOver);
    this.#tellSdk();
  }

  #failAll(reason: McpFleetError, which: (pending: PendingRequest) => boolean): void {
    for (const [id, pending] of [...this.#pending]) {
      if (which(pending)) this.#fail(id, connectionLost(reason.message, pending.delivery, reason));
    }
  }

  /** The SDK fails its handshake when it hears of the end, without a word on why: it hears of it last. */
  #tellSdk(): void {
    if (this.#pending.size > 0) return;
    const { onclose } = this;
    delete this.onclose;
    onclose?.();
  }
}

function isHandedOver({ handedOver }: PendingRequest): boolean {
  return handedOver;
}

/** MCP "Progress": the token is the request's own id. */
function withProgressToken(
  params: Readonly<Record<string, unknown>> | undefined,
  progressToken: RequestId,
): Readonly<Record<string, unknown>> {
  return { ...params, _meta: { ...(params?._meta as object | undefined), progressToken } };
}

/** The caller's own reason as it is; our reasons (time is up, the client closes) with what is known of the request. */
function abortReason(reason: unknown, delivery: Delivery): unknown {
  const details = { delivery, cause: reason };
  if (reason instanceof TimeoutError) return new TimeoutError(reason.timeoutMs, reason.message, details);
  if (reason instanceof McpFleetError) return new McpFleetError(reason.code, reason.message, details);
  return reason;
}
