import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { problemOfEndpoint } from '../../auth/endpoint.js';
import { httpPath } from '../../client/http-path.js';
import { durationMs } from '../../client/server-schema.js';
import { abortable } from '../../core/abort.js';
import { Deadline } from '../../core/deadline.js';
import { ConfigError, ConnectionError } from '../../core/errors.js';
import type { StopSignal } from '../../core/stop-signal.js';
import { discard, readText } from '../../net/body.js';
import { checkHeaders } from '../../net/headers.js';
import type { HttpFetch } from '../../net/http.js';
import { publicUrl } from '../../net/redirects.js';
import { parseRetryAfter } from '../../net/retry-after.js';

/** The official registry. */
const BASE_URL = 'https://registry.modelcontextprotocol.io';
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 10_485_760;

export interface RegistryOptions {
  /** Where the registry is: another one with the same API, or a mirror. @default the official MCP registry */
  baseUrl?: string | URL;
  /** Sent with each request to the registry, for one that asks who is there. */
  headers?: Readonly<Record<string, string>>;
  /** Replaces the built-in HTTP client. */
  fetch?: FetchLike;
  /** For all requests together. Milliseconds. @default 10_000 */
  timeoutMs?: number;
  /** Ends the asking; the promise rejects with the signal's own reason. */
  signal?: AbortSignal;
  /** Allow `http:` for the registry (at another host than this one) and for the servers in it. @default false */
  allowInsecureRequests?: boolean;
}

/** Asks a registry. Its answers are JSON from a stranger. */
export class RegistryClient {
  readonly #base: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #fetch: HttpFetch;
  readonly #signal: StopSignal;

  private constructor(base: URL, headers: Record<string, string>, fetch: HttpFetch, signal: StopSignal) {
    this.#base = base;
    this.#headers = headers;
    this.#fetch = fetch;
    this.#signal = signal;
  }

  /** Runs `work` with a client, under one deadline. @throws {ConfigError} */
  static async use<Result>(
    options: RegistryOptions,
    work: (client: RegistryClient) => Promise<Result>,
  ): Promise<Result> {
    const { headers = {}, fetch, timeoutMs = TIMEOUT_MS, signal } = options;
    const base = baseUrl(options);
    checkHeaders(headers, 'headers');
    if (!durationMs.safeParse(timeoutMs).success)
      throw new ConfigError('timeoutMs', 'expected a positive number of milliseconds, at most 2147483647');
    signal?.throwIfAborted();
    const deadline = new Deadline({ timeoutMs, signal });
    const http = httpPath({ fetch, connectTimeoutMs: timeoutMs });
    try {
      return await work(
        new RegistryClient(base, { accept: 'application/json', ...headers }, http.fetch, deadline.signal),
      );
    } finally {
      deadline[Symbol.dispose]();
      await http.close();
    }
  }

  /** `undefined` for 404. @throws {ConnectionError} or the reason of the signal */
  async get(path: string, query: Record<string, string> = {}): Promise<unknown> {
    const url = new URL(`${this.#base.href.replace(/\/$/, '')}/v0.1/${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const body = await abortable(this.#body(url), this.#signal);
    if (body === undefined) return undefined;
    try {
      return JSON.parse(body);
    } catch {
      throw notOfTheRegistry('it is not JSON');
    }
  }

  async #body(url: URL): Promise<string | undefined> {
    const response = await this.#fetch(url, { headers: { ...this.#headers }, signal: this.#signal });
    if (response.ok) return readText(response, MAX_BYTES);
    discard(response);
    const { status } = response;
    if (status === 404) return undefined;
    throw new ConnectionError('HTTP_ERROR', `The registry answered HTTP ${status}: ${publicUrl(url)}`, {
      httpStatus: status,
      delivery: 'answered',
      retryable: status === 429 || status >= 500,
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after')),
    });
  }
}

export function notOfTheRegistry(why: string): ConnectionError {
  return new ConnectionError('PROTOCOL_ERROR', `Not an answer of an MCP registry (API v0.1): ${why}`, {
    delivery: 'answered',
  });
}

function baseUrl({ baseUrl = BASE_URL, allowInsecureRequests = false }: RegistryOptions): URL {
  if (!URL.canParse(String(baseUrl))) throw new ConfigError('baseUrl', 'expected a URL');
  const url = new URL(baseUrl);
  url.search = '';
  const problem = problemOfEndpoint(url, allowInsecureRequests);
  if (problem !== undefined) throw new ConfigError('baseUrl', problem);
  return url;
}
