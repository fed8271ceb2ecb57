import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { abortable } from '../../core/abort.js';
import { asFleetError, ConnectionError, type McpFleetError } from '../../core/errors.js';
import type { StopSignal } from '../../core/stop-signal.js';
import { discard, readExcerpt } from '../../net/body.js';
import type { StreamEvent } from '../../net/event-parser.js';
import { readEvents } from '../../net/event-stream.js';
import type { HttpFetch, HttpRequest, HttpResponse } from '../../net/http.js';
import { publicUrl } from '../../net/redirects.js';
import { type Incoming, oversizeMessage, readMessages } from '../reading/message.js';
import { connectionLost } from './connection-lost.js';
import { Exchanges } from './exchanges.js';
import { HttpHeaders } from './http-headers.js';
import { errorOfRefusal, readRefusal } from './http-refusal.js';
import { answers, isRequest, mediaType } from './messages.js';
import type { HttpTransportOptions } from './streamable-http.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

const EXCERPT_BYTES = 16_384;

/** HTTP+SSE, the older transport (MCP 2024-11-05, "Transports"): one stream for answers, POSTs for requests. */
export class HttpSseTransport implements JsonRpcTransport {
  readonly kind = 'sse';
  readonly #options: HttpTransportOptions;
  readonly #closing = new AbortController();
  readonly #exchanges = new Exchanges();
  readonly #headers: HttpHeaders;
  #endpoint: URL | undefined;
  #sink: TransportSink | undefined;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
    this.#headers = new HttpHeaders(options.headers, options.onSecret);
  }

  /** Resolves when the server has named the URL for POSTs. */
  async start(sink: TransportSink, signal: StopSignal): Promise<void> {
    this.#sink = sink;
    const abort = () => this.#closing.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const response = await this.#fetch(this.#options.url, {
        headers: this.#headers.stream(),
        signal: this.#closing.signal,
      });
      await this.#checkStream(response);
      await abortable(this.#listen(response, sink), signal);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  setProtocolVersion(version: string): void {
    this.#headers.protocolVersion = version;
  }

  send(message: JSONRPCMessage, { signal, sent }: SendContext): Promise<void> {
    return this.#exchanges.run(async ({ stoppable }) => {
      const endpoint = this.#endpoint;
      if (endpoint === undefined || this.#closing.signal.aborted)
        throw connectionLost('The stream has ended', 'not-sent');
      const response = await this.#fetch(endpoint, {
        method: 'POST',
        headers: this.#headers.post,
        body: JSON.stringify(message),
        ...(signal !== undefined && { signal }),
        stoppable,
        sent,
        redirect: 'manual',
      });
      await this.#accepted(message, response);
    });
  }

  async close(): Promise<void> {
    this.#end(connectionLost('The session was closed'));
  }

  async #fetch(...[url, request]: Parameters<HttpFetch>): Promise<HttpResponse> {
    const response = await this.#options.fetch(url, request as HttpRequest);
    this.#headers.readCookies(response);
    return response;
  }

  /** The answer comes through the stream; a body with one in it, for a refusal above all, is understood. */
  async #accepted(message: JSONRPCMessage, response: HttpResponse): Promise<void> {
    const isJson = isRequest(message) && /json/.test(mediaType(response));
    if (response.ok && !isJson) return discard(response);
    const refusal = await readRefusal(response);
    const answer = isRequest(message)
      ? readMessages(refusal.body, { maxBytes: refusal.body.length }).find((each) =>
          answers(each, message.id),
        )
      : undefined;
    if (answer !== undefined && response.status !== 401) return this.#sink?.message(answer);
    if (!response.ok) throw errorOfRefusal(refusal, this.#options.exit);
  }

  async #checkStream(response: HttpResponse): Promise<void> {
    const { exit, url } = this.#options;
    if (!response.ok) throw errorOfRefusal(await readRefusal(response), exit);
    if (mediaType(response) === 'text/event-stream') return;
    const { text, isWhole } = await readExcerpt(response, EXCERPT_BYTES);
    const words = exit.words(text, { isWhole });
    const said = words === '' || words.startsWith('<') ? '' : `: ${words}`;
    throw new ConnectionError(
      'PROTOCOL_ERROR',
      `Expected an event stream, got ${response.headers.get('content-type') ?? 'no content type'}` +
        ` (HTTP ${response.status}); is ${publicUrl(url)} the URL of an MCP server?${said}`,
      { delivery: 'unknown', httpStatus: response.status },
    );
  }

  /** Reads for as long as the connection lives; the promise resolves when the endpoint is known. */
  #listen(response: HttpResponse, sink: TransportSink): Promise<void> {
    const { maxResponseBytes: maxBytes } = this.#options;
    return new Promise((resolve, reject) => {
      const over = (reason: McpFleetError) => {
        const known = this.#endpoint !== undefined;
        if (this.#closing.signal.aborted) return reject(reason);
        this.#end(reason);
        if (known) sink.closed(reason);
        else reject(reason);
      };
      const event = ({ event: name, data }: StreamEvent) => {
        if (name === 'endpoint') {
          this.#endpoint ??= this.#sameOriginUrl(data);
          resolve();
        } else if (data !== '' && (name === undefined || name === 'message')) {
          for (const message of readMessages(data, { maxBytes })) this.#received(message, sink);
        }
      };
      const oversize = (head: string, tail: string) => this.#received(oversizeMessage(head, tail), sink);
      readEvents(response, maxBytes, { event, oversize }).then(
        () => over(connectionLost('The server ended the stream')),
        (error) => over(error instanceof ConnectionError ? error : asFleetError(error)),
      );
    });
  }

  #received(message: Incoming, sink: TransportSink): void {
    if (!this.#closing.signal.aborted) sink.message(message);
  }

  #sameOriginUrl(data: string): URL {
    const { url } = this.#options;
    const endpoint = URL.canParse(data, url.href) ? new URL(data, url) : undefined;
    if (endpoint?.origin === url.origin) return endpoint;
    throw new ConnectionError(
      'PROTOCOL_ERROR',
      `The server named an endpoint of another origin than ${url.origin}: ${endpoint?.origin ?? 'not a URL'}`,
      { delivery: 'not-sent' },
    );
  }

  #end(reason: McpFleetError): void {
    this.#closing.abort(reason);
    this.#exchanges.stopAll(reason);
  }
}
