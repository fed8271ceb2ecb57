import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { Deadline } from '../../core/deadline.js';
import { ConnectionError } from '../../core/errors.js';
import { SingleFlight } from '../../core/single-flight.js';
import type { StopSignal } from '../../core/stop-signal.js';
import { isRefused } from '../../net/failures.js';
import type { HttpRequest, HttpResponse } from '../../net/http.js';
import { isHttpRefusal } from '../revisions.js';
import { connectionLost } from './connection-lost.js';
import { Exchanges } from './exchanges.js';
import { answerIn, HttpAnswers } from './http-answers.js';
import { HttpHeaders } from './http-headers.js';
import { errorOfRefusal, readRefusal } from './http-refusal.js';
import { endpointOf, isRequest } from './messages.js';
import type { HttpTransportOptions } from './streamable-http.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

/** JSON-RPC 2.0 section 5.1. */
const METHOD_NOT_FOUND = -32_601;

/** How long the request may take that shows whether the server still speaks this revision. */
const PROOF_TIMEOUT_MS = 5_000;

/** What ends a request, and what it tells of itself. */
type Control = Pick<HttpRequest, 'signal' | 'sent' | 'stoppable'>;

/**
 * Streamable HTTP of MCP 2026-07-28: each request is a POST of its own, and its answer comes in the response. There is no
 * session, no other stream, and nothing that is sent beside requests: to cancel one is to close its response.
 */
export class StatelessHttpTransport implements JsonRpcTransport {
  readonly kind = 'http';
  readonly #options: HttpTransportOptions;
  readonly #exchanges = new Exchanges();
  readonly #asking = new SingleFlight<boolean>();
  readonly #answers: HttpAnswers;
  readonly #headers: HttpHeaders;
  /** Where the first request was redirected to is where tools are called. */
  #endpoint: URL;
  #sink: TransportSink | undefined;
  #isOver = false;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.#endpoint = options.url;
    this.#headers = new HttpHeaders(options.headers, options.onSecret);
    this.#answers = new HttpAnswers({
      ...options,
      endpoint: () => this.#endpoint,
      received: (message) => this.#sink?.message(message),
    });
  }

  async start(sink: TransportSink): Promise<void> {
    this.#sink = sink;
  }

  setProtocolVersion(version: string): void {
    this.#headers.protocolVersion = version;
  }

  send(message: JSONRPCMessage, { signal, sent, headers }: SendContext): Promise<void> {
    if (!isRequest(message)) return Promise.resolve();
    return this.#exchanges.run(async ({ stoppable }) => {
      const control: Control = { sent, stoppable };
      if (signal !== undefined) control.signal = signal;
      await this.#exchange(message, headers, control);
    });
  }

  abandon(reason: ConnectionError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink?.closed(reason);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#exchanges.stopAll(connectionLost('The session was closed'));
  }

  async #exchange(message: JSONRPCRequest, fields: SendContext['headers'], control: Control): Promise<void> {
    const response = await this.#post(message, fields, control).catch((error) => this.#unreachable(error));
    if (!response.ok) return this.#refused(message, response, control.signal);
    if (message.method === 'server/discover') this.#endpoint = endpointOf(response, this.#endpoint);
    if (!(await this.#answers.isStream(response))) return this.#answers.readJson(message.id, response);
    const broken = await this.#answers.readAnswer(message.id, response, {});
    if (broken === undefined) return;
    control.signal?.throwIfAborted();
    throw broken;
  }

  async #post(
    message: JSONRPCRequest,
    fields: SendContext['headers'],
    control: Control,
  ): Promise<HttpResponse> {
    const response = await this.#options.fetch(this.#endpoint, {
      method: 'POST',
      headers: { ...this.#headers.post, 'mcp-method': message.method, ...fields },
      body: JSON.stringify(message),
      ...control,
      // A redirect could make a tool run in two places.
      redirect: message.method === 'tools/call' ? 'manual' : 'follow',
    });
    this.#headers.readCookies(response);
    return response;
  }

  async #refused(
    message: JSONRPCRequest,
    response: HttpResponse,
    signal: StopSignal | undefined,
  ): Promise<void> {
    const refusal = await readRefusal(response);
    const answer = answerIn(refusal, message.id);
    // 401 is said by what stands before the server, whatever body it writes.
    if (answer?.kind === 'answer' && response.status !== 401) {
      const { error } = answer.answer;
      // "Protocol Version Header": 404 is how a method that is not known is answered, and says nothing more.
      if (error?.code === METHOD_NOT_FOUND && response.status === 404) {
        const { httpStatus: _status, ...plain } = error;
        this.#sink?.message({ ...answer, answer: { error: plain } });
      } else this.#sink?.message(answer);
      return;
    }
    const error = errorOfRefusal(refusal, this.#options.exit);
    if (this.#isOver || !(error instanceof ConnectionError) || !isHttpRefusal(error)) throw error;
    if (message.method === 'server/discover' || (await this.#stillSpeaks(message, signal))) throw error;
    const reason = connectionLost(
      `The server does not speak as it did (${error.message})`,
      'rejected',
      error,
    );
    this.abandon(reason);
    throw reason;
  }

  /**
   * A status without an answer may come from anything on the way, and the request may have run. That the server refuses
   * what it has to know, too, shows that another one has taken its place. Asked once for all that are refused meanwhile.
   */
  async #stillSpeaks({ params }: JSONRPCRequest, signal: StopSignal | undefined): Promise<boolean> {
    const { _meta } = (params ?? {}) as { _meta?: Record<string, unknown> };
    const id = 'does-it-still-speak';
    const request: JSONRPCRequest = { jsonrpc: '2.0', id, method: 'server/discover', params: { _meta } };
    return this.#asking.run(async () => {
      using deadline = new Deadline({ timeoutMs: PROOF_TIMEOUT_MS });
      const response = await this.#post(request, undefined, { signal: deadline.signal }).catch(
        () => undefined,
      );
      if (response === undefined) return true;
      const refusal = await readRefusal(response);
      return response.ok || !isRefusing(response.status) || answerIn(refusal, id) !== undefined;
    }, signal);
  }

  /** A server that takes no connections has gone: waiting for the next one is better than trying. */
  #unreachable(error: unknown): never {
    if (error instanceof ConnectionError && isRefused(error)) {
      this.abandon(connectionLost('The server is no longer reachable', 'not-sent', error));
    }
    throw error;
  }
}

function isRefusing(status: number): boolean {
  return status === 400 || status === 404 || status === 405;
}
