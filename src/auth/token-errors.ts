import { AuthError, type ErrorDetails, McpFleetError } from '../core/errors.js';
import { withoutText } from '../core/foreign-error.js';
import type { KnownSecrets } from '../core/known-secrets.js';
import { TextExit } from '../core/text-exit.js';
import { publicUrl } from '../net/redirects.js';
import type { OAuthAnswer } from './oauth-http.js';
import { readTokenResponse } from './token-response.js';

/** Longest text of an authorization server that goes into a message. */
const MAX_TEXT = 200;

/** The OAuth error codes that speak of the server's state and not of the request. */
const TRANSIENT_CODES = new Set(['server_error', 'temporarily_unavailable', 'slow_down']);

/** What is known of a token request that failed. */
export interface FailedTokenRequest {
  readonly tokenUrl: URL;
  /** What the request carried that nobody may see. */
  readonly secrets: KnownSecrets;
  /** The HTTP answer, if there was one. */
  readonly answer: OAuthAnswer | undefined;
}

/**
 * What a failed token request means: retryable after network errors, timeouts, 5xx, 429 and what the OAuth code
 * calls transient; not after anything else, `invalid_client` and its kin above all.
 */
export function tokenError(error: unknown, request: FailedTokenRequest): AuthError {
  const own = ownErrorIn(error);
  if (own !== undefined) return requestFailed(own);
  const { answer, tokenUrl } = request;
  // openid-client hangs whole answers on its errors, and `inspect` would print the token in them.
  const cause = withoutText(error);
  const server = `The authorization server ${publicUrl(tokenUrl)}`;
  if (answer === undefined)
    return failure(`The token request could not be made: ${cause.name}, ${cause.message}`, cause, false);
  const { status, retryAfterMs } = answer;
  const response = readTokenResponse(answer);
  const exit = new TextExit(request.secrets);
  if (response.kind !== 'refused') {
    const problem = response.kind === 'unusable' ? response.problem : 'openid-client takes it for none';
    return failure(`${server} gave no token that can be used: HTTP ${status}, ${problem}`, cause, false);
  }
  const { code, description } = response;
  const retryable = status >= 500 || status === 429 || (code !== undefined && TRANSIENT_CODES.has(code));
  const words = (text: string) => exit.words(text, { limit: MAX_TEXT });
  const reason = code === undefined ? '' : `, ${words(code)}`;
  const explained = description === undefined ? '' : ` (${words(description)})`;
  const text = `${reason}${explained}`;
  return failure(`${server} gave no token: HTTP ${status}${text}`, cause, retryable, retryAfterMs);
}

/** No usable HTTP answer came: the error of our own HTTP layer decides. An abort's reason stays what it is. */
export function requestFailed<E>(error: E): AuthError | E {
  if (!(error instanceof McpFleetError)) return error;
  return failure(
    `The request to the authorization server failed: ${error.message}`,
    error,
    error.retryable,
    error.retryAfterMs,
  );
}

/** The same failure in other circumstances. */
export function restated(
  error: AuthError,
  circumstances: Pick<ErrorDetails, 'delivery' | 'retryAfterMs'>,
): AuthError {
  const { message, server, delivery, retryable, retryAfterMs } = error;
  const details = { server, delivery, retryable, retryAfterMs, cause: error.cause ?? error };
  return new AuthError('TOKEN_FAILED', message, { ...details, ...circumstances });
}

function failure(message: string, cause: unknown, retryable: boolean, retryAfterMs?: number): AuthError {
  return new AuthError('TOKEN_FAILED', message, { cause, retryable, retryAfterMs, delivery: 'not-sent' });
}

/** What our own fetch threw; openid-client wraps it. */
function ownErrorIn(error: unknown): McpFleetError | undefined {
  if (error instanceof McpFleetError) return error;
  return error instanceof Error && error.cause instanceof McpFleetError ? error.cause : undefined;
}
