import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { McpFleetError } from '../core/errors.js';
import { abortSignalOf, type StopSignal } from '../core/stop-signal.js';
import { failureOfForeignFetch } from './failures.js';
import type { HttpFetch, HttpRequest } from './http.js';

/** A `fetch` that a user brings, with its failures in our terms. */
export function foreignFetch(fetch: FetchLike): HttpFetch {
  return async (url, request = {}) => {
    const { sent, stoppable, signal: given, ...init } = request;
    given?.throwIfAborted();
    const signal = stoppable === undefined ? given && abortSignalOf(given) : follow(given, stoppable);
    signal?.throwIfAborted();
    sent?.();
    try {
      return await fetch(url, signal === undefined ? init : { ...init, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof McpFleetError ? error : failureOfForeignFetch(error, new URL(url));
    }
  };
}

/** A signal for a `fetch` that knows no other way to be stopped. */
function follow(
  signal: StopSignal | undefined,
  stoppable: NonNullable<HttpRequest['stoppable']>,
): AbortSignal {
  const controller = new AbortController();
  // It ends with its call, and takes the listener along.
  signal?.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  stoppable((reason) => controller.abort(reason));
  return controller.signal;
}
