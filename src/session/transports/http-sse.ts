import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { abortable } from '../../core/abort.js';
import { asFleetError, ConnectionError, type McpFleetError } from '../../core/errors.js';
import { discard } from '../../net/body.js';
import { readEvents } from '../../net/event-stream.js';
import type { HttpResponse } from '../../net/http.js';
import { publicUrl } from '../../net/redirects.js';
import { connectionLost } from './connection-lost.js';
import { Exchanges } from './exchanges.js';
import { errorOfRefusal, readRefusal } from './http-refusal.js';
import { mediaType, parseMessages } from './messages.js';
import type { HttpTransportOptions } from './streamable-http.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

/** HTTP+SSE, the older transport (MCP 2024-11-05, "Transports"): one stream for answers, POSTs for requests. */
export class HttpSseTransport implements JsonRpcTransport {
  readonly kind = 'sse';
  readonly #options: HttpTransportOptions;
  readonly #closing = new AbortController();
  readonly #exchanges = new Exchanges();
  #endpoint: URL | undefined;
  #protocolVersion: string | undefined;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
  }

  /** Resolves when the server has named the URL for POSTs. */
  async start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    const abort = () => this.#closing.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const response = await this.#options.fetch(this.#options.url, {
        headers: { ...this.#options.headers, accept: 'text/event-stream' },
        signal: this.#closing.signal,
      });
      await this.#checkStream(response);
      await abortable(this.#listen(response, sink), signal);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  setProtocolVersion(version: string): void {
    this.#protocolVersion = version;
  }

  send(message: JSONRPCMessage, { signal, sent }: SendContext): Promise<void> {
    return this.#exchanges.run(async ({ stoppable }) => {
      const endpoint = this.#endpoint;
      if (endpoint === undefined || this.#closing.signal.aborted)
        throw connectionLost('The stream has ended', 'not-sent');
      const response = await this.#options.fetch(endpoint, {
        method: 'POST',
        headers: {
          ...this.#options.headers,
          'content-type': 'application/json',
          ...(this.#protocolVersion !== undefined && { 'mcp-protocol-version': this.#protocolVersion }),
        },
        body: JSON.stringify(message),
        ...(signal !== undefined && { signal }),
        stoppable,
        sent,
        redirect: 'manual',
      });
      if (!response.ok) throw errorOfRefusal(await readRefusal(response), this.#options.redact);
      discard(response);
    });
  }

  async close(): Promise<void> {
    this.#end(connectionLost('The session was closed'));
  }

  async #checkStream(response: HttpResponse): Promise<void> {
    if (!response.ok) throw errorOfRefusal(await readRefusal(response), this.#options.redact);
    if (mediaType(response) === 'text/event-stream') return;
    discard(response);
    throw new ConnectionError(
      'PROTOCOL_ERROR',
      `Expected an event stream, got ${response.headers.get('content-type') ?? 'no content type'}` +
        ` (HTTP ${response.status}); is ${publicUrl(this.#options.url)} the URL of an MCP server?`,
      { delivery: 'unknown', httpStatus: response.status },
    );
  }

  /** Reads for as long as the connection lives; the promise resolves when the endpoint is known. */
  #listen(response: HttpResponse, sink: TransportSink): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = (reason: McpFleetError) => {
        const known = this.#endpoint !== undefined;
        if (this.#closing.signal.aborted) return reject(reason);
        this.#end(reason);
        if (known) sink.closed(reason);
        else reject(reason);
      };
      readEvents(response, this.#options.maxResponseBytes, {
        event: ({ event, data }) => {
          if (event === 'endpoint') {
            this.#endpoint ??= this.#sameOriginUrl(data);
            resolve();
          } else if (event === undefined || event === 'message') {
            for (const message of parseMessages(data, response.status)) sink.message(message);
          }
        },
      }).then(
        () => over(connectionLost('The server ended the stream')),
        (error) => over(error instanceof ConnectionError ? error : asFleetError(error)),
      );
    });
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
