import { Agent } from 'undici';
import type { AddressGuard } from './address-guard.js';
import { failureOfRequest } from './failures.js';
import { guardedConnector } from './guarded-connector.js';
import type { HttpRequest } from './http.js';
import { UndiciResponse } from './undici-response.js';

export interface HttpClientOptions {
  connectTimeoutMs: number;
  /** Which addresses may be reached. @default any */
  guard?: AddressGuard | undefined;
}

/** An HTTP client of its own: its connections are shared with nobody and end with `close`. */
export interface HttpClient {
  /**
   * A `fetch` over undici, several times faster than the global one on Node 20. Follows no redirect, has no
   * timeout of its own beyond connecting, and frees the socket when `signal` aborts.
   * @throws {ConnectionError} `not-sent` when no byte of the request was written, else `unknown`.
   * @throws the signal's reason when aborted.
   */
  fetch(url: string | URL, request?: HttpRequest | RequestInit): Promise<Response>;
  /** Breaks every connection. */
  close(): Promise<void>;
}

export function createHttpClient({ connectTimeoutMs, guard }: HttpClientOptions): HttpClient {
  const connect =
    guard === undefined ? { timeout: connectTimeoutMs } : guardedConnector(guard, connectTimeoutMs);
  // Deadlines belong to the callers: a stream may be silent for hours.
  const agent = new Agent({ connect, headersTimeout: 0, bodyTimeout: 0 });
  return {
    fetch: (url, request = {}) => send(agent, url instanceof URL ? url : new URL(url), request),
    close: () => agent.destroy(),
  };
}

function send(agent: Agent, url: URL, request: HttpRequest | RequestInit): Promise<Response> {
  const { method = 'GET', headers, body, signal } = request;
  const { sent, stoppable } = request as HttpRequest;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    let response: UndiciResponse | undefined;
    let written = false;
    let stopped: { readonly reason: unknown } | undefined;
    let disconnect: ((reason: Error) => void) | undefined;

    const options = {
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: { 'accept-encoding': 'gzip, deflate, br', ...plainHeaders(headers) },
      body: bodyText(body),
    };
    const stop = (reason: unknown) => {
      stopped ??= { reason };
      reject(reason);
      response?.fail(reason);
      disconnect?.(asError(reason));
    };
    const aborted = () => stop(signal?.reason);
    const finished = () => signal?.removeEventListener('abort', aborted);
    signal?.addEventListener('abort', aborted, { once: true });
    stoppable?.(stop);

    const failed = (error: Error) => {
      finished();
      const failure = stopped === undefined ? failureOfRequest(error, written, url) : stopped.reason;
      if (response === undefined) reject(failure);
      else response.fail(failure);
    };

    try {
      agent.dispatch(options, {
        // Called when a connection is there and the next thing is to write: before it, nothing has left.
        onRequestStart(controller) {
          if (stopped !== undefined) return controller.abort(asError(stopped.reason));
          disconnect = (reason) => controller.abort(reason);
          written = true;
          sent?.();
        },
        onResponseStart(controller, status, responseHeaders, statusText = '') {
          if (status < 200) return;
          response = new UndiciResponse({ url, status, statusText, headers: responseHeaders, controller });
          resolve(response as unknown as Response);
        },
        onResponseData: (_controller, chunk) => response?.push(chunk),
        onResponseEnd() {
          finished();
          response?.end();
        },
        onResponseError: (_controller, error) => failed(error),
      });
    } catch (error) {
      failed(asError(error));
    }
  });
}

function plainHeaders(headers: HttpRequest['headers'] | RequestInit['headers']): Record<string, string> {
  if (headers === undefined) return {};
  if (headers instanceof Headers || Array.isArray(headers)) return Object.fromEntries(headers);
  return headers as Record<string, string>;
}

function bodyText(body: HttpRequest['body'] | RequestInit['body']): string | null {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string') return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError('The body must be a string or URLSearchParams');
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('Aborted', { cause: reason });
}
