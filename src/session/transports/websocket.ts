import type { ClientRequestArgs, IncomingMessage } from 'node:http';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { WebSocket } from 'ws';
import { parseChallenge } from '../../auth/challenge.js';
import type { AccessToken } from '../../auth/token-provider.js';
import type { TokenSource } from '../../auth/token-source.js';
import { AuthError, ConnectionError, McpFleetError } from '../../core/errors.js';
import { loaded } from '../../core/loaded.js';
import { Pacer } from '../../core/pacer.js';
import type { StopSignal } from '../../core/stop-signal.js';
import type { TextExit } from '../../core/text-exit.js';
import { type AddressGuard, checkHost } from '../../net/address-guard.js';
import { failureOfRequest } from '../../net/failures.js';
import { lowerCaseNames, USER_AGENT } from '../../net/headers.js';
import { type ProxySetting, proxyFor, secretsOfProxy } from '../../net/proxy.js';
import { parseRetryAfter } from '../../net/retry-after.js';
import { oversizeMessage, readMessages } from '../reading/message.js';
import { connectionLost } from './connection-lost.js';
import type { JsonRpcTransport, SendContext, TransportSink } from './transport.js';

const SUBPROTOCOL = 'mcp';
/** How long the closing handshake may take. */
const CLOSE_TIMEOUT_MS = 1_000;
/** A frame up to so many times as large as allowed is passed over; a larger one ends the connection. */
const MAX_EXCESS = 4;
/** What may wait for a server that does not read. */
const MAX_BACKLOG_BYTES = 16_777_216;
/** Answers to the server's pings may wait up to here; more of them are left out. */
const MAX_PONG_BACKLOG_BYTES = 65_536;
/** Of the body of a refusal. */
const ERROR_BODY_BYTES = 16_384;
/** Of a message that is passed over. */
const HEAD_BYTES = 65_536;
const TAIL_BYTES = 1_024;

export interface WebSocketTransportOptions {
  url: URL;
  headers: Readonly<Record<string, string>>;
  guard: AddressGuard | undefined;
  tokens: TokenSource | undefined;
  maxResponseBytes: number;
  exit: TextExit;
  proxy: ProxySetting;
  /** Gets what messages must not repeat. */
  onSecret: (secret: string) => void;
}

/** What a server answered that did not take the WebSocket. */
interface Refusal {
  readonly status: number;
  readonly challenge: string | null;
  readonly retryAfter: string | null;
  readonly body: string;
  readonly isWhole: boolean;
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

  async start(sink: TransportSink, signal: StopSignal): Promise<void> {
    const socket = await this.#open(signal);
    const pacer = new Pacer(socket);
    this.#socket = socket
      .on('message', (data: Buffer) => pacer.run(() => this.#message(data, sink)))
      .on('ping', (data) => {
        if (socket.bufferedAmount <= MAX_PONG_BACKLOG_BYTES) socket.pong(data);
      })
      .on('error', (cause) => this.#over(brokenBy(cause), sink))
      .on('close', (code) =>
        this.#over(connectionLost(`The server closed the WebSocket (code ${code})`), sink),
      );
  }

  send(message: JSONRPCMessage, { sent }: SendContext): Promise<void> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN)
      return Promise.reject(connectionLost('The WebSocket is not open', 'not-sent'));
    if (socket.bufferedAmount > MAX_BACKLOG_BYTES) return Promise.reject(notRead());
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
  async #open(signal: StopSignal): Promise<WebSocket> {
    const { tokens } = this.#options;
    const token = await tokens?.get(signal);
    if (tokens?.isPerRequest === true && token !== undefined) throw forOneCaller();
    const first = await this.#handshake(token, signal);
    if (first instanceof WebSocket) {
      tokens?.accepted();
      return first;
    }
    if (first.status === 401 && tokens !== undefined) {
      const fresh = await tokens.rejected(token, parseChallenge(first.challenge), signal);
      const second = fresh === undefined ? first : await this.#handshake(fresh, signal);
      if (second instanceof WebSocket) return second;
      throw this.#refused(second);
    }
    throw this.#refused(first);
  }

  async #handshake(token: AccessToken | undefined, signal: StopSignal): Promise<WebSocket | Refusal> {
    const { url, guard, proxy: setting, onSecret } = this.#options;
    const proxy = proxyFor(url, setting);
    if (proxy === undefined) {
      const lookup = guard?.lookupFor(url);
      return this.#connect(token, signal, lookup === undefined ? {} : { lookup });
    }
    if (guard !== undefined) await checkHost(guard, url);
    secretsOfProxy(proxy).forEach(onSecret);
    const { HttpsProxyAgent } = await loaded(import('https-proxy-agent'));
    const agent = new HttpsProxyAgent(proxy);
    let status = 200;
    agent.on('proxyConnect', ({ statusCode }: { statusCode: number }) => {
      status = statusCode;
    });
    const outcome = await this.#connect(token, signal, { agent }, proxy.host);
    // The agent hands on what the proxy said as if the server had.
    if (outcome instanceof WebSocket || status === 200) return outcome;
    throw new ConnectionError(
      'CONNECT_FAILED',
      `The proxy refused the connection (HTTP ${status}): ${url.protocol}//${url.host} through the proxy ${proxy.host}`,
      { delivery: 'not-sent', retryable: true },
    );
  }

  #connect(
    token: AccessToken | undefined,
    signal: StopSignal,
    way: Pick<ClientRequestArgs, 'lookup' | 'agent'>,
    via?: string,
  ): Promise<WebSocket | Refusal> {
    const { url, headers, maxResponseBytes } = this.#options;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const socket = new WebSocket(url, SUBPROTOCOL, {
        headers: {
          'user-agent': USER_AGENT,
          ...lowerCaseNames(headers),
          ...(token && { authorization: `Bearer ${token.token}` }),
        },
        maxPayload: maxResponseBytes * MAX_EXCESS,
        autoPong: false,
        followRedirects: false,
        perMessageDeflate: false,
        // A turn of the event loop for each frame: thousands may come in one piece.
        allowSynchronousEvents: false,
        ...way,
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
        void readRefusal(response).then((refusal) => {
          resolve(refusal);
          socket.terminate();
        });
      });
      // Stays attached: an error event without a listener would be thrown.
      socket.on('error', (cause) => {
        settled();
        reject(failureOfRequest(cause, false, url, via));
      });
    });
  }

  #message(data: Buffer, sink: TransportSink): void {
    const { maxResponseBytes: maxBytes } = this.#options;
    if (data.length > maxBytes) {
      const head = data.toString('utf8', 0, HEAD_BYTES);
      sink.message(oversizeMessage(head, data.toString('utf8', data.length - TAIL_BYTES)));
    } else for (const message of readMessages(data.toString(), { maxBytes })) sink.message(message);
  }

  #refused({ status, retryAfter, body, isWhole }: Refusal): McpFleetError {
    const words = this.#options.exit.words(body, { isWhole });
    const said = words === '' || words.startsWith('<') ? '' : `: ${words}`;
    const message = `The server refused the WebSocket (HTTP ${status})${said}`;
    if (status === 401) return new AuthError('UNAUTHORIZED', message, { delivery: 'not-sent' });
    if (status === 403) return new AuthError('FORBIDDEN', message, { delivery: 'not-sent' });
    return new ConnectionError('HTTP_ERROR', message, {
      delivery: 'not-sent',
      httpStatus: status,
      retryable: status >= 500 || status === 429,
      retryAfterMs: parseRetryAfter(retryAfter),
    });
  }

  #over(reason: McpFleetError, sink: TransportSink): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket?.terminate();
    sink.closed(reason);
  }
}

/** Reads what a server says to its refusal, bounded in size; it ends with the connection. Never rejects. */
function readRefusal(response: IncomingMessage): Promise<Refusal> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      resolve({
        status: response.statusCode ?? 0,
        challenge: response.headers['www-authenticate'] ?? null,
        retryAfter: response.headers['retry-after'] ?? null,
        body: Buffer.concat(chunks).toString('utf8', 0, ERROR_BODY_BYTES),
        isWhole: size <= ERROR_BODY_BYTES,
      });
    };
    const timer = setTimeout(done, CLOSE_TIMEOUT_MS);
    response
      .on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= 2 * ERROR_BODY_BYTES) chunks.push(chunk);
        else done();
      })
      .on('end', done)
      .on('error', done);
  });
}

function forOneCaller(): AuthError {
  const what = 'The token provider answered with a plain string, which is the token of one caller';
  return new AuthError(
    'TOKEN_FAILED',
    `${what}; a WebSocket has the token of its handshake for all: answer with { token, expiresAt }`,
  );
}

function notRead(): McpFleetError {
  return new McpFleetError(
    'QUEUE_FULL',
    `The server does not read the WebSocket: more than ${MAX_BACKLOG_BYTES} bytes wait`,
    { delivery: 'not-sent', retryable: true },
  );
}

function brokenBy(cause: Error): ConnectionError {
  const tooLarge = (cause as NodeJS.ErrnoException).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
  if (!tooLarge) return connectionLost('The WebSocket broke', 'unknown', cause);
  return new ConnectionError(
    'RESPONSE_TOO_LARGE',
    `A WebSocket message is larger than ${MAX_EXCESS} times maxResponseBytes`,
    {
      delivery: 'unknown',
      cause,
    },
  );
}
