import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { settlesWithin, wait } from '../../core/abort.js';
import { asFleetError, ConnectionError } from '../../core/errors.js';
import { discard, readText } from '../../net/body.js';
import { readEvents } from '../../net/event-stream.js';
import { isRefused } from '../../net/failures.js';
import type { HttpFetch, HttpRequest, HttpResponse } from '../../net/http.js';
import { publicUrl } from '../../net/redirects.js';
import { connectionLost } from './connection-lost.js';
import { Exchanges } from './exchanges.js';
import { errorOfRefusal, type Redact, readRefusal } from './http-refusal.js';
import { answers, isRequest, mediaType, parseMessages } from './messages.js';
import { ServerStream } from './server-stream.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

/** How long the DELETE that ends a session may take. */
const DELETE_TIMEOUT_MS = 1_000;
/** How long a server may leave a stream open whose request it has answered. */
const STREAM_GRACE_MS = 1_000;
/** Resumptions in a row that bring no event before a stream is given up. */
const MAX_FRUITLESS_RESUMES = 2;
const RESUME_DELAY_MS = 100;
const MAX_RESUME_DELAY_MS = 10_000;

const POST_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

/** What ends a request, and what it tells of itself. */
type Control = Pick<HttpRequest, 'signal' | 'sent' | 'stoppable'>;

export interface HttpTransportOptions {
  url: URL;
  headers: Readonly<Record<string, string>>;
  /** Carries the bearer token and follows the redirects that may be followed. */
  fetch: HttpFetch;
  maxResponseBytes: number;
  redact: Redact;
}

/** Streamable HTTP (MCP 2025-03-26 and later, "Transports"). */
export class StreamableHttpTransport implements JsonRpcTransport {
  readonly kind = 'http';
  readonly #options: HttpTransportOptions;
  readonly #closing = new AbortController();
  readonly #exchanges = new Exchanges();
  readonly #stream: ServerStream;
  #endpoint: URL;
  #sink: TransportSink | undefined;
  #protocolVersion: string | undefined;
  #session: string | undefined;
  /** Of every request, and of every POST; new ones when the session or the revision becomes known. */
  #headers: { readonly all: Record<string, string>; readonly post: Record<string, string> };
  /** Requests under way with it are still to be refused, and then have to know why. */
  #forgotten = false;
  #reached = false;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.#endpoint = options.url;
    this.#headers = this.#headersNow();
    this.#stream = new ServerStream({
      open: (lastEventId) => this.#get(lastEventId, { signal: this.#closing.signal }),
      read: (response, onEventId, onRetry) => this.#readStream(response, { onEventId, onRetry }),
      gone: (reason) => this.#lost(reason),
      failed: (error) => this.#sink?.error(error),
      signal: this.#closing.signal,
    });
  }

  get sessionId(): string | undefined {
    return this.#session;
  }

  /** Whether the server ever accepted a POST: before that, the older transport may still be its language. */
  get reached(): boolean {
    return this.#reached;
  }

  async start(sink: TransportSink): Promise<void> {
    this.#sink = sink;
  }

  setProtocolVersion(version: string): void {
    this.#protocolVersion = version;
    this.#headers = this.#headersNow();
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
      if ('method' in message && message.method === 'notifications/initialized') this.#stream.start();
      return;
    }
    if (message.method === 'initialize') this.#adopt(response);
    await this.#answer(message.id, response, control);
  }

  async close(): Promise<void> {
    const reason = connectionLost('The session was closed');
    this.#closing.abort(reason);
    this.#exchanges.stopAll(reason);
    if (this.#session === undefined || this.#forgotten) return;
    const headers = this.#headers.all;
    this.#session = undefined;
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
    return this.#fetch({
      headers: {
        ...this.#headers.all,
        accept: 'text/event-stream',
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      },
      ...control,
    });
  }

  #fetch(request: HttpRequest): Promise<HttpResponse> {
    return this.#options.fetch(this.#endpoint, request);
  }

  #headersNow(): { all: Record<string, string>; post: Record<string, string> } {
    const all = {
      ...this.#options.headers,
      ...(this.#session !== undefined && { 'mcp-session-id': this.#session }),
      ...(this.#protocolVersion !== undefined && { 'mcp-protocol-version': this.#protocolVersion }),
    };
    return { all, post: { ...all, ...POST_HEADERS } };
  }

  // ── Receiving ───────────────────────────────────────────────────────────────

  /** Takes over what the answer to `initialize` says of the session, and where it came from. */
  #adopt(response: HttpResponse): void {
    this.#session = response.headers.get('mcp-session-id') ?? undefined;
    this.#headers = this.#headersNow();
    if (response.url !== '') this.#endpoint = new URL(response.url);
  }

  async #answer(id: RequestId, response: HttpResponse, control: Control): Promise<void> {
    switch (mediaType(response)) {
      case 'application/json':
        return this.#answerWithJson(id, response);
      case 'text/event-stream':
        return this.#answerWithStream(id, response, control);
      default:
        discard(response);
        throw new ConnectionError(
          'PROTOCOL_ERROR',
          `Expected JSON or an event stream, got ${response.headers.get('content-type') ?? 'no content type'}` +
            ` (HTTP ${response.status}); is ${publicUrl(this.#endpoint)} the URL of an MCP server?`,
          { delivery: 'unknown', httpStatus: response.status },
        );
    }
  }

  async #answerWithJson(id: RequestId, response: HttpResponse): Promise<void> {
    const messages = parseMessages(await readText(response, this.#options.maxResponseBytes), response.status);
    for (const message of messages) this.#sink?.message(message);
    if (!messages.some((message) => answers(message, id))) throw unanswered('the body holds no answer to it');
  }

  /** Reads the stream of one request; when it breaks and has event ids, goes on where it broke. */
  async #answerWithStream(id: RequestId, response: HttpResponse, control: Control): Promise<void> {
    const { signal } = control;
    let lastEventId: string | undefined;
    let delayMs = RESUME_DELAY_MS;
    let fruitless = 0;
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
          onMessage: (message) => {
            if (!answers(message, id)) return;
            resolve(undefined);
            discardLater(current, reading);
          },
        });
        reading.then(
          () => resolve(unanswered('the stream ended')),
          (error) => resolve(asFleetError(error)),
        );
      });
      if (broken === undefined) return;
      signal?.throwIfAborted();
      fruitless = progressed ? 0 : fruitless + 1;
      if (lastEventId === undefined || fruitless > MAX_FRUITLESS_RESUMES) throw broken;
      await wait(delayMs, signal);
      // Whatever resuming meets: what is known of the request is that it left.
      const resumed = await this.#get(lastEventId, control).catch(() => undefined);
      if (resumed === undefined) {
        signal?.throwIfAborted();
        throw broken;
      }
      current = resumed;
      if (!current.ok || mediaType(current) !== 'text/event-stream') {
        discard(current);
        throw broken;
      }
    }
  }

  #readStream(
    response: HttpResponse,
    on: {
      onEventId: (id: string) => void;
      onRetry: (ms: number) => void;
      onMessage?: (message: JSONRPCMessage) => void;
    },
  ): Promise<void> {
    return readEvents(response, this.#options.maxResponseBytes, {
      event: ({ id, event, data }) => {
        if (id !== undefined && id !== '') on.onEventId(id);
        if (data === '' || (event !== undefined && event !== 'message')) return;
        for (const message of parseMessages(data, response.status)) {
          this.#sink?.message(message);
          on.onMessage?.(message);
        }
      },
      retry: on.onRetry,
    });
  }

  // ── Endings ─────────────────────────────────────────────────────────────────

  async #refused(message: JSONRPCMessage, response: HttpResponse, control: Control): Promise<void> {
    const refusal = await readRefusal(response);
    const answer = isRequest(message) ? answerIn(refusal.body, message.id) : undefined;
    if (answer !== undefined && response.status !== 404) return this.#sink?.message(answer);
    if (await this.#isForgotten(response.status, control)) {
      const reason = connectionLost(
        `The server has forgotten the session (HTTP ${response.status})`,
        'rejected',
      );
      this.#forgotten = true;
      this.#lost(reason);
      throw reason;
    }
    throw errorOfRefusal(refusal, this.#options.redact);
  }

  /**
   * 404 says so. Many servers say 400 instead, which can mean anything: one that refuses a ping in the same
   * way refuses the session.
   */
  async #isForgotten(status: number, control: Control): Promise<boolean> {
    if (this.#session === undefined) return false;
    if (status !== 400) return status === 404;
    const ping: JSONRPCMessage = { jsonrpc: '2.0', id: 'is-the-session-known', method: 'ping' };
    const response = await this.#post(ping, { ...control, sent: () => {} }).catch(() => undefined);
    if (response !== undefined) discard(response);
    return response?.status === 400 || response?.status === 404;
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

/** A server may answer with a JSON-RPC error and an HTTP error status at once. */
function answerIn(body: string, id: RequestId): JSONRPCMessage | undefined {
  try {
    return parseMessages(body, undefined).find((message) => answers(message, id));
  } catch {
    return undefined;
  }
}

/** The stream of an answered request should end by itself; one that does not is ended. */
function discardLater(response: HttpResponse, reading: Promise<void>): void {
  void settlesWithin(reading, STREAM_GRACE_MS).then((ended) => ended || discard(response));
}

function unanswered(how: string): ConnectionError {
  return connectionLost(`The request got no answer: ${how}`);
}
