import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { mountedAt } from './mount.js';
import { problemResponse, Refusal } from './problem.js';

/** How long what is left of an unwanted body may go on arriving after the answer. */
const LINGER_MS = 2_000;

/** A request of Node, and what the framework that it came through knows of it. */
export interface NodeExchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** What a body parser made of the body; `undefined` where none did. */
  readonly body: unknown;
  /** What the framework took off the URL. */
  readonly mount: string;
}

/** Answers it by `handler`, sooner or later. */
export function respond(handler: (request: Request) => Promise<Response>, exchange: NodeExchange): void {
  const { incoming, outgoing } = exchange;
  const gone = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort(new DOMException('The client is gone', 'AbortError'));
  });
  // A client may break the connection at any time; `close` comes after it.
  outgoing.on('error', () => {});
  const answer = async () => handler(webRequest(exchange, gone.signal));
  answer().then(
    (response) => write(response, incoming, outgoing),
    (error) => write(problemResponse(error), incoming, outgoing),
  );
}

/** Express and Koa leave what was parsed in `body`; some platforms leave the bytes in `rawBody`. */
export function parsedBody(request: object): unknown {
  const { body, rawBody } = request as { body?: unknown; rawBody?: unknown };
  return rawBody ?? body ?? undefined;
}

/** @throws {Refusal} 400 for what has no web-standard form, such as a method that `fetch` forbids. */
function webRequest(exchange: NodeExchange, signal: AbortSignal): Request {
  const { incoming, mount } = exchange;
  const { method = 'GET' } = incoming;
  const body = method === 'GET' || method === 'HEAD' ? null : bodyOf(exchange);
  try {
    const headers = headersOf(incoming);
    // What a parser has read is no longer compressed.
    if (incoming.readableDidRead) headers.delete('content-encoding');
    const request = new Request(urlOf(incoming), { method, headers, body, signal, duplex: 'half' });
    return mountedAt(request, mount);
  } catch {
    throw new Refusal('INVALID_REQUEST', 'The request line or a header is not usable');
  }
}

function urlOf({ url = '/', headers, socket }: IncomingMessage): string {
  const scheme = (socket as Partial<TLSSocket>).encrypted ? 'https' : 'http';
  // RFC 9112 section 3.2: a path, or the whole URL, or * for OPTIONS.
  const path = url.startsWith('/') ? url : URL.canParse(url) ? pathOf(new URL(url)) : '/';
  // HTTP/2 has the host in a field of its own (RFC 9113 section 8.3.1).
  const host = new URL(`${scheme}://${headers.host ?? headers[':authority'] ?? 'localhost'}`);
  return `${host.origin}${path}`;
}

function pathOf({ pathname, search }: URL): string {
  return `${pathname}${search}`;
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    // HTTP/2 has fields of its own among the headers.
    if (!name.startsWith(':')) headers.append(name, value);
  }
  return headers;
}

type Body = NonNullable<RequestInit['body']>;

function bodyOf({ incoming, body }: NodeExchange): Body | null {
  const { headers } = incoming;
  const expected = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (!expected) return null;
  if (!incoming.readableDidRead) return streamOf(incoming);
  if (body === undefined)
    throw new Refusal(
      'INTERNAL',
      'The body was read before, and is not in request.body; put it there, or ' +
        'use toKoaMiddleware or toFastifyHandler',
    );
  return typeof body === 'string' || body instanceof Uint8Array ? (body as Body) : JSON.stringify(body);
}

/** Reads when it is read, and leaves the connection alone when it is given up: the answer still has to go out. */
function streamOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let iterator: AsyncIterator<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        iterator ??= incoming.iterator({ destroyOnReturn: false });
        const { done, value } = await iterator.next();
        if (done) stream.close();
        else stream.enqueue(value);
      },
      async cancel() {
        await iterator?.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

function write(response: Response, incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (outgoing.destroyed) {
    response.body?.cancel().catch(() => {});
    return;
  }
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) {
    // Our policy instead of one for all pages of the host: of two, a browser applies both.
    if (name === 'vary' || name === 'set-cookie') outgoing.appendHeader(name, value);
    else outgoing.setHeader(name, value);
  }
  outgoing.once('finish', () => endUnwantedBody(incoming));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  outgoing.flushHeaders();
  // Waits for slow readers, and cancels the body when they go.
  pipeline(Readable.fromWeb(response.body), outgoing, () => {});
}

/** Whoever still sends gets time to read the answer, and no more. */
function endUnwantedBody(incoming: IncomingMessage): void {
  if (incoming.complete) return;
  incoming.resume();
  const timer = setTimeout(() => incoming.destroy(), LINGER_MS);
  timer.unref();
  incoming.once('close', () => clearTimeout(timer));
}
