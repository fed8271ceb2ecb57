import type { IncomingMessage, ServerResponse } from 'node:http';
import { type NodeExchange, parsedBody, respond } from './node-exchange.js';

/** The context of Koa, as far as it matters here. */
export interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
  request: object;
  respond?: boolean | undefined;
}

/** The request of Fastify, as far as it matters here. */
export interface FastifyRequest {
  raw: IncomingMessage;
  body?: unknown;
}

/** The reply of Fastify, as far as it matters here. */
export interface FastifyReply {
  raw: ServerResponse;
  hijack(): unknown;
}

/** What `createRestHandler` makes. */
export type RestHandler = (request: Request) => Promise<Response>;

/**
 * For `http.createServer`, Express and Connect: turns Node's request into a web-standard one, and the response back.
 *
 * Where a body parser has read the body already, its result is taken from `request.body`, as Express leaves it there.
 * When the client goes away, the signal of the request aborts.
 */
export function toNodeListener(
  handler: RestHandler,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (incoming, outgoing) => {
    const { baseUrl } = incoming as { baseUrl?: unknown };
    respond(handler, { incoming, outgoing, body: parsedBody(incoming), mount: textOf(baseUrl) });
  };
}

/** For Koa: as {@link toNodeListener}, with the body as `koa-bodyparser` leaves it. */
export function toKoaMiddleware(handler: RestHandler): (context: KoaContext) => void {
  return (context) => {
    const { req: incoming, res: outgoing, request } = context;
    const { mountPath } = context as { mountPath?: unknown };
    context.respond = false;
    const body = parsedBody(request) ?? parsedBody(incoming);
    respond(handler, { incoming, outgoing, body, mount: textOf(mountPath) });
  };
}

/** For Fastify: as {@link toNodeListener}, with the body as its parsers leave it. */
export function toFastifyHandler(
  handler: RestHandler,
): (request: FastifyRequest, reply: FastifyReply) => void {
  return ({ raw: incoming, body }, reply) => {
    reply.hijack();
    const exchange: NodeExchange = { incoming, outgoing: reply.raw, body: body ?? undefined, mount: '' };
    respond(handler, exchange);
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
