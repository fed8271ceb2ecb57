import {
  auth,
  extractWWWAuthenticateParams,
  type OAuthClientProvider,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { AuthError } from '../core/errors.js';
import { SingleFlight } from '../core/single-flight.js';
import { discard } from '../net/body.js';
import type { HttpFetch, HttpRequest, HttpResponse } from '../net/http.js';

/**
 * The SDK's interactive OAuth flow around a fetch: after a 401 it runs once, however many requests met the
 * 401, and each request is then sent once more.
 */
export function withOAuth(fetch: HttpFetch, provider: OAuthClientProvider, serverUrl: URL): HttpFetch {
  const flow = new SingleFlight<void>();
  return async (url, request = {}) => {
    if (new URL(url).origin !== serverUrl.origin) return fetch(url, request);
    const used = await accessToken(provider);
    const response = await fetch(url, withToken(request, used));
    if (response.status !== 401) return response;
    // Another request may have refreshed it meanwhile; then the new token is simply used.
    try {
      if ((await accessToken(provider)) === used) {
        await flow.run(() => authorize(fetch, provider, serverUrl, response), request.signal);
      }
    } catch (error) {
      discard(response);
      throw error;
    }
    const fresh = await accessToken(provider);
    if (fresh === undefined || fresh === used) return response;
    discard(response);
    return fetch(url, withToken(request, fresh));
  };
}

async function authorize(
  fetch: HttpFetch,
  provider: OAuthClientProvider,
  serverUrl: URL,
  challenge: HttpResponse,
): Promise<void> {
  let outcome: string;
  try {
    outcome = await auth(provider, {
      serverUrl,
      ...definedOnly(extractWWWAuthenticateParams(challenge as Response)),
      fetchFn: (url, init) => fetch(url, init as HttpRequest) as Promise<Response>,
    });
  } catch (cause) {
    throw new AuthError('TOKEN_FAILED', 'The OAuth flow failed', { cause });
  }
  if (outcome !== 'AUTHORIZED') {
    throw new AuthError(
      'UNAUTHORIZED',
      'A person has to authorize this client: the OAuth flow sent a redirect',
    );
  }
}

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
