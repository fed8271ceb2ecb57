import type { KnownSecrets } from '../core/known-secrets.js';
import type { StopSignal } from '../core/stop-signal.js';
import { discard } from '../net/body.js';
import type { HttpFetch, HttpRequest, HttpResponse } from '../net/http.js';
import { parseChallenge } from './challenge.js';
import type { AccessToken } from './token-provider.js';
import type { TokenSource } from './token-source.js';

/**
 * Sends each request to `origin` with a token of its source; requests to other origins go out as they are. A 401
 * or 403 is answered with at most one more request, and only if there is another token to send.
 * @param secrets learns each token that goes out, for as long as its request may be under way.
 */
export function withBearer(
  fetch: HttpFetch,
  sources: { current(signal?: StopSignal): Promise<TokenSource> },
  origin: string,
  secrets?: KnownSecrets,
): HttpFetch {
  const send = (url: string | URL, request: HttpRequest, token: AccessToken | undefined) => {
    if (token !== undefined) secrets?.passing(token.token);
    return fetch(url, authorized(request, token));
  };
  return async (url, request = {}) => {
    if ((url instanceof URL ? url : new URL(url)).origin !== origin) return fetch(url, request);
    const { signal } = request;
    const source = await sources.current(signal);
    const used = await source.get(signal);
    const response = await send(url, request, used);
    if (response.ok) source.accepted();
    try {
      const replacement = await replacementFor(source, used, response, signal);
      if (replacement === undefined) return response;
      discard(response);
      return await send(url, request, replacement);
    } catch (error) {
      discard(response);
      throw error;
    }
  };
}

async function replacementFor(
  source: TokenSource,
  used: AccessToken | undefined,
  response: HttpResponse,
  signal: StopSignal | undefined,
): Promise<AccessToken | undefined> {
  if (response.status !== 401 && response.status !== 403) return undefined;
  const challenge = parseChallenge(response.headers.get('www-authenticate'));
  if (response.status === 401) return source.rejected(used, challenge, signal);
  if (challenge?.error !== 'insufficient_scope') return undefined;
  return source.insufficientScope(used, challenge, signal);
}

function authorized(request: HttpRequest, token: AccessToken | undefined): HttpRequest {
  if (token === undefined) return request;
  const others = Object.entries(request.headers ?? {}).filter(
    ([name]) => name.toLowerCase() !== 'authorization',
  );
  return { ...request, headers: { ...Object.fromEntries(others), authorization: `Bearer ${token.token}` } };
}
