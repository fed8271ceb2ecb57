import { abortable } from '../core/abort.js';
import { Deadline } from '../core/deadline.js';
import { AuthError, describeThrown, McpFleetError, ofServer } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import { problemOfAnswer } from './token-answer.js';
import {
  type AccessToken,
  isForAll,
  type TokenContext,
  type TokenKeyContext,
  type TokenProvider,
} from './token-provider.js';

const PROVIDER_TIMEOUT_MS = 30_000;

/**
 * Asks a provider for a token once, whatever it does: throw, hang, or answer junk.
 * @param identity on whose behalf; called when the provider looks.
 * @param closing ends the question; the promise then rejects with its reason.
 * @throws {AuthError} `TOKEN_FAILED`
 */
export function callProvider(
  provider: TokenProvider,
  question: Omit<TokenContext, 'signal' | 'identity'>,
  closing: AbortSignal,
  identity?: () => Identity,
): Promise<AccessToken | string | undefined> {
  return asked(question.server, closing, async (signal) => {
    const context = { ...question, signal };
    // Whether a provider tells identities apart shows in whether it looks.
    if (identity !== undefined)
      Object.defineProperty(context, 'identity', { enumerable: true, get: identity });
    const answer = await provider.getToken(context);
    const problem = problemOfAnswer(answer);
    if (problem !== undefined) throw unusable(problem);
    const forAll = typeof answer === 'string' && isForAll(provider) === true;
    return forAll ? { token: answer, expiresAt: Number.POSITIVE_INFINITY } : answer;
  });
}

/** Asks a provider whose token is needed, in the async context of the caller. @throws {AuthError} `TOKEN_FAILED` */
export function askForKey(
  provider: TokenProvider,
  question: Omit<TokenKeyContext, 'signal'>,
  closing: AbortSignal,
): Promise<string | undefined> {
  return asked(question.server, closing, async (signal) => {
    const key: unknown = await provider.key?.({ ...question, signal });
    if (key === undefined || typeof key === 'string') return key;
    const problem = `expected a string or undefined, got a value of type ${typeof key}`;
    throw tokenFailed(`The token provider's key is none: ${problem}`, new TypeError(problem), false);
  });
}

/**
 * Asks a function of the host, whatever it does. @throws {AuthError} `TOKEN_FAILED`
 * @param what the function, for messages
 */
export async function asked<Answer>(
  server: string,
  closing: AbortSignal,
  question: (signal: AbortSignal) => Promise<Answer>,
  what = 'The token provider',
): Promise<Answer> {
  const deadline = new Deadline({ timeoutMs: PROVIDER_TIMEOUT_MS, signal: closing });
  try {
    return await abortable(question(deadline.abortSignal), deadline.signal);
  } catch (error) {
    closing.throwIfAborted();
    throw ofServer(asAuthError(error, what), server);
  } finally {
    deadline[Symbol.dispose]();
  }
}

function unusable(problem: string): AuthError {
  return tokenFailed(`The token provider's answer is no token: ${problem}`, new TypeError(problem), false);
}

/** What a foreign provider throws is taken for transient: it does not say. */
function asAuthError(error: unknown, what: string): AuthError {
  if (error instanceof AuthError && error.code === 'TOKEN_FAILED') return error;
  if (!(error instanceof McpFleetError))
    return tokenFailed(`${what} threw ${describeThrown(error)}`, error, true);
  return tokenFailed(`${what} failed: ${error.message}`, error, error.retryable, error.retryAfterMs);
}

export function tokenFailed(
  message: string,
  cause: unknown,
  retryable: boolean,
  retryAfterMs?: number,
): AuthError {
  return new AuthError('TOKEN_FAILED', message, { cause, delivery: 'not-sent', retryable, retryAfterMs });
}
