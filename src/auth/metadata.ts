import { AuthError, ConnectionError } from '../core/errors.js';
import { publicUrl } from '../net/redirects.js';
import type { AskAuthorizationServer, OAuthAnswer } from './oauth-http.js';
import { requestFailed } from './token-errors.js';

/** A metadata document as it came. */
export type MetadataDocument = NonNullable<OAuthAnswer['json']>;

/**
 * The first document that `read` accepts, from places that are tried in order.
 * @param what is looked for, for the message.
 * @param read answers a text that says what is wrong with a document.
 * @throws {AuthError} `TOKEN_FAILED`
 */
export async function readMetadata<Found extends object>(
  what: string,
  places: readonly URL[],
  ask: AskAuthorizationServer,
  read: (document: MetadataDocument) => Found | string,
): Promise<Found> {
  const problems: string[] = [];
  let retryable = false;
  let retryAfterMs: number | undefined;
  let cause: unknown;
  for (const url of places) {
    try {
      const { status, json, ...answer } = await ask(url, { headers: { accept: 'application/json' } });
      const found = status !== 200 ? `HTTP ${status}` : json === undefined ? 'not a JSON object' : read(json);
      if (typeof found !== 'string') return found;
      problems.push(`${publicUrl(url)}: ${found}`);
      retryable ||= status >= 500 || status === 429;
      retryAfterMs ??= answer.retryAfterMs;
    } catch (error) {
      // A server that cannot be reached at one place cannot be reached at the others.
      if (!(error instanceof ConnectionError) || error.httpStatus === undefined) throw requestFailed(error);
      problems.push(`${publicUrl(url)}: ${error.message}`);
      cause ??= error;
    }
  }
  throw new AuthError('TOKEN_FAILED', `No metadata of ${what} found (${problems.join('; ')})`, {
    retryable,
    retryAfterMs,
    cause,
  });
}

export function textsIn(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : undefined;
}
