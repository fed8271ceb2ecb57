import {
  auth,
  extractWWWAuthenticateParams,
  type OAuthClientProvider,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { OAuthError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { abortable } from '../../core/abort.js';
import { AuthError, describeThrown, type ErrorDetails, McpFleetError } from '../../core/errors.js';
import { withoutText } from '../../core/foreign-error.js';
import type { TextExit } from '../../core/text-exit.js';
import type { HttpFetch, HttpRequest, HttpResponse } from '../../net/http.js';
import { parseRetryAfter } from '../../net/retry-after.js';
import type { IssuerBinding } from './issuer-binding.js';

/** For each request of the flow: the SDK has no limit, and everybody waits for it. */
const REQUEST_TIMEOUT_MS = 10_000;

export interface FlowOptions {
  fetch: HttpFetch;
  provider: OAuthClientProvider;
  credentials: IssuerBinding;
  serverUrl: URL;
  /** The 401. */
  challenge: HttpResponse;
  exit: TextExit;
  onSecret(secret: string): void;
}

/** Runs the SDK's flow. @throws {AuthError} `UNAUTHORIZED` when a person has to act, else `TOKEN_FAILED` */
export async function authorize(options: FlowOptions): Promise<void> {
  const { fetch, serverUrl, challenge, credentials } = options;
  const run: Run = {};
  let outcome: string;
  try {
    outcome = await auth(observed(options, run), {
      serverUrl,
      ...definedOnly(extractWWWAuthenticateParams(challenge as Response)),
      fetchFn: (url, init) => noting(run, fetch, url, init as HttpRequest) as Promise<Response>,
    });
  } catch (error) {
    throw run.notRefreshed ?? flowFailed(error, run, options.exit);
  }
  if (outcome !== 'AUTHORIZED') {
    const why = credentials.hasWithheldRefreshToken
      ? '; its refresh token was not used, because tokens() of the OAuth provider answers it without the issuer that saveTokens() was given'
      : '';
    throw new AuthError(
      'UNAUTHORIZED',
      `A person has to authorize this client: the OAuth flow sent a redirect${why}`,
    );
  }
}

/** What happened in one run of the flow that the SDK does not tell. */
interface Run {
  /** Why the refresh token could not be used, where that says nothing of the token. */
  notRefreshed?: AuthError;
  /** What the user's provider threw. */
  thrown?: unknown;
}

/** Sends a request of the flow, and notes when a refresh fails for reasons that pass. */
async function noting(
  run: Run,
  fetch: HttpFetch,
  url: string | URL,
  request: HttpRequest = {},
): Promise<HttpResponse> {
  const refreshes = new URLSearchParams(String(request.body ?? '')).get('grant_type') === 'refresh_token';
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await abortable(fetch(url, { ...request, signal }), signal);
    if (refreshes && (response.status >= 500 || response.status === 429)) {
      const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'));
      run.notRefreshed = notRefreshed(`HTTP ${response.status}`, { retryAfterMs });
    }
    return response;
  } catch (error) {
    if (refreshes) {
      const why = error instanceof McpFleetError ? error.message : describeThrown(error);
      run.notRefreshed = notRefreshed(why, { cause: error });
    }
    throw error;
  }
}

// ── The provider as the flow sees it ──────────────────────────────────────────

const LOGIN_BEGINS_WITH: ReadonlySet<PropertyKey> = new Set([
  'state',
  'saveCodeVerifier',
  'redirectToAuthorization',
]);

/**
 * The provider, with its credentials bound to their issuer, and with what it throws noted. And after a refresh that failed
 * for whatever reason, the SDK sends the person to the login page; but an authorization server that is away for a minute
 * must not log anybody out, so then the flow ends before that.
 */
function observed({ provider, credentials, onSecret }: FlowOptions, run: Run): OAuthClientProvider {
  const noted = <Held extends object | undefined>(held: Held): Held => {
    const { client_secret, refresh_token, access_token } = (held ?? {}) as Record<string, unknown>;
    for (const secret of [client_secret, refresh_token, access_token])
      if (typeof secret === 'string' && secret !== '') onSecret(secret);
    return held;
  };
  const bound: Partial<OAuthClientProvider> = {
    clientInformation: async () => noted(await credentials.clientInformation()),
    tokens: async () => noted(await credentials.tokens()),
    saveTokens: (tokens) => credentials.saveTokens(noted(tokens)),
    ...(provider.saveClientInformation !== undefined && {
      saveClientInformation: (information) => credentials.saveClientInformation(noted(information)),
    }),
  };
  return new Proxy(provider, {
    get(target, name) {
      const own = bound[name as keyof OAuthClientProvider];
      const value: unknown = own ?? Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (LOGIN_BEGINS_WITH.has(name) && run.notRefreshed !== undefined) throw run.notRefreshed;
        const note = (error: unknown) => {
          run.thrown = error;
          throw error;
        };
        try {
          const answer: unknown = Reflect.apply(value, target, args);
          return answer instanceof Promise ? answer.catch(note) : answer;
        } catch (error) {
          return note(error);
        }
      };
    },
  });
}

// ── Failures ──────────────────────────────────────────────────────────────────

function notRefreshed(why: string, details: ErrorDetails): AuthError {
  return new AuthError('TOKEN_FAILED', `The token could not be refreshed: ${why}`, {
    ...details,
    retryable: true,
  });
}

function flowFailed(error: unknown, run: Run, exit: TextExit): AuthError {
  const what = 'The OAuth flow failed';
  if (error instanceof AuthError && error === run.thrown) return error;
  if (error instanceof McpFleetError) {
    const { message, retryable, retryAfterMs } = error;
    return new AuthError('TOKEN_FAILED', `${what}: ${message}`, { cause: error, retryable, retryAfterMs });
  }
  if (error === run.thrown) return new AuthError('TOKEN_FAILED', what, { cause: error });
  // The SDK's errors hold the authorization server's words, and those may hold what it was sent.
  const { code, text } = oauthError(error, exit);
  return new AuthError('TOKEN_FAILED', `${what}${text}`, { cause: withoutText(error, code) });
}

function oauthError(error: unknown, exit: TextExit): { code: string | undefined; text: string } {
  if (error instanceof OAuthError) {
    const { errorCode: code, message } = error;
    const description = exit.words(message);
    return { code, text: description === '' ? `: ${code}` : `: ${code} (${description})` };
  }
  // Credentials that are bound to another authorization server.
  const isBinding = error instanceof Error && /^OAuth client information is bound to/.test(error.message);
  return { code: undefined, text: isBinding ? `: ${exit.words(error.message)}` : '' };
}

function definedOnly({ resourceMetadataUrl, scope }: { resourceMetadataUrl?: URL; scope?: string }) {
  return {
    ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
    ...(scope !== undefined && { scope }),
  };
}
