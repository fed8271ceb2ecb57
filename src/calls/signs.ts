import { AuthError, ConnectionError, McpFleetError, TimeoutError } from '../core/errors.js';

/** Faults of this process or machine: they say nothing of the server. */
const LOCAL_CODES = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EADDRNOTAVAIL', 'EAGAIN', 'ENOENT', 'EACCES']);

/** A foreign error may be its own cause. */
const MAX_CAUSES = 10;

/** What the end of an attempt says of the server. */
export type Sign = 'alive' | 'failing' | 'nothing';

/**
 * What the end of an attempt says of the server.
 *
 * | end | says |
 * |---|---|
 * | an answer, `isError`, JSON-RPC errors and unreadable ones included; HTTP 4xx, 401 and 429 too; a session forgotten; too large an answer | `alive` |
 * | transport failure, timeout, lost answer, an answer of something else than an MCP server, HTTP 5xx | `failing` |
 * | the caller gave up, no token could be had, a local fault, the breaker or queue refused | `nothing` |
 */
export function signOf(thrown: unknown): Sign {
  if (thrown instanceof TimeoutError) return 'failing';
  if (thrown instanceof AuthError) return thrown.code === 'TOKEN_FAILED' ? 'nothing' : 'alive';
  if (thrown instanceof ConnectionError) {
    // Only a server that is there can refuse and answer, in whatever way.
    if (thrown.delivery === 'rejected' || thrown.delivery === 'answered') return 'alive';
    if (thrown.code === 'RESPONSE_TOO_LARGE') return 'alive';
    if (thrown.httpStatus !== undefined && thrown.httpStatus < 500 && thrown.code !== 'PROTOCOL_ERROR')
      return 'alive';
    return isLocalFault(thrown) ? 'nothing' : 'failing';
  }
  if (thrown instanceof McpFleetError) return thrown.code === 'REMOTE_ERROR' ? 'alive' : 'nothing';
  return 'nothing';
}

function isLocalFault(error: Error): boolean {
  let cause: unknown = error;
  for (let depth = 0; cause instanceof Error && depth < MAX_CAUSES; depth++) {
    if (LOCAL_CODES.has(String((cause as NodeJS.ErrnoException).code))) return true;
    cause = cause.cause;
  }
  return false;
}
