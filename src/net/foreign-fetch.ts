import { McpFleetError } from '../core/errors.js';
import { failureOfForeignFetch } from './failures.js';
import type { HttpFetch } from './http.js';

/** A `fetch` that a user brings, with its failures in our terms. */
export function foreignFetch(fetch: HttpFetch): HttpFetch {
  return async (url, request = {}) => {
    const { sent, ...init } = request;
    request.signal?.throwIfAborted();
    sent?.();
    try {
      return await fetch(url, init);
    } catch (error) {
      request.signal?.throwIfAborted();
      throw error instanceof McpFleetError ? error : failureOfForeignFetch(error, new URL(url));
    }
  };
}
