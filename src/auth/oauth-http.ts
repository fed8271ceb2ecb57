import { abortable } from '../core/abort.js';
import { Deadline } from '../core/deadline.js';
import { McpFleetError } from '../core/errors.js';
import { readText } from '../net/body.js';
import { failureOfForeignFetch } from '../net/failures.js';
import type { HttpFetch, HttpRequest } from '../net/http.js';
import { parseRetryAfter } from '../net/retry-after.js';

/** Far more than a token or a metadata document takes. */
const MAX_BYTES = 1_048_576;

/** What counts of an authorization server's answer. */
export interface OAuthAnswer {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** Its `WWW-Authenticate`. */
  readonly challenge: string | null;
  /** The body, if it is a JSON object; whatever its content type says. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
}

/** Sends one request to an authorization server, following no redirect. */
export type AskAuthorizationServer = (
  url: URL,
  request: Omit<HttpRequest, 'signal' | 'redirect'>,
) => Promise<OAuthAnswer>;

/**
 * @param timeoutMs for the request and the whole of its answer.
 * @returns a function that throws `ConnectionError`, `TimeoutError` or the reason of `signal`, and nothing else.
 */
export function oauthHttp(fetch: HttpFetch, timeoutMs: number, signal: AbortSignal): AskAuthorizationServer {
  return async (url, request) => {
    const deadline = new Deadline({ timeoutMs, signal });
    const exchange = async () => {
      const response = await fetch(url, { ...request, redirect: 'manual', signal: deadline.abortSignal });
      const text = await readText(response, MAX_BYTES);
      return {
        status: response.status,
        retryAfterMs: parseRetryAfter(response.headers.get('retry-after')),
        challenge: response.headers.get('www-authenticate'),
        json: parseObject(text),
      };
    };
    try {
      return await abortable(exchange(), deadline.signal);
    } catch (error) {
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw error instanceof McpFleetError ? error : failureOfForeignFetch(error, url);
    } finally {
      deadline[Symbol.dispose]();
    }
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    // Some servers begin with a byte order mark.
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
