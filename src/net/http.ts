import type { StopSignal } from '../core/stop-signal.js';

/**
 * The part of the Fetch standard that MCP needs, so that the built-in client and any `fetch` a user brings
 * are used in the same way.
 */
export type HttpFetch = (url: string | URL, request?: HttpRequest) => Promise<HttpResponse>;

export interface HttpRequest {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  signal?: StopSignal;
  redirect?: 'follow' | 'manual';
  /**
   * Called with a function that ends the request as `signal` does: for the owner of many requests, who then
   * needs no controller for each.
   */
  stoppable?: (stop: (reason: unknown) => void) => void;
  /** Called when the first byte of the request may have left; what a foreign `fetch` does not know. */
  sent?: () => void;
}

export interface HttpResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly statusText: string;
  /** Where the answer came from, after redirects. */
  readonly url: string;
  readonly headers: { get(name: string): string | null; getSetCookie?(): string[] };
  readonly body: ReadableStream<Uint8Array> | null;
  text(): Promise<string>;
}
