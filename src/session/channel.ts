import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { asFleetError, ConnectionError, type McpFleetError } from '../core/errors.js';
import { Rate } from '../core/rate.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { TextExit } from '../core/text-exit.js';
import { abortReason } from './abort-reason.js';
import { Outbox } from './outbox.js';
import { PendingRequest } from './pending-request.js';
import { errorOfFault } from './reading/json.js';
import type { Answer, Incoming, Params, ReceivedAnswer, RequestId, Unreadable } from './reading/message.js';
import { readProgress } from './reading/server-messages.js';
import type { SessionRequestOptions } from './session.js';
import { connectionLost } from './transports/connection-lost.js';
import type { JsonRpcTransport, TransportSink } from './transports/transport.js';
import { AskedRequests, type AskedRequestsOptions } from './unasked/asked-requests.js';

/** Reports of progress that a server may send at once, and a second; those above it are left out. */
const MAX_PROGRESS_BURST = 2_000;
const MAX_PROGRESS_PER_SECOND = 1_000;

/** How long the answer may take that follows an error without an id. */
const ANSWER_MAY_FOLLOW_MS = 500;

export interface ChannelOptions extends Pick<AskedRequestsOptions, 'onRequest'> {
  /** Ends the connecting. */
  signal: StopSignal;
  exit: TextExit;
  /** Of a message, for messages about it. */
  maxBytes: number;
  onError(error: McpFleetError): void;
  /** The connection has ended by itself; it is told once. */
  onClosed(reason: McpFleetError): void;
  onNotification(method: string, params: Params): void;
}

export interface ChannelRequestOptions extends SessionRequestOptions {
  /** Fields that go with the request over HTTP. */
  headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Matches the requests of one session with their answers: each gets exactly one, or one failure. What the server asks
 * and tells by itself goes to its owner.
 */
export class Channel {
  readonly #transport: JsonRpcTransport;
  readonly #options: ChannelOptions;
  #outbox: Outbox | undefined;
  readonly #pending = new Map<RequestId, PendingRequest>();
  #asked: AskedRequests | undefined;
  #progressRate: Rate | undefined;
  #lastId = -1;
  #ended: McpFleetError | undefined;
  #faultReported = false;

  constructor(transport: JsonRpcTransport, options: ChannelOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  get sessionId(): string | undefined {
    return this.#transport.sessionId;
  }

  setProtocolVersion(version: string): void {
    this.#transport.setProtocolVersion?.(version);
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
    params: Params | undefined,
    { signal, onProgress, observation, headers }: ChannelRequestOptions,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#ended !== undefined) throw connectionLost('The session has ended', 'not-sent');
      const id = ++this.#lastId;
      const done = () => signal.removeEventListener('abort', aborted);
      const pending = new PendingRequest({
        method,
        signal,
        headers,
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
        // MCP "Cancellation": an initialization must not be cancelled.
        if (pending.delivery !== 'not-sent' && method !== 'initialize') this.#cancel(id);
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

  /** Sends a notification and waits until it is on its way. @throws {McpFleetError} */
  notify(method: string): Promise<void> {
    return this.#transport.send({ jsonrpc: '2.0', method }, { signal: this.#options.signal, sent: () => {} });
  }

  /** The server is there, but not for this session any more: what is under way learns its own fate. */
  abandon(reason: ConnectionError): void {
    if (this.#ended !== undefined) return;
    if (this.#transport.abandon !== undefined) this.#transport.abandon(reason);
    else {
      this.#sink.closed(reason);
      void this.#transport.close();
    }
  }

  /** Ends the session; whatever still waits is told so at once. */
  async close(reason: McpFleetError = connectionLost('The session was closed')): Promise<void> {
    this.#ended ??= reason;
    // Before the transport ends, which would tell them less.
    this.#failAll(reason, () => true);
    this.#stopAnswering(reason);
    await this.#transport.close();
  }

  async #send(message: JSONRPCRequest, pending: PendingRequest): Promise<void> {
    const { id } = message;
    this.#pending.set(id, pending);
    try {
      const { signal, headers } = pending;
      await this.#transport.send(message, { signal, headers, sent: () => pending.sent() });
      pending.handedOver = true;
      if (this.#ended !== undefined) this.#failAll(this.#ended, isHandedOver);
    } catch (error) {
      this.#fail(id, error);
    }
  }

  /** Most sessions never have anything to post. */
  #post(message: JSONRPCMessage): void {
    this.#outbox ??= new Outbox(this.#transport, (error) => this.#options.onError(error));
    this.#outbox.post(message);
  }

  /** Without the caller's reason, which is none of the server's business. */
  #cancel(requestId: RequestId): void {
    this.#post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
  }

  // ── From the server ─────────────────────────────────────────────────────────

  readonly #sink: TransportSink = {
    message: (message) => this.#guarded(message),
    error: (error) => this.#options.onError(error),
    closed: (reason) => {
      if (this.#ended !== undefined) return;
      this.#ended = reason;
      // For what the transport still works on, the transport knows best how it ends.
      this.#failAll(reason, isHandedOver);
      this.#stopAnswering(reason);
      this.#options.onClosed(reason);
    },
  };

  /** What a peer says is never the end of the host: what fails here is told, and costs no other message. */
  #guarded(message: Incoming): void {
    try {
      this.#received(message);
    } catch (thrown) {
      this.#options.onError(asFleetError(thrown));
    }
  }

  #received(message: Incoming): void {
    switch (message.kind) {
      case 'answer':
        this.#answered(message);
        break;
      case 'request':
        this.#requested(message.id, message.method, message.params);
        break;
      case 'notification':
        this.#notified(message.method, message.params);
        break;
      case 'unreadable':
        this.#unreadable(message);
        break;
      case 'noise':
        this.#noise(message.text);
    }
  }

  #answered({ id, answer, isBare = false }: ReceivedAnswer): void {
    const found = this.#pendingId(id);
    if (found !== undefined && this.#asked?.isEcho(found, answer) !== true) {
      this.#settle(found, (pending) => pending.answered(answer));
    }
    // Second answers, answers to nothing and logs in JSON end here.
    if (id !== undefined || isBare) return;
    const { error } = answer;
    const what = error === undefined ? 'a result' : 'an error';
    const words = error === undefined ? '' : `: ${error.message} (${error.code})`;
    const text = `The server answered with ${what} that names no request${words}`;
    this.#failOnly(new ConnectionError('PROTOCOL_ERROR', text, { delivery: 'answered' }));
  }

  #requested(id: RequestId, method: string, params: Params): void {
    if (this.#pending.get(id)?.method === method) return; // our own, come back
    this.#asked ??= new AskedRequests({ ...this.#options, post: (answer) => this.#post(answer) });
    this.#asked.received(id, method, params);
  }

  #notified(method: string, params: Params): void {
    if (method === 'notifications/progress') this.#progress(params);
    else if (method === 'notifications/cancelled') this.#asked?.cancelled(params.requestId);
    else this.#options.onNotification(method, params);
  }

  /** What cannot be read costs nobody but the request that it names. */
  #unreadable({ id, fault, text, isGuess = false, isNotification = false }: Unreadable): void {
    const found = this.#pendingId(id);
    if (id !== undefined && found === undefined) return;
    const words = this.#options.exit.words(text);
    const isNamed = found !== undefined && !isGuess;
    const error = errorOfFault(fault, { isNamed, words, maxBytes: this.#options.maxBytes });
    if (isNotification) this.#onceReported(error);
    else if (found === undefined) this.#failOnly(error);
    else this.#fail(found, error);
  }

  /**
   * A fault that names no request is that of the only one there is; else nobody knows whose. It may speak of a
   * notification, too: then the answer follows.
   */
  #failOnly(error: ConnectionError): void {
    const [first] = this.#pending;
    if (first === undefined || this.#pending.size > 1) {
      this.#onceReported(error);
      return;
    }
    const [id, pending] = first;
    const fail = () => this.#pending.get(id) === pending && this.#fail(id, error);
    setTimeout(fail, ANSWER_MAY_FOLLOW_MS).unref();
  }

  /** Many servers greet on stdout, or beat their hearts in data: what follows is read all the same. */
  #noise(text: string): void {
    const isStream = this.#transport.kind === 'http' || this.#transport.kind === 'sse';
    if (this.#faultReported || isStream || text.trim() === '') return;
    const what = 'The server sends what is no message of JSON-RPC, and is not read';
    this.#onceReported(new ConnectionError('PROTOCOL_ERROR', `${what}: ${this.#options.exit.words(text)}`));
  }

  /** A server that does it once does it often. */
  #onceReported(error: ConnectionError): void {
    if (!this.#faultReported) this.#options.onError(error);
    this.#faultReported = true;
  }

  /** The request under way that an id means. Servers that turn a number into a string are understood. */
  #pendingId(id: unknown): RequestId | undefined {
    const meant = typeof id === 'string' && String(Number(id)) === id ? Number(id) : (id as RequestId);
    return this.#pending.has(meant) ? meant : undefined;
  }

  #progress(params: Params): void {
    const id = this.#pendingId(params.progressToken);
    const onProgress = id === undefined ? undefined : this.#pending.get(id)?.onProgress;
    this.#progressRate ??= new Rate(MAX_PROGRESS_BURST, MAX_PROGRESS_PER_SECOND);
    if (onProgress === undefined || !this.#progressRate.take()) return;
    const progress = readProgress(params);
    if (progress !== undefined) onProgress(progress);
  }

  // ── Endings ─────────────────────────────────────────────────────────────────

  #fail(id: RequestId, error: unknown): void {
    this.#settle(id, (pending) => pending.failed(error));
  }

  #settle(id: RequestId, settle: (pending: PendingRequest) => void): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    settle(pending);
  }

  #failAll(reason: McpFleetError, which: (pending: PendingRequest) => boolean): void {
    for (const [id, pending] of [...this.#pending]) {
      if (which(pending)) this.#fail(id, connectionLost(reason.message, pending.delivery, reason));
    }
  }

  #stopAnswering(reason: McpFleetError): void {
    this.#outbox?.close();
    this.#asked?.close(reason);
  }
}

function isHandedOver({ handedOver }: PendingRequest): boolean {
  return handedOver;
}

/** MCP "Progress": the token is the request's own id. */
function withProgressToken(params: Params | undefined, progressToken: RequestId): Params {
  return { ...params, _meta: { ...(params?._meta as object | undefined), progressToken } };
}
