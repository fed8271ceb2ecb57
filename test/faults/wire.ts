import type { IncomingHttpHeaders } from 'node:http';
import type { RpcAnswer, RpcMessage } from './mcp-core.js';

/**
 * Over which wire the faults happen: the whole table runs twice, as the projects `faults` and `faults-modern`.
 * `modern` is revision 2026-07-28, without sessions, and without streams but those of answers.
 */
export const IS_MODERN = process.env.FAULTS_WIRE === 'modern';

/** The first request of a session. */
export const FIRST = IS_MODERN ? 'server/discover' : 'initialize';

const REVISION = '2026-07-28';
/** Methods that the modern wire does not know. */
const GONE = new Set([
  ...['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'],
]);

/** How a server of 2026-07-28 refuses a request before it does anything; `undefined`: it does not. */
export function modernRefusal(
  { id, method = '', params = {} }: RpcMessage,
  headers: IncomingHttpHeaders,
): { status: number; body: object } | undefined {
  const refuse = (status: number, code: number, data?: object) => ({
    status,
    body: { jsonrpc: '2.0', id, error: { code, message: 'refused', data } },
  });
  const meta = (params._meta ?? {}) as Record<string, unknown>;
  const version = meta['io.modelcontextprotocol/protocolVersion'];
  if (version !== REVISION) return refuse(400, -32_022, { supported: [REVISION], requested: version });
  const name = params.name ?? params.uri;
  const hasName = method === 'tools/call' || method === 'prompts/get' || method === 'resources/read';
  const fits =
    headers['mcp-protocol-version'] === version &&
    headers['mcp-method'] === method &&
    (!hasName || headers['mcp-name'] === name);
  if (!fits) return refuse(400, -32_020);
  return GONE.has(method) ? refuse(404, -32_601) : undefined;
}

/** What only 2026-07-28 says in an answer. */
export function modernAnswer({ result, ...rest }: RpcAnswer, { method }: RpcMessage): RpcAnswer {
  if (result === undefined) return rest;
  const hints = /list|read|discover/.test(method ?? '') && { ttlMs: 0, cacheScope: 'private' };
  return { ...rest, result: { resultType: 'complete', ...hints, ...result } };
}
