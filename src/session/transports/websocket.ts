import type { IncomingMessage } from 'node:http';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { WebSocket } from 'ws';
import { parseChallenge } from '../../auth/challenge.js';
import type { AccessToken } from '../../auth/token-provider.js';
import type { TokenSource } from '../../auth/token-source.js';
import { AuthError, asFleetError, ConnectionError, type McpFleetError } from '../../core/errors.js';
import type { AddressGuard } from '../../net/address-guard.js';
import { failureOfRequest } from '../../net/failures.js';
import { connectionLost } from './connection-lost.js';
import { parseMessages } from './messages.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

const SUBPROTOCOL = 'mcp';
/** How long the closing handshake may take. */
const CLOSE_TIMEOUT_MS = 1_000;

export interface WebSocketTransportOptions {
  url: URL;
  headers: Readonly<Record<string, string>>;
  guard: AddressGuard | undefined;
  tokens: TokenSource | undefined;
  maxResponseBytes: number;
}

/** WebSocket with the subprotocol `mcp`: one JSON-RPC message per text frame. */
export class WebSocketTransport implements JsonRpcTransport {
  readonly kind = 'ws';
  readonly #options: WebSocketTransportOptions;
  #socket: WebSocket | undefined;
  #closed = false;

  constructor(options: WebSocketTransportOptions) {
    this.#options = options;
  }

  async start(sink: TransportSink, signal: AbortSignal): Promise<void> {
    this.#socket = await this.#open(signal);
    this.#socket
      .on('message', (data) => this.#message(data.toString(), sink))
      .on('error', (cause) => this.#over(brokenBy(cause), sink))
      .on('close', (code) =>
        this.#over(connectionLost(`The server closed the WebSocket (code ${code})`), sink),
      );
  }

  send(message: JSONRPCMessage, { sent }: SendContext): Promise<void> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN)
      return Promise.reject(connectionLost('The WebSocket is not open', 'not-sent'));
    return new Promise((resolve, reject) => {
      sent();
      socket.send(JSON.stringify(message), (cause) => (cause ? reject(brokenBy(cause)) : resolve()));
    });
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (this.#closed || socket === undefined) return;
    this.#closed = true;
    await new Promise<void>((resolve) => {
      const terminate = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
      socket.once('close', () => {
        clearTimeout(terminate);
        resolve();
      });
      if (socket.readyState === WebSocket.CLOSED) socket.emit('close', 1000, Buffer.alloc(0));
      else socket.close(1000);
    });
  }

  /** One handshake; after a 401 one more, when there is another token to try. */
  async #open(signal: AbortSignal): Promise<WebSocket> {
    const { tokens } = this.#options;
    const token = await tokens?.get(signal);
    const first = await this.#handshake(token, signal);
    if (first instanceof WebSocket) {
      tokens?.accepted();
      return first;
    }
    if (first.status === 401 && tokens !== undefined) {
      const fresh = await tokens.rejected(token, parseChallenge(first.challenge), signal);
      const second = fresh === undefined ? first : await this.#handshake(fresh, signal);
      if (second instanceof WebSocket) return second;
      throw refused(second.status);
    }
    throw refused(first.status);
  }

  #handshake(
    token: AccessToken | undefined,
    signal: AbortSignal,
  ): Promise<WebSocket | { status: number; challenge: string | null }> {
    const { url, headers, guard, maxResponseBytes } = this.#options;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const lookup = guard?.lookupFor(url);
      const socket = new WebSocket(url, SUBPROTOCOL, {
        headers: { ...headers, ...(token && { authorization: `Bearer ${token.token}` }) },
        maxPayload: maxResponseBytes,
        followRedirects: false,
        perMessageDeflate: false,
        ...(lookup !== undefined && { lookup }),
      });
      const abort = () => {
        reject(signal.reason);
        socket.terminate();
      };
      const settled = () => signal.removeEventListener('abort', abort);
      signal.addEventListener('abort', abort, { once: true });
      socket.once('open', () => {
        settled();
        resolve(socket);
      });
      socket.once('unexpected-response', (_request, response: IncomingMessage) => {
        settled();
        resolve({
          status: response.statusCode ?? 0,
          challenge: response.headers['www-authenticate'] ?? null,
        });
        response.resume();
        socket.terminate();
      });
      // Stays attached: an error event without a listener would be thrown.
      socket.on('error', (cause) => {
        settled();
        reject(failureOfRequest(cause, false, url));
      });
    });
  }

  #message(text: string, sink: TransportSink): void {
    try {
      for (const message of parseMessages(text)) sink.message(message);
    } catch (error) {
      sink.error(asFleetError(error));
    }
  }

  #over(reason: McpFleetError, sink: TransportSink): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket?.terminate();
    sink.closed(reason);
  }
}

function refused(status: number): McpFleetError {
  const message = `The server refused the WebSocket (HTTP ${status})`;
  if (status === 401) return new AuthError('UNAUTHORIZED', message, { delivery: 'not-sent' });
  if (status === 403) return new AuthError('FORBIDDEN', message, { delivery: 'not-sent' });
  return new ConnectionError('HTTP_ERROR', message, {
    delivery: 'not-sent',
    httpStatus: status,
    retryable: status >= 500 || status === 429,
  });
}

function brokenBy(cause: Error): ConnectionError {
  const tooLarge = (cause as NodeJS.ErrnoException).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
  if (!tooLarge) return connectionLost('The WebSocket broke', 'unknown', cause);
  return new ConnectionError('RESPONSE_TOO_LARGE', 'A WebSocket message is larger than maxResponseBytes', {
    delivery: 'unknown',
    cause,
  });
}
