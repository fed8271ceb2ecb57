import { ConnectionError } from '../core/errors.js';
import { discard } from './body.js';
import type { HttpFetch, HttpRequest, HttpResponse } from './http.js';

const MAX_REDIRECTS = 5;
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

/**
 * Follows redirects within the origin of the request, so that no token and no body ever goes elsewhere.
 * 307 and 308 keep the method (RFC 9110 section 15.4); the others are followed for GET only.
 * With `redirect: 'manual'` nothing is followed.
 * @throws {ConnectionError} `HTTP_ERROR` for a redirect that is not followed.
 */
export function sameOriginRedirects(fetch: HttpFetch): HttpFetch {
  return async (url, request = {}) => {
    let target = url instanceof URL ? url : new URL(url);
    for (let followed = 0; ; followed++) {
      const response = await fetch(target, { ...request, redirect: 'manual' });
      if (!REDIRECT_STATUSES.has(response.status)) return response;
      discard(response);
      target = nextTarget(target, request, response, followed);
    }
  };
}

function nextTarget(from: URL, request: HttpRequest, response: HttpResponse, followed: number): URL {
  const refuse = (why: string) =>
    new ConnectionError('HTTP_ERROR', `Redirect (HTTP ${response.status}) not followed: ${why}`, {
      httpStatus: response.status,
      delivery: 'unknown',
    });
  const location = response.headers.get('location');
  if (location === null || !URL.canParse(location, from.href)) throw refuse('no usable Location');
  const target = new URL(location, from);
  if (request.redirect === 'manual') throw refuse(`${publicUrl(target)}; use that URL in the configuration`);
  if (target.origin !== from.origin || target.username !== '' || target.password !== '') {
    throw refuse(`${publicUrl(target)} is another origin than ${from.origin}`);
  }
  const keepsMethod =
    response.status === 307 || response.status === 308 || (request.method ?? 'GET') === 'GET';
  if (!keepsMethod) throw refuse('it would turn a POST into a GET');
  if (followed === MAX_REDIRECTS) throw refuse(`more than ${MAX_REDIRECTS} in a row`);
  return target;
}

/** A URL as it may be shown: without userinfo, query and fragment. */
export function publicUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
