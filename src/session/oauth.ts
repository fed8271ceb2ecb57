import {
  auth,
  extractWWWAuthenticateParams,
  type OAuthClientProvider,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { OAuthError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { FailureMemory } from '../auth/failure-memory.js';
import { RejectionLimit } from '../auth/rejection-limit.js';
import { abortable } from '../core/abort.js';
import { AuthError, describeThrown, type ErrorDetails, McpFleetError } from '../core/errors.js';
import { withoutText } from '../core/foreign-error.js';
import { SingleFlight } from '../core/single-flight.js';
import type { StopSignal } from '../core/stop-signal.js';
import { discard } from '../net/body.js';
import type { HttpFetch, HttpRequest, HttpResponse } from '../net/http.js';
import { parseRetryAfter } from '../net/retry-after.js';

/** For each request of the flow: the SDK has no limit, and everybody waits for it. */
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * The SDK's interactive OAuth flow around a fetch: after a 401 it runs once, however many requests met the
 * 401, and each request is then sent once more.
 */
export function withOAuth(fetch: HttpFetch, provider: OAuthClientProvider, serverUrl: URL): HttpFetch {
  const login = loginOf(provider);
  return async (url, request = {}) => {
    if (new URL(url).origin !== serverUrl.origin) return fetch(url, request);
    const used = await accessToken(provider);
    const response = await fetch(url, withToken(request, used));
    if (response.status !== 401) return response;
    let fresh: string | undefined;
    try {
      fresh = await login.renewed(
        used,
        () => authorize(fetch, provider, serverUrl, response),
        request.signal,
      );
    } catch (error) {
      discard(response);
      throw error;
    }
    if (fresh === undefined || fresh === used) return response;
    discard(response);
    const second = await fetch(url, withToken(request, fresh));
    if (second.status === 401) login.refused();
    return second;
  };
}

/**
 * One person's login, in however many sessions and clients it is used: a refresh token that rotates is good for
 * one request, and a second one with it makes the authorization server end the login.
 */
class Login {
  readonly #provider: OAuthClientProvider;
  readonly #flow = new SingleFlight<void>();
  readonly #limit = new RejectionLimit();
  readonly #failures = new FailureMemory();

  constructor(provider: OAuthClientProvider) {
    this.#provider = provider;
  }

  /**
   * The token that follows `used`: the one that is there meanwhile, else by `authorize`, which runs once at a time.
   * @returns `used` where another one would be refused too.
   */
  async renewed(
    used: string | undefined,
    authorize: () => Promise<void>,
    signal: StopSignal | undefined,
  ): Promise<string | undefined> {
    let ran = false;
    const work = async () => {
      // Inside of the flight: a store may be slow to say what another request has just saved.
      if ((await accessToken(this.#provider)) !== used || this.#limit.isExhausted) return;
      if (this.#failures.error !== undefined) throw this.#failures.error;
      await authorize().catch((error) => {
        if (error instanceof AuthError && error.retryable) this.#failures.remember(error);
        throw error;
      });
      this.#failures.forget();
    };
    for (let round = 0; round < 2 && !ran; round++) {
      await this.#flow.run(() => {
        ran = true;
        return work();
      }, signal);
      const fresh = await accessToken(this.#provider);
      if (fresh !== used) return fresh;
      // Then it was joined on behalf of an older token.
    }
    return used;
  }

  /** The server refused a token that was new: more of them would not help for now. */
  refused(): void {
    this.#limit.count('rejected');
  }
}

const logins = new WeakMap<OAuthClientProvider, Login>();

function loginOf(provider: OAuthClientProvider): Login {
  const login = logins.get(provider) ?? new Login(provider);
  logins.set(provider, login);
  return login;
}

async function authorize(
  fetch: HttpFetch,
  provider: OAuthClientProvider,
  serverUrl: URL,
  challenge: HttpResponse,
): Promise<void> {
  const flow: Flow = {};
  let outcome: string;
  try {
    outcome = await auth(observed(provider, flow), {
      serverUrl,
      ...definedOnly(extractWWWAuthenticateParams(challenge as Response)),
      fetchFn: (url, init) => noting(flow, fetch, url, init as HttpRequest) as Promise<Response>,
    });
  } catch (error) {
    throw flow.notRefreshed ?? flowFailed(error, flow);
  }
  if (outcome !== 'AUTHORIZED') {
    throw new AuthError(
      'UNAUTHORIZED',
      'A person has to authorize this client: the OAuth flow sent a redirect',
    );
  }
}

// ── One run of the flow ───────────────────────────────────────────────────────

/** What happened that the SDK does not tell. */
interface Flow {
  /** Why the refresh token could not be used, where that says nothing of the token. */
  notRefreshed?: AuthError;
  /** What the user's provider threw. */
  thrown?: unknown;
}

/** Sends a request of the flow, and notes when a refresh fails for reasons that pass. */
async function noting(
  flow: Flow,
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
      flow.notRefreshed = notRefreshed(`HTTP ${response.status}`, { retryAfterMs });
    }
    return response;
  } catch (error) {
    if (refreshes) {
      const why = error instanceof McpFleetError ? error.message : describeThrown(error);
      flow.notRefreshed = notRefreshed(why, { cause: error });
    }
    throw error;
  }
}

/**
 * The provider, with what it throws noted. And after a refresh that failed for whatever reason, the SDK sends the
 * person to the login page; but an authorization server that is away for a minute must not log anybody out, so
 * then the flow ends before that.
 */
function observed(provider: OAuthClientProvider, flow: Flow): OAuthClientProvider {
  return new Proxy(provider, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (LOGIN_BEGINS_WITH.has(name) && flow.notRefreshed !== undefined) throw flow.notRefreshed;
        const note = (error: unknown) => {
          flow.thrown = error;
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

const LOGIN_BEGINS_WITH: ReadonlySet<PropertyKey> = new Set([
  'state',
  'saveCodeVerifier',
  'redirectToAuthorization',
]);

function notRefreshed(why: string, details: ErrorDetails): AuthError {
  return new AuthError('TOKEN_FAILED', `The token could not be refreshed: ${why}`, {
    ...details,
    retryable: true,
  });
}

function flowFailed(error: unknown, flow: Flow): AuthError {
  const what = 'The OAuth flow failed';
  if (error instanceof McpFleetError) {
    const { message, retryable, retryAfterMs } = error;
    return new AuthError('TOKEN_FAILED', `${what}: ${message}`, { cause: error, retryable, retryAfterMs });
  }
  if (error === flow.thrown) return new AuthError('TOKEN_FAILED', what, { cause: error });
  // The SDK's errors hold the authorization server's words, and those may hold what it was sent.
  const code = error instanceof OAuthError ? error.errorCode : undefined;
  const why = code === undefined ? '' : `: ${code}`;
  return new AuthError('TOKEN_FAILED', `${what}${why}`, { cause: withoutText(error, code) });
}

// ── Tokens ────────────────────────────────────────────────────────────────────

async function accessToken(provider: OAuthClientProvider): Promise<string | undefined> {
  try {
    return (await provider.tokens())?.access_token;
  } catch (cause) {
    throw new AuthError('TOKEN_FAILED', 'The OAuth provider failed to give its tokens', { cause });
  }
}

function withToken(request: HttpRequest, token: string | undefined): HttpRequest {
  if (token === undefined) return request;
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}

function definedOnly({ resourceMetadataUrl, scope }: { resourceMetadataUrl?: URL; scope?: string }) {
  return {
    ...(resourceMetadataUrl !== undefined && { resourceMetadataUrl }),
    ...(scope !== undefined && { scope }),
  };
}
