import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { settlesWithin, wait } from '../../core/abort.js';
import { Deadline } from '../../core/deadline.js';
import { asFleetError, ConnectionError, type McpFleetError } from '../../core/errors.js';
import type { TextExit } from '../../core/text-exit.js';
import { discard, readExcerpt, readText, tooLarge } from '../../net/body.js';
import { readEvents } from '../../net/event-stream.js';
import { isRefused } from '../../net/failures.js';
import { isHeaderValue } from '../../net/headers.js';
import type { HttpFetch, HttpRequest, HttpResponse } from '../../net/http.js';
import { publicUrl } from '../../net/redirects.js';
import { errorOfFault } from '../reading/json.js';
import {
  type Incoming,
  oversizeMessage,
  type RequestId,
  readMessages,
  type Unreadable,
} from '../reading/message.js';
import { connectionLost } from './connection-lost.js';
import { Exchanges } from './exchanges.js';
import { HttpHeaders } from './http-headers.js';
import { errorOfRefusal, type Refusal, readRefusal } from './http-refusal.js';
import { answers, isRequest, mediaType } from './messages.js';
import { ServerStream } from './server-stream.js';
import { SessionProof } from './session-proof.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

/** How long the DELETE that ends a session may take. */
const DELETE_TIMEOUT_MS = 1_000;
/** How long the request may take that shows whether a session has gone. */
const PROOF_TIMEOUT_MS = 5_000;
/** How long a server may leave a stream open whose request it has answered. */
const STREAM_GRACE_MS = 1_000;
/** Times in a row that the server cannot be reached, before a stream is given up. */
const MAX_FAILED_RESUMES = 2;
const RESUME_DELAY_MS = 100;
const MAX_RESUME_DELAY_MS = 10_000;
/** A server that lets its client poll, and never has news, is asked less often each time. */
const POLL_BACKOFF = 1.25;
/** Of an answer that is no message, for the error. */
const EXCERPT_BYTES = 16_384;
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
    this.#stream = new ServerStream({
      open: (lastEventId) => this.#get(lastEventId, { signal: this.#closing.signal }),
      read: (response, onEventId, onRetry) => this.#readStream(response, { onEventId, onRetry }),
      gone: (reason) => this.#lost(reason),
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
    if (response.url !== '') this.#endpoint = new URL(response.url);
  }

  async #answer(request: JSONRPCRequest, response: HttpResponse, control: Control): Promise<void> {
    const type = mediaType(response);
    if (type === 'text/event-stream') return this.#answerWithStream(request, response, control);
    // Some servers name no type, or one of plain text.
    if (/^(application\/(.*[+-])?json(-.*)?|text\/json|text\/plain|application\/octet-stream|)$/.test(type))
      return this.#answerWithJson(request.id, response);
    const { text, isWhole } = await readExcerpt(response, EXCERPT_BYTES);
    throw this.#notAnMcpServer(`Expected JSON or an event stream, got ${type}`, response, text, isWhole);
  }

  async #answerWithJson(id: RequestId, response: HttpResponse): Promise<void> {
    const { maxResponseBytes: maxBytes } = this.#options;
    const text = await readText(response, maxBytes);
    let isAnswered = false;
    let broken: Unreadable | undefined;
    const messages = readMessages(text, { maxBytes });
    for (const message of messages) {
      if (message.kind === 'unreadable') {
        broken ??= message;
        continue;
      }
      // An answer that names no request is the answer to this one: it came for nothing else.
      const meant = message.kind === 'answer' && message.id === undefined ? { ...message, id } : message;
      isAnswered ||= answers(meant, id);
      this.#sink?.message(meant);
    }
    if (isAnswered) return;
    // It came for nothing else, whatever id can be made out in it.
    if (broken !== undefined) {
      const words = this.#options.exit.words(broken.text);
      const details = { isNamed: answers(broken, id), httpStatus: response.status, words, maxBytes };
      throw errorOfFault(broken.fault, details);
    }
    if (text.trim() === '') throw unanswered(`HTTP ${response.status} came with an empty body`);
    if (messages.every(({ kind }) => kind === 'noise') && messages.length > 0)
      throw this.#notAnMcpServer('The body holds no answer', response, text, true);
    throw unanswered('the body holds no answer to it');
  }

  #notAnMcpServer(what: string, response: HttpResponse, text: string, isWhole: boolean): ConnectionError {
    const words = this.#options.exit.words(text, { isWhole });
    const said = words === '' || words.startsWith('<') ? '' : `: ${words}`;
    return new ConnectionError(
      'PROTOCOL_ERROR',
      `${what} (HTTP ${response.status}); is ${publicUrl(this.#endpoint)} the URL of an MCP server?${said}`,
      { delivery: 'unknown', httpStatus: response.status },
    );
  }

  /** Reads the stream of one request; when it breaks and has event ids, goes on where it broke. */
  async #answerWithStream(request: JSONRPCRequest, response: HttpResponse, control: Control): Promise<void> {
    const { signal } = control;
    let lastEventId: string | undefined;
    let delayMs = RESUME_DELAY_MS;
    let current = response;
    for (;;) {
      let progressed = false;
      const broken = await new Promise<Error | undefined>((resolve) => {
        const reading = this.#readStream(current, {
          onEventId(eventId) {
            lastEventId = eventId;
            progressed = true;
          },
          onRetry: (ms) => {
            delayMs = Math.min(Math.max(ms, RESUME_DELAY_MS), MAX_RESUME_DELAY_MS);
          },
          isAnswer: (message) => answers(brokenAnswer(message, request.id), request.id),
          asAnswer: (message) => brokenAnswer(message, request.id),
          onMessage: (message) => {
            if (!answers(message, request.id)) return;
            resolve(undefined);
            // It may come while the reading begins.
            queueMicrotask(() => discardLater(current, reading));
          },
          onEndpoint: () => {
            if (request.method !== 'initialize') return;
            this.#isOlderTransport = true;
            resolve(olderTransport(current));
            discard(current);
          },
        });
        reading.then(
          () => resolve(unanswered('the stream ended')),
          (error) => resolve(asFleetError(error)),
        );
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

  #readStream(
    response: HttpResponse,
    on: {
      onEventId: (id: string) => void;
      onRetry: (ms: number) => void;
      /** Whether what is too large to be read is the answer that the stream is read for. */
      isAnswer?: (message: Unreadable) => boolean;
      /** What a broken message on the stream of one request is taken for. */
      asAnswer?: (message: Incoming) => Incoming;
      onMessage?: (message: Incoming) => void;
      onEndpoint?: () => void;
    },
  ): Promise<void> {
    const { maxResponseBytes: maxBytes } = this.#options;
    const received = (message: Incoming) => {
      const meant = on.asAnswer?.(message) ?? message;
      this.#sink?.message(meant);
      on.onMessage?.(meant);
    };
    return readEvents(response, maxBytes, {
      event: ({ id, event, data }) => {
        // It goes back in a header.
        if (id !== undefined && id !== '' && isHeaderValue(id)) on.onEventId(id);
        if (event === 'endpoint') return on.onEndpoint?.();
        if (data === '' || (event !== undefined && event !== 'message')) return;
        for (const message of readMessages(data, { maxBytes })) received(message);
      },
      retry: on.onRetry,
      oversizeBegins: (head) => {
        if (on.isAnswer?.(oversizeMessage(head, '')) === true) throw tooLarge(maxBytes, response.status);
      },
      oversize: (head, tail) => received(oversizeMessage(head, tail)),
    });
  }

  // ── Endings ─────────────────────────────────────────────────────────────────

  async #refused(message: JSONRPCMessage, response: HttpResponse, control: Control): Promise<void> {
    const refusal = await readRefusal(response);
    const answer = isRequest(message) ? this.#answerIn(refusal, message.id) : undefined;
    // 401 is said by what stands before the server, whatever body it writes.
    if (answer !== undefined && response.status !== 401) {
      this.#sink?.message(withStatus(answer, response.status));
      return;
    }
    const error = errorOfRefusal(refusal, this.#options.exit);
    // With another status it may have run before the session was forgotten.
    if (this.#headers.session === undefined || !MAY_BE_GONE.has(response.status)) throw error;
    if (this.#forgotten) throw this.#forgottenBy(error);
    if (!this.#proof.wasAccepted) throw neverKnown(error);
    if (await this.#proof.isGone(control.signal)) {
      const reason = this.#forgottenBy(error);
      this.#forgotten = true;
      this.#lost(reason);
      throw reason;
    }
    if (this.#proof.isDoubtful) this.#lost(connectionLost(`The session answers nothing (${error.message})`));
    throw error;
  }

  #forgottenBy(error: McpFleetError): ConnectionError {
    return connectionLost(`The server has forgotten the session (${error.message})`, 'rejected');
  }

  /** A server may answer with an HTTP error status and its answer at once. */
  #answerIn({ body }: Refusal, id: RequestId): Incoming | undefined {
    return readMessages(body, { maxBytes: body.length }).find((message) => answers(message, id));
  }

  /** Sends a harmless request in the session, to learn how the session is. */
  async #ask(request: JSONRPCRequest): Promise<'answered' | 'refused' | 'nothing'> {
    const deadline = new Deadline({ timeoutMs: PROOF_TIMEOUT_MS, signal: this.#closing.signal });
    try {
      const response = await this.#post(request, { signal: deadline.signal });
      if (!response.ok && MAY_BE_GONE.has(response.status)) {
        const refusal = await readRefusal(response);
        return this.#answerIn(refusal, request.id) === undefined ? 'refused' : 'answered';
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

/** What is broken on the stream of a request, and does not look like a notification, is its answer. */
function brokenAnswer(message: Incoming, id: RequestId): Incoming {
  const isBroken =
    message.kind === 'unreadable' && message.id === undefined && message.isNotification !== true;
  return isBroken && !message.text.includes('"method"') ? { ...message, id, isGuess: true } : message;
}

function withStatus(message: Incoming, httpStatus: number): Incoming {
  if (message.kind !== 'answer' || message.answer.error === undefined) return message;
  return { ...message, answer: { error: { ...message.answer.error, httpStatus } } };
}

/** The stream of an answered request should end by itself; one that does not is ended. */
function discardLater(response: HttpResponse, reading: Promise<void>): void {
  void settlesWithin(reading, STREAM_GRACE_MS).then((ended) => ended || discard(response));
}

function unanswered(how: string): ConnectionError {
  return connectionLost(`The request got no answer: ${how}`);
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
