import { abortable } from '../core/abort.js';
import { Deadline } from '../core/deadline.js';
import { AuthError, describeThrown, McpFleetError, ofServer } from '../core/errors.js';
import { problemOfAnswer } from './token-answer.js';
import type { AccessToken, TokenContext, TokenProvider } from './token-provider.js';

const PROVIDER_TIMEOUT_MS = 30_000;

/**
 * Asks a provider once, whatever it does: throw, hang, or answer junk.
 * @param closing ends the question; the promise then rejects with its reason.
 * @throws {AuthError} `TOKEN_FAILED`
 */
export async function callProvider(
  provider: TokenProvider,
  question: Omit<TokenContext, 'signal'>,
  closing: AbortSignal,
): Promise<AccessToken | string | undefined> {
  const deadline = new Deadline({ timeoutMs: PROVIDER_TIMEOUT_MS, signal: closing });
  const ask = async () => {
    const answer = await provider.getToken({ ...question, signal: deadline.abortSignal });
    const problem = problemOfAnswer(answer);
    if (problem !== undefined) throw unusable(problem);
    return answer;
  };
  try {
    return await abortable(ask(), deadline.signal);
  } catch (error) {
    closing.throwIfAborted();
    throw ofServer(asAuthError(error), question.server);
  } finally {
    deadline[Symbol.dispose]();
  }
}

function unusable(problem: string): AuthError {
  return tokenFailed(`The token provider's answer is no token: ${problem}`, new TypeError(problem), false);
}

/** What a foreign provider throws is taken for transient: it does not say. */
function asAuthError(error: unknown): AuthError {
  if (error instanceof AuthError && error.code === 'TOKEN_FAILED') return error;
  if (!(error instanceof McpFleetError))
    return tokenFailed(`The token provider threw ${describeThrown(error)}`, error, true);
  return tokenFailed(
    `The token provider failed: ${error.message}`,
    error,
    error.retryable,
    error.retryAfterMs,
  );
}

function tokenFailed(message: string, cause: unknown, retryable: boolean, retryAfterMs?: number): AuthError {
  return new AuthError('TOKEN_FAILED', message, { cause, delivery: 'not-sent', retryable, retryAfterMs });
}
