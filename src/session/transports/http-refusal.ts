import { parseChallenge } from '../../auth/challenge.js';
import { AuthError, ConnectionError, type ErrorDetails, type McpFleetError } from '../../core/errors.js';
import type { TextExit } from '../../core/text-exit.js';
import { readExcerpt } from '../../net/body.js';
import type { HttpResponse } from '../../net/http.js';
import { publicUrl } from '../../net/redirects.js';
import { parseRetryAfter } from '../../net/retry-after.js';

/** More than is shown, so that no secret is cut in two before it is cut out. */
const ERROR_BODY_BYTES = 16_384;

/** The body of a refusal, read once and bounded. */
export interface Refusal {
  readonly response: HttpResponse;
  readonly body: string;
  readonly isWhole: boolean;
}

export async function readRefusal(response: HttpResponse): Promise<Refusal> {
  const { text, isWhole } = await readExcerpt(response, ERROR_BODY_BYTES);
  return { response, body: text, isWhole };
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
export function errorOfRefusal({ response, body, isWhole }: Refusal, exit: TextExit): McpFleetError {
  const { status } = response;
  const details: ErrorDetails = { retryAfterMs: parseRetryAfter(response.headers.get('retry-after')) };
  const challenge = parseChallenge(response.headers.get('www-authenticate'));
  const place = URL.canParse(response.url) ? ` from ${publicUrl(new URL(response.url))}` : '';
  const why = /^[\w-]{1,64}$/.test(challenge?.error ?? '') ? ` (${challenge?.error})` : '';
  const words = exit.words(messageOf(body), { isWhole });
  // HTML is not for people.
  const said = words === '' || words.startsWith('<') ? '' : `: ${words}`;
  const message = `HTTP ${status}${place}${why}${said}`;
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
