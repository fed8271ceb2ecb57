import { ConnectionError, McpFleetError } from '../core/errors.js';
import { withoutText } from '../core/foreign-error.js';

/** Codes after which no byte of a request can have left. */
const NOT_SENT_CODES = new Map<string, string>([
  ['ECONNREFUSED', 'Connection refused'],
  ['ENOTFOUND', 'Host name not found'],
  ['EAI_AGAIN', 'Host name lookup failed'],
  ['EHOSTUNREACH', 'Host unreachable'],
  ['ENETUNREACH', 'Network unreachable'],
  ['EADDRNOTAVAIL', 'No local address available'],
  ['EMFILE', 'Too many open files in this process'],
  ['ENFILE', 'Too many open files on this machine'],
  ['UND_ERR_CONNECT_TIMEOUT', 'Connecting took too long'],
]);

/** A certificate that is not accepted will not be accepted a second later. */
const CERTIFICATE_CODE = /^(ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(VERIFY|GET_ISSUER))/;

/**
 * What a failed request of the built-in client means.
 * @param written whether any byte of the request may have left.
 * @param via host of the proxy that it was to go through.
 */
export function failureOfRequest(error: Error, written: boolean, url: URL, via?: string): ConnectionError {
  // Of the address guard.
  if (error instanceof ConnectionError) return error;
  const code = codeOf(error);
  const place = `${url.protocol}//${url.host}${via === undefined ? '' : ` through the proxy ${via}`}`;
  // Errors of parsers carry the bytes that they met, and a server may have echoed the token in them.
  const cause = withoutText(error, code);
  if (written) return lost(code, place, cause);
  const certificate = CERTIFICATE_CODE.test(code);
  const refusedByProxy =
    via !== undefined && code === 'UND_ERR_ABORTED' && 'The proxy refused the connection';
  const reason =
    refusedByProxy ||
    (certificate ? 'Certificate not accepted' : (NOT_SENT_CODES.get(code) ?? 'Connecting failed'));
  return new ConnectionError('CONNECT_FAILED', `${reason} (${code}): ${place}`, {
    delivery: 'not-sent',
    retryable: !certificate,
    cause,
  });
}

/**
 * What an error thrown by a foreign `fetch` means: it tells nothing of bytes, so only sure codes count. It may hold the
 * request with its token, so it is not kept as it is.
 */
export function failureOfForeignFetch(error: unknown, url: URL): ConnectionError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = codeOf(cause);
  const notSent = NOT_SENT_CODES.has(code) || CERTIFICATE_CODE.test(code);
  return failureOfRequest(withoutText(error, code), !notSent, url);
}

/** What it means that the body of a foreign `fetch` breaks. An abort stays what it is. */
export function failureOfForeignBody(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof McpFleetError || error instanceof DOMException)
    return error;
  const kept = withoutText(error, codeOf(error.cause instanceof Error ? error.cause : error));
  return lost(codeOf(kept), 'within the answer', kept);
}

function lost(code: string, place: string, cause: Error): ConnectionError {
  return new ConnectionError('CONNECTION_LOST', `Connection lost (${code}): ${place}`, {
    delivery: 'unknown',
    retryable: true,
    cause,
  });
}

/** Nobody listens there: the surest sign that a server has gone. */
export function isRefused(error: ConnectionError): boolean {
  return error.code === 'CONNECT_FAILED' && codeOf(error.cause) === 'ECONNREFUSED';
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  if (typeof code === 'string') return code;
  // With several addresses tried, Node reports an AggregateError whose parts have the codes.
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return error instanceof Error ? error.name : 'unknown';
}
