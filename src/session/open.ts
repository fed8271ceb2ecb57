import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type { TokenSource } from '../auth/token-source.js';
import { ConnectionError } from '../core/errors.js';
import type { AddressGuard } from '../net/address-guard.js';
import type { HttpFetch } from '../net/http.js';
import { withOAuth } from './oauth.js';
import { SdkSession, type SdkSessionOptions } from './sdk-session.js';
import type { Session } from './session.js';
import type { TransportFactory } from './transports/custom.js';
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

export interface OpenOptions extends SdkSessionOptions {
  /** Carries the bearer token and follows the redirects that may be followed. */
  fetch: HttpFetch;
  /** For what does not go through `fetch`. */
  guard: AddressGuard | undefined;
  tokens: TokenSource | undefined;
  maxResponseBytes: number;
}

/** "Backwards Compatibility" of the transports: these answers to the first POST mean the older transport. */
const OLDER_TRANSPORT_STATUSES: ReadonlySet<number | undefined> = new Set([400, 404, 405]);

/**
 * Opens a session. A transport's code is loaded when it is first used.
 * @throws {McpFleetError} or the signal's reason
 */
export async function openSession(target: SessionTarget, options: OpenOptions): Promise<Session> {
  const { maxResponseBytes, redact, tokens, guard } = options;
  switch (target.type) {
    case 'stdio': {
      const { StdioTransport } = await import('./transports/stdio.js');
      return SdkSession.open(new StdioTransport({ ...target, maxResponseBytes, redact }), options);
    }
    case 'ws': {
      const { WebSocketTransport } = await import('./transports/websocket.js');
      return SdkSession.open(new WebSocketTransport({ ...target, guard, tokens, maxResponseBytes }), options);
    }
    case 'custom': {
      const { CustomTransport } = await import('./transports/custom.js');
      return SdkSession.open(new CustomTransport(target.transport), options);
    }
    default: {
      const fetch =
        target.oauth === undefined ? options.fetch : withOAuth(options.fetch, target.oauth, target.url);
      return openHttp(target.type, { ...target, fetch, maxResponseBytes, redact }, options);
    }
  }
}

async function openHttp(
  type: 'auto' | 'http' | 'sse',
  http: HttpTransportOptions,
  options: OpenOptions,
): Promise<Session> {
  if (type === 'sse') return openSse(http, options);
  const { StreamableHttpTransport } = await import('./transports/streamable-http.js');
  const transport = new StreamableHttpTransport(http);
  try {
    return await SdkSession.open(transport, options);
  } catch (error) {
    const refused = error instanceof ConnectionError && OLDER_TRANSPORT_STATUSES.has(error.httpStatus);
    if (type === 'http' || transport.reached || !refused) throw error;
    try {
      return await openSse(http, options);
    } catch (olderError) {
      options.signal.throwIfAborted();
      throw neither(error, olderError);
    }
  }
}

async function openSse(http: HttpTransportOptions, options: OpenOptions): Promise<Session> {
  const { HttpSseTransport } = await import('./transports/http-sse.js');
  return SdkSession.open(new HttpSseTransport(http), options);
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
