import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { settlesWithin, wait } from '../../core/abort.js';
import { Deadline } from '../../core/deadline.js';
import { ConnectionError, type McpFleetError } from '../../core/errors.js';
import type { TextExit } from '../../core/text-exit.js';
import { discard } from '../../net/body.js';
import { isRefused } from '../../net/failures.js';
import type { HttpFetch, HttpRequest, HttpResponse } from '../../net/http.js';
import { connectionLost } from './connection-lost.js';
import { Exchanges } from './exchanges.js';
import { answerIn, HttpAnswers } from './http-answers.js';
import { HttpHeaders } from './http-headers.js';
import { errorOfRefusal, readRefusal } from './http-refusal.js';
import { endpointOf, isRequest, mediaType } from './messages.js';
import { ServerStream } from './server-stream.js';
import { SessionProof } from './session-proof.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

/** How long the DELETE that ends a session may take. */
const DELETE_TIMEOUT_MS = 1_000;
/** How long the request may take that shows whether a session has gone. */
const PROOF_TIMEOUT_MS = 5_000;
/** Times in a row that the server cannot be reached, before a stream is given up. */
const MAX_FAILED_RESUMES = 2;
const RESUME_DELAY_MS = 100;
const MAX_RESUME_DELAY_MS = 10_000;
/** A server that lets its client poll, and never has news, is asked less often each time. */
const POLL_BACKOFF = 1.25;
/** Statuses that may mean that the session has gone. */
const MAY_BE_GONE: ReadonlySet<number> = new Set([400, 404, 410]);

/** What ends a request, and what it tells of itself. */
type Control = Pick<HttpRequest, 'signal' | 'sent' | 'stoppable'>;

export interface HttpTransportOptions {
  url: URL;
  headers: Readonly<Record<string, string>>;
  /** Carries the bearer token and follows the redirects that may be followed. */
  fetch: HttpFetch;
  maxResponseBytes: number;
  exit: TextExit;
  /** Learns what the server gives for the session, and nobody else should see. */
  onSecret: (secret: string) => void;
}

/** Streamable HTTP (MCP 2025-03-26 and later, "Transports"). */
export class StreamableHttpTransport implements JsonRpcTransport {
  readonly kind = 'http';
  readonly #options: HttpTransportOptions;
  readonly #closing = new AbortController();
  readonly #exchanges = new Exchanges();
  readonly #answers: HttpAnswers;
  readonly #stream: ServerStream;
  readonly #headers: HttpHeaders;
  readonly #proof = new SessionProof((request) => this.#ask(request));
  #endpoint: URL;
  #sink: TransportSink | undefined;
  /** Requests under way with it are still to be refused, and then have to know why. */
  #forgotten = false;
  #reached = false;
  #isOlderTransport = false;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.#endpoint = options.url;
    this.#headers = new HttpHeaders(options.headers, options.onSecret);
    this.#answers = new HttpAnswers({
      ...options,
      endpoint: () => this.#endpoint,
      received: (message) => this.#sink?.message(message),
    });
    this.#stream = new ServerStream({
      open: (lastEventId) => this.#get(lastEventId, { signal: this.#closing.signal }),
      read: (response, onEventId, onRetry) => this.#answers.readStream(response, { onEventId, onRetry }),
      gone: (reason) => this.#lost(reason),
      forgotten: (reason) => this.abandon(reason),
      failed: (error) => this.#sink?.error(error),
      signal: this.#closing.signal,
    });
  }

  get sessionId(): string | undefined {
    return this.#headers.session;
  }

  /** Whether the server ever took a POST as this transport does: before that, the older one may still be its language. */
  get reached(): boolean {
    return this.#reached && !this.#isOlderTransport;
  }

  /** Whether the server answered a POST as it would answer the GET of HTTP+SSE. */
  get isOlderTransport(): boolean {
    return this.#isOlderTransport;
  }

  async start(sink: TransportSink): Promise<void> {
    this.#sink = sink;
  }

  setProtocolVersion(version: string): void {
    this.#headers.protocolVersion = version;
  }

  send(message: JSONRPCMessage, { signal, sent }: SendContext): Promise<void> {
    return this.#exchanges.run(({ stoppable }) => {
      const control: Control = { sent, stoppable };
      if (signal !== undefined) control.signal = signal;
      return this.#exchange(message, control);
    });
  }

  async #exchange(message: JSONRPCMessage, control: Control): Promise<void> {
    const response = await this.#post(message, control).catch((error) => this.#unreachable(error));
    if (!response.ok) return this.#refused(message, response, control);
    this.#reached = true;

    if (!isRequest(message)) {
      discard(response);
      this.#proof.accepted({});
      if ('method' in message && message.method === 'notifications/initialized') this.#stream.start();
      return;
    }
    if (message.method === 'initialize') this.#adopt(response);
    else this.#proof.accepted(message);
    await this.#answer(message, response, control);
  }

  abandon(reason: ConnectionError): void {
    this.#forgotten = true;
    this.#lost(reason);
  }

  async close(): Promise<void> {
    const reason = connectionLost('The session was closed');
    this.#closing.abort(reason);
    this.#exchanges.stopAll(reason);
    if (this.#headers.session === undefined || this.#forgotten) return;
    const headers = this.#headers.all;
    this.#headers.session = undefined;
    const limit = AbortSignal.timeout(DELETE_TIMEOUT_MS);
    const ended = this.#fetch({ method: 'DELETE', headers, signal: limit }).then(discard);
    await settlesWithin(ended, DELETE_TIMEOUT_MS);
  }

  // ── Sending ─────────────────────────────────────────────────────────────────

  #post(message: JSONRPCMessage, control: Control): Promise<HttpResponse> {
    const toolCall = 'method' in message && message.method === 'tools/call';
    return this.#fetch({
      method: 'POST',
      headers: this.#headers.post,
      body: JSON.stringify(message),
      ...control,
      // A redirect could make a tool run in two places.
      redirect: toolCall ? 'manual' : 'follow',
    });
  }

  #get(lastEventId: string | undefined, control: Control): Promise<HttpResponse> {
    return this.#fetch({ headers: this.#headers.stream(lastEventId), ...control });
  }

  async #fetch(request: HttpRequest): Promise<HttpResponse> {
    const response = await this.#options.fetch(this.#endpoint, request);
    this.#headers.readCookies(response);
    return response;
  }

  // ── Receiving ───────────────────────────────────────────────────────────────

  /** Takes over what the answer to `initialize` says of the session, and where it came from. */
  #adopt(response: HttpResponse): void {
    const session = response.headers.get('mcp-session-id') ?? '';
    this.#headers.session = session === '' ? undefined : session;
    this.#endpoint = endpointOf(response, this.#endpoint);
  }

  async #answer(request: JSONRPCRequest, response: HttpResponse, control: Control): Promise<void> {
    if (await this.#answers.isStream(response)) return this.#answerWithStream(request, response, control);
    return this.#answers.readJson(request.id, response);
  }

  /** Reads the stream of one request; when it breaks and has event ids, goes on where it broke. */
  async #answerWithStream(request: JSONRPCRequest, response: HttpResponse, control: Control): Promise<void> {
    const { signal } = control;
    let lastEventId: string | undefined;
    let delayMs = RESUME_DELAY_MS;
    let current = response;
    for (;;) {
      let progressed = false;
      const broken = await this.#answers.readAnswer(request.id, current, {
        onEventId(eventId) {
          lastEventId = eventId;
          progressed = true;
        },
        onRetry: (ms) => {
          delayMs = Math.min(Math.max(ms, RESUME_DELAY_MS), MAX_RESUME_DELAY_MS);
        },
        onEndpoint: () => {
          if (request.method !== 'initialize') return;
          this.#isOlderTransport = true;
          throw olderTransport(current);
        },
      });
      if (broken === undefined) return;
      signal?.throwIfAborted();
      if (lastEventId === undefined || this.#isOlderTransport) throw broken;
      // A stream that ends without news lets its client poll (SEP-1699): that may take as long as the call has time.
      delayMs = progressed ? delayMs : Math.min(delayMs * POLL_BACKOFF, MAX_RESUME_DELAY_MS);
      const resumed = await this.#resume(lastEventId, delayMs, control);
      // Whatever resuming meets: what is known of the request is that it left.
      if (resumed === undefined) throw broken;
      current = resumed;
    }
  }

  /** The stream that goes on, unless the server refuses it or cannot be reached again and again. */
  async #resume(lastEventId: string, delayMs: number, control: Control): Promise<HttpResponse | undefined> {
    for (let failed = 0; failed < MAX_FAILED_RESUMES; failed++) {
      await wait(delayMs, control.signal);
      const response = await this.#get(lastEventId, control).catch(() => undefined);
      if (response?.ok && mediaType(response) === 'text/event-stream') return response;
      control.signal?.throwIfAborted();
      if (response !== undefined) {
        discard(response);
        return undefined;
      }
    }
    return undefined;
  }

  // ── Endings ─────────────────────────────────────────────────────────────────

  async #refused(message: JSONRPCMessage, response: HttpResponse, control: Control): Promise<void> {
    const refusal = await readRefusal(response);
    const answer = isRequest(message) ? answerIn(refusal, message.id) : undefined;
    // 401 is said by what stands before the server, whatever body it writes.
    if (answer !== undefined && response.status !== 401) {
      this.#sink?.message(answer);
      return;
    }
    const error = errorOfRefusal(refusal, this.#options.exit);
    // With another status it may have run before the session was forgotten.
    if (this.#headers.session === undefined || !MAY_BE_GONE.has(response.status)) throw error;
    if (this.#forgotten) throw this.#forgottenBy(error);
    if (!this.#proof.wasAccepted) throw neverKnown(error);
    if (await this.#proof.isGone(control.signal)) this.abandon(this.#forgottenBy(error));
    // Or the stream of the session met the same meanwhile, and ended the question.
    if (this.#forgotten) throw this.#forgottenBy(error);
    if (this.#proof.isDoubtful) this.#lost(connectionLost(`The session answers nothing (${error.message})`));
    throw error;
  }

  #forgottenBy(error: McpFleetError): ConnectionError {
    return connectionLost(`The server has forgotten the session (${error.message})`, 'rejected');
  }

  /** Sends a harmless request in the session, to learn how the session is. */
  async #ask(request: JSONRPCRequest): Promise<'answered' | 'refused' | 'nothing'> {
    const deadline = new Deadline({ timeoutMs: PROOF_TIMEOUT_MS, signal: this.#closing.signal });
    try {
      const response = await this.#post(request, { signal: deadline.signal });
      if (!response.ok && MAY_BE_GONE.has(response.status)) {
        const refusal = await readRefusal(response);
        return answerIn(refusal, request.id) === undefined ? 'refused' : 'answered';
      }
      discard(response);
      return response.ok ? 'answered' : 'nothing';
    } catch {
      return 'nothing';
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  /** A server that takes no connections has gone, and its sessions with it: waiting for the next one is better than trying. */
  #unreachable(error: unknown): never {
    if (error instanceof ConnectionError && isRefused(error)) {
      this.#lost(connectionLost('The server is no longer reachable', 'not-sent', error));
    }
    throw error;
  }

  /** Requests under way are not touched: each learns its fate from its own response. */
  #lost(reason: ConnectionError): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(reason);
    this.#sink?.closed(reason);
  }
}

function olderTransport({ status }: HttpResponse): ConnectionError {
  const what = 'The server answered with the endpoint event of HTTP+SSE';
  return new ConnectionError('PROTOCOL_ERROR', what, { delivery: 'not-sent', httpStatus: status });
}

/** A session that was never of use: trying again helps only where requests went to different replicas. */
function neverKnown(error: McpFleetError): McpFleetError {
  if (!(error instanceof ConnectionError) || error.httpStatus !== 404) return error;
  const { code, message, delivery, httpStatus } = error;
  const what = `${message}; the server does not know the session that it has just opened (several replicas?)`;
  return new ConnectionError(code, what, { delivery, httpStatus, retryable: true, cause: error });
}
