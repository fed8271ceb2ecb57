import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type { TokenSource } from '../auth/token-source.js';
import { asFleetError, ConnectionError, RemoteError } from '../core/errors.js';
import { loaded } from '../core/loaded.js';
import type { AddressGuard } from '../net/address-guard.js';
import type { HttpFetch } from '../net/http.js';
import type { ProxySetting } from '../net/proxy.js';
import { firstSpoken, openOver, type SessionOptions } from './opening.js';
import {
  type Era,
  erasToTry,
  isHttpRefusal,
  type LearnedEra,
  maySpeak,
  namesOneOf,
  noCommonRevision,
  type Protocol,
  REVISIONS,
  supportedIn,
} from './revisions.js';
import type { Session } from './session.js';
import type { TransportFactory } from './transports/custom.js';
import type { Stderr } from './transports/stderr.js';
import type { HttpTransportOptions } from './transports/streamable-http.js';
import type { JsonRpcTransport } from './transports/transport.js';

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

export interface OpenOptions extends SessionOptions {
  protocol: Protocol;
  /** What earlier sessions learned of the server, and this one learns. */
  learned: LearnedEra;
  /** Carries the bearer token and follows the redirects that may be followed. */
  fetch: HttpFetch;
  /** For what does not go through `fetch`. */
  guard: AddressGuard | undefined;
  tokens: TokenSource | undefined;
  proxy: ProxySetting;
  /** Learns what the server gives for the session, and nobody else should see. */
  onSecret: (secret: string) => void;
  /** What the server's processes write to stderr, where it has any. */
  stderr: Stderr | undefined;
}

/**
 * Opens a session. A transport's code is loaded when it is first used.
 * @throws {McpFleetError} or the signal's reason
 */
export async function openSession(target: SessionTarget, options: OpenOptions): Promise<Session> {
  const { protocol, learned } = options;
  const eras = erasToTry(protocol, learned);
  try {
    const { session, era } = isHttp(target)
      ? await openHttp(target.type, eras, await httpOptions(target, options), options)
      : await openOver(await transportTo(target, options), eras, options);
    learned.era = era;
    return session;
  } catch (error) {
    const theirs = supportedIn(error);
    const ours = eras.flatMap((era) => REVISIONS[era]);
    if (theirs !== undefined && !namesOneOf(ours, error)) throw noCommonRevision(theirs, ours);
    // An older server knows no word for that.
    throw protocol === '2026-07-28' && maySpeak('handshake', error) ? pinnedInVain(error) : error;
  }
}

function pinnedInVain(error: unknown): ConnectionError {
  const { message, retryable, delivery } = asFleetError(error);
  const httpStatus =
    error instanceof ConnectionError || error instanceof RemoteError ? error.httpStatus : undefined;
  const what = `The server does not answer as one of 2026-07-28, which the option protocol pins: ${message}`;
  return new ConnectionError('PROTOCOL_ERROR', what, { retryable, delivery, httpStatus, cause: error });
}

type HttpTarget = Extract<SessionTarget, { oauth: unknown }>;

function isHttp(target: SessionTarget): target is HttpTarget {
  return 'oauth' in target;
}

async function transportTo(
  target: Exclude<SessionTarget, HttpTarget>,
  { identity, maxResponseBytes, exit, tokens, guard, stderr, proxy, onSecret }: OpenOptions,
): Promise<JsonRpcTransport> {
  switch (target.type) {
    case 'stdio': {
      const { StdioTransport } = await loaded(import('./transports/stdio.js'));
      return new StdioTransport({ ...target, maxResponseBytes, stderr });
    }
    case 'ws': {
      const { WebSocketTransport } = await loaded(import('./transports/websocket.js'));
      const own = { guard, tokens, maxResponseBytes, exit, proxy, onSecret };
      return new WebSocketTransport({ ...target, ...own });
    }
    default: {
      const { CustomTransport } = await loaded(import('./transports/custom.js'));
      return new CustomTransport(target.transport, maxResponseBytes, identity);
    }
  }
}

async function httpOptions(
  target: HttpTarget,
  { fetch, maxResponseBytes, exit, onSecret }: OpenOptions,
): Promise<HttpTransportOptions> {
  const { url, headers, oauth } = target;
  const http = { url, headers, fetch, maxResponseBytes, exit, onSecret };
  if (oauth === undefined) return http;
  const { withOAuth } = await loaded(import('./oauth/oauth-fetch.js'));
  return { ...http, fetch: withOAuth(fetch, oauth, { serverUrl: url, exit, onSecret }) };
}

type Opened = { session: Session; era: Era };

/** The eras have transports of their own: what the one sends first, the other refuses. */
async function openHttp(
  type: 'auto' | 'http' | 'sse',
  eras: readonly Era[],
  http: HttpTransportOptions,
  options: OpenOptions,
): Promise<Opened> {
  if (type === 'sse') return openSse(http, options);
  return firstSpoken(eras, options.signal, (era, signal) => {
    const limited = { ...options, signal };
    return era === 'stateless' ? openStateless(http, limited) : openStreamable(type, http, limited);
  });
}

async function openStateless(http: HttpTransportOptions, options: OpenOptions): Promise<Opened> {
  const { StatelessHttpTransport } = await loaded(import('./transports/stateless-http.js'));
  return openOver(new StatelessHttpTransport(http), ['stateless'], options);
}

async function openStreamable(
  type: 'auto' | 'http',
  http: HttpTransportOptions,
  options: OpenOptions,
): Promise<Opened> {
  const { StreamableHttpTransport } = await loaded(import('./transports/streamable-http.js'));
  const transport = new StreamableHttpTransport(http);
  try {
    return await openOver(transport, ['handshake'], options);
  } catch (error) {
    // "Backwards Compatibility" of the transports: such an answer to the first POST means the older one.
    const refused = error instanceof ConnectionError && isHttpRefusal(error);
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

async function openSse(http: HttpTransportOptions, options: OpenOptions): Promise<Opened> {
  const { HttpSseTransport } = await loaded(import('./transports/http-sse.js'));
  return openOver(new HttpSseTransport(http), ['handshake'], options);
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
