import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type { TextExit } from '../../core/text-exit.js';
import { discard } from '../../net/body.js';
import type { HttpFetch, HttpRequest } from '../../net/http.js';
import { authorize } from './flow.js';
import { accessToken, loginOf } from './login.js';

export interface OAuthFetchOptions {
  serverUrl: URL;
  exit: TextExit;
  /** Gets what messages must not repeat. */
  onSecret(secret: string): void;
}

/**
 * The SDK's interactive OAuth flow around a fetch: after a 401 it runs once, however many requests met the
 * 401, and each request is then sent once more.
 */
export function withOAuth(
  fetch: HttpFetch,
  provider: OAuthClientProvider,
  options: OAuthFetchOptions,
): HttpFetch {
  const { serverUrl } = options;
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
        () => authorize({ ...options, fetch, provider, credentials: login.credentials, challenge: response }),
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

function withToken(request: HttpRequest, token: string | undefined): HttpRequest {
  if (token === undefined) return request;
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } };
}
