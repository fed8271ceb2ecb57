import { parseChallenge } from '../../auth/challenge.js';
import { AuthError, ConnectionError, type ErrorDetails, type McpFleetError } from '../../core/errors.js';
import { readExcerpt } from '../../net/body.js';
import type { HttpResponse } from '../../net/http.js';
import { publicUrl } from '../../net/redirects.js';
import { parseRetryAfter } from '../../net/retry-after.js';

const ERROR_BODY_BYTES = 8_192;
const ERROR_TEXT_CHARACTERS = 500;

/** Strips what must not be shown from text that a server sent. */
export type Redact = (text: string) => string;

/** The body of a refusal, read once and bounded. */
export interface Refusal {
  readonly response: HttpResponse;
  readonly body: string;
}

export async function readRefusal(response: HttpResponse): Promise<Refusal> {
  return { response, body: await readExcerpt(response, ERROR_BODY_BYTES) };
}

/**
 * What an HTTP status other than 2xx means for the request that got it.
 *
 * | status | error | delivery |
 * |---|---|---|
 * | 401 | `UNAUTHORIZED` | rejected |
 * | 403 with `insufficient_scope` | `FORBIDDEN` | rejected |
 * | 403 | `FORBIDDEN` | unknown |
 * | 421 | `HTTP_ERROR` | rejected |
 * | 429 | `RATE_LIMITED` | rejected |
 * | 5xx, 408, 425 | `HTTP_ERROR`, retryable | unknown |
 * | else | `HTTP_ERROR` | unknown |
 */
export function errorOfRefusal({ response, body }: Refusal, redact: Redact): McpFleetError {
  const { status } = response;
  const details: ErrorDetails = { retryAfterMs: parseRetryAfter(response.headers.get('retry-after')) };
  const challenge = parseChallenge(response.headers.get('www-authenticate'));
  const place = URL.canParse(response.url) ? ` from ${publicUrl(new URL(response.url))}` : '';
  const why = /^[\w-]{1,64}$/.test(challenge?.error ?? '') ? ` (${challenge?.error})` : '';
  const message = `HTTP ${status}${place}${why}${excerpt(body, redact)}`;
  switch (status) {
    case 401:
      return new AuthError('UNAUTHORIZED', message, { ...details, delivery: 'rejected' });
    case 403: {
      const delivery = challenge?.error === 'insufficient_scope' ? 'rejected' : 'unknown';
      return new AuthError('FORBIDDEN', message, { ...details, delivery });
    }
    case 429:
      return new ConnectionError('RATE_LIMITED', message, {
        ...details,
        httpStatus: status,
        delivery: 'rejected',
        retryable: true,
      });
    default:
      return new ConnectionError('HTTP_ERROR', message, {
        ...details,
        httpStatus: status,
        delivery: status === 421 ? 'rejected' : 'unknown',
        retryable: status >= 500 || status === 408 || status === 421 || status === 425,
      });
  }
}

/** The beginning of what the server said, for people. HTML is not for people. */
function excerpt(body: string, redact: Redact): string {
  const text = redact(messageOf(body)).replace(/\s+/g, ' ').trim();
  if (text === '' || text.startsWith('<')) return '';
  return `: ${text.length > ERROR_TEXT_CHARACTERS ? `${text.slice(0, ERROR_TEXT_CHARACTERS)}…` : text}`;
}

/** The message inside a JSON-RPC error, an OAuth error or a problem document, else the body itself. */
function messageOf(body: string): string {
  try {
    const json = JSON.parse(body);
    const found = [json?.error?.message, json?.error_description, json?.detail, json?.message, json?.error];
    return found.find((candidate) => typeof candidate === 'string') ?? body;
  } catch {
    return body;
  }
}
