import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { listenOnLoopback } from '../fixtures/loopback.js';

export interface HttpRequest {
  /** Method of the JSON-RPC message, or of HTTP where there is none. */
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly params: Readonly<Record<string, unknown>>;
}

/** Answers the requests of a server, and closes what it holds. */
export interface Answering {
  answer(request: IncomingMessage, response: ServerResponse, body: string): Promise<void>;
  close(): Promise<void>;
}

/** An HTTP server on 127.0.0.1 that notes what it is asked. */
export interface Door extends AsyncDisposable {
  readonly url: string;
  /** What was asked, in the order of arrival. */
  readonly requests: readonly HttpRequest[];
  readonly openConnections: number;
  /** Requests that are not answered to their end, streams among them. */
  readonly openResponses: number;
  /** How often a method was asked for. */
  count(method: string): number;
  close(): Promise<void>;
}

export interface DoorOptions {
  /** How long an idle connection is kept. Milliseconds. @default 5_000 */
  keepAliveMs?: number;
}

export async function openDoor(
  answering: Answering,
  { keepAliveMs = 5_000 }: DoorOptions = {},
): Promise<Door> {
  const requests: HttpRequest[] = [];
  let openResponses = 0;
  const server = createServer((request, response) => {
    openResponses++;
    response.on('close', () => openResponses--);
    answer(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = keepAliveMs;
  const loopback = await listenOnLoopback(server);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { method = request.method ?? '', params = {} } = body === '' ? {} : JSON.parse(body);
    requests.push({ method, params, headers: request.headers });
    await answering.answer(request, response, body);
  }

  const close = async () => {
    await loopback.close();
    await answering.close();
  };
  return {
    url: `http://127.0.0.1:${loopback.port}/mcp`,
    requests,
    get openConnections() {
      return loopback.openConnections;
    },
    get openResponses() {
      return openResponses;
    },
    count: (method) => requests.filter((request) => request.method === method).length,
    close,
    [Symbol.asyncDispose]: close,
  };
}
