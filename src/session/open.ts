import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type { TokenSource } from '../auth/token-source.js';
import { ConnectionError } from '../core/errors.js';
import { loaded } from '../core/loaded.js';
import type { AddressGuard } from '../net/address-guard.js';
import type { HttpFetch } from '../net/http.js';
import type { ProxySetting } from '../net/proxy.js';
import { type HandshakeOptions, HandshakeSession } from './handshake/handshake-session.js';
import type { Session } from './session.js';
import type { TransportFactory } from './transports/custom.js';
import type { Stderr } from './transports/stderr.js';
import type { HttpTransportOptions } from './transports/streamable-http.js';

/** Where a server is and how to get there. */
export type SessionTarget =
  | {
      readonly type: 'auto' | 'http' | 'sse';
      readonly url: URL;
      readonly headers: Readonly<Record<string, string>>;
      readonly oauth: OAuthClientProvider | undefined;
    }
  | {
      readonly type: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string | undefined;
    }
  | { readonly type: 'ws'; readonly url: URL; readonly headers: Readonly<Record<string, string>> }
  | { readonly type: 'custom'; readonly transport: TransportFactory };

export interface OpenOptions extends HandshakeOptions {
  /** Carries the bearer token and follows the redirects that may be followed. */
  fetch: HttpFetch;
  /** For what does not go through `fetch`. */
  guard: AddressGuard | undefined;
  tokens: TokenSource | undefined;
  proxy: ProxySetting;
  /** Learns what the server gives for the session, and nobody else should see. */
  onSecret: (secret: string) => void;
  /** What the server's processes write to stderr. */
  stderr: Stderr;
}

/** "Backwards Compatibility" of the transports: these answers to the first POST mean the older transport. */
const OLDER_TRANSPORT_STATUSES: ReadonlySet<number | undefined> = new Set([400, 404, 405]);

/**
 * Opens a session. A transport's code is loaded when it is first used.
 * @throws {McpFleetError} or the signal's reason
 */
export async function openSession(target: SessionTarget, options: OpenOptions): Promise<Session> {
  const { maxResponseBytes, exit, tokens, guard, stderr, proxy, onSecret } = options;
  switch (target.type) {
    case 'stdio': {
      const { StdioTransport } = await loaded(import('./transports/stdio.js'));
      return HandshakeSession.open(new StdioTransport({ ...target, maxResponseBytes, stderr }), options);
    }
    case 'ws': {
      const { WebSocketTransport } = await loaded(import('./transports/websocket.js'));
      const own = { guard, tokens, maxResponseBytes, exit, proxy, onSecret };
      return HandshakeSession.open(new WebSocketTransport({ ...target, ...own }), options);
    }
    case 'custom': {
      const { CustomTransport } = await loaded(import('./transports/custom.js'));
      return HandshakeSession.open(new CustomTransport(target.transport, maxResponseBytes), options);
    }
    default:
      return openHttp(target.type, await httpOptions(target, options), options);
  }
}

async function httpOptions(
  target: SessionTarget & { type: 'auto' | 'http' | 'sse' },
  { fetch, maxResponseBytes, exit, onSecret }: OpenOptions,
): Promise<HttpTransportOptions> {
  const { url, headers, oauth } = target;
  const http = { url, headers, fetch, maxResponseBytes, exit, onSecret };
  if (oauth === undefined) return http;
  const { withOAuth } = await loaded(import('./oauth/oauth-fetch.js'));
  return { ...http, fetch: withOAuth(fetch, oauth, { serverUrl: url, exit, onSecret }) };
}

async function openHttp(
  type: 'auto' | 'http' | 'sse',
  http: HttpTransportOptions,
  options: OpenOptions,
): Promise<Session> {
  if (type === 'sse') return openSse(http, options);
  const { StreamableHttpTransport } = await loaded(import('./transports/streamable-http.js'));
  const transport = new StreamableHttpTransport(http);
  try {
    return await HandshakeSession.open(transport, options);
  } catch (error) {
    const refused = error instanceof ConnectionError && OLDER_TRANSPORT_STATUSES.has(error.httpStatus);
    const isOlder = transport.isOlderTransport || (refused && !transport.reached);
    if (type === 'http' || !isOlder) throw error;
    try {
      return await openSse(http, options);
    } catch (olderError) {
      options.signal.throwIfAborted();
      throw neither(error as ConnectionError, olderError);
    }
  }
}

async function openSse(http: HttpTransportOptions, options: OpenOptions): Promise<Session> {
  const { HttpSseTransport } = await loaded(import('./transports/http-sse.js'));
  return HandshakeSession.open(new HttpSseTransport(http), options);
}

function neither(first: ConnectionError, second: unknown): ConnectionError {
  const older = second instanceof Error ? second.message : 'failed';
  return new ConnectionError(
    'HTTP_ERROR',
    `The URL speaks neither Streamable HTTP (${first.message}) nor HTTP+SSE (${older})`,
    {
      httpStatus: first.httpStatus,
      retryable: second instanceof ConnectionError && second.retryable,
      cause: first,
    },
  );
}
