import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type { FetchLike, Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Implementation } from '@modelcontextprotocol/sdk/types.js';
import type { TokenProvider } from '../auth/token-provider.js';
import type { CircuitBreakerOptions } from '../calls/circuit-breaker.js';
import type { CallInterceptor } from '../calls/interceptors.js';
import type { CacheOptions } from '../calls/result-cache.js';
import type { RetryOptions } from '../calls/retry.js';
import type { Identity } from '../core/identity.js';
import type { Logger } from '../core/logger.js';
import type { ServerRequestHandlers } from '../session/session.js';
import type { HealthCheckOptions } from './health-check.js';

/** Where a server is, by its transport. */
export type ServerConfig = HttpServerConfig | StdioServerConfig | WebSocketServerConfig | CustomServerConfig;

/** Settings for every server of a manager; a server may override each. */
export interface ServerDefaults {
  /** How this client names itself to servers. @default `{ name: 'mcp-fleet', version }` */
  clientInfo?: Implementation;
  /**
   * For one attempt to connect, token and fallback included. Milliseconds. A command that has never been ready is not
   * stopped before 60 seconds: it may have to be installed first. @default 10_000; 60_000 for the first start of a command
   */
  connectTimeoutMs?: number;
  /**
   * The revision of MCP. `auto` finds out which one a server speaks, and finds out again when that changes.
   * `'2026-07-28'`: without a handshake or session. `'2025-11-25'`: with the handshake, of that revision or one before it.
   * @default 'auto'
   */
  protocol?: 'auto' | '2026-07-28' | '2025-11-25';
  /** From the call to its result, connecting and tokens included. Milliseconds. @default 60_000 */
  callTimeoutMs?: number;
  /**
   * Repeats what can be repeated safely. `false`: nothing, save that what a server refused because it had forgotten
   * the session is sent once to the next one.
   */
  retry?: RetryOptions | false;
  /** Refuses calls at once while the server fails. `false`: never. */
  circuitBreaker?: CircuitBreakerOptions | false;
  /** Pings a server that nobody has heard of for a while. `false`: never. */
  healthCheck?: HealthCheckOptions | false;
  /** Remembers lists, and results of reads and tools that may be remembered. `false`: nothing. */
  cache?: CacheOptions | false;
  /** Calls in flight per server. @default 64 */
  maxConcurrency?: number;
  /** Calls that may wait for their turn per server; one more is refused with `QUEUE_FULL`. @default 256 */
  maxQueue?: number;
  /** Believe the hints `readOnlyHint` and `idempotentHint` of tools, for retries and caching. @default false */
  trustAnnotations?: boolean;
  /** Largest answer read, after decompression. Bytes. @default 10_485_760 */
  maxResponseBytes?: number;
  /** Which tools exist for callers; `*` matches any run of characters. `deny` wins. @default all */
  tools?: { allow?: readonly string[]; deny?: readonly string[] };
  /** Wraps each tool call, first outermost. What one throws reaches the caller as it is. @default none */
  interceptors?: readonly CallInterceptor[];
  /** Answers to what servers ask of this client; a capability is declared only where its handler is given. */
  handlers?: ServerRequestHandlers;
  /** Replaces the built-in HTTP client, for MCP and for token requests. */
  fetch?: FetchLike;
  /**
   * The HTTP proxy for MCP and for token requests, WebSockets included; `false`: none. Not for a `fetch` of your own.
   * @default `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment
   */
  proxy?: string | URL | false;
  /**
   * Whether all identities share one connection (`'shared'`), or each has its own, with its own tokens, lists and results
   * (`'identity'`). `'auto'`: its own where something differs between them: the token provider has `key`, looks at the
   * identity, or answers with plain strings; `headers` or `env` is a function. @default 'auto'
   */
  scope?: 'auto' | 'shared' | 'identity';
  /** Identities kept per server; the one used longest ago makes room. @default 1_000; 20 for processes */
  maxIdentities?: number;
  /** After so long without a call the connection of an identity is closed. Milliseconds. @default 300_000 */
  identityIdleMs?: number;
  /** Never receives tokens, secrets or tool arguments. @default silent */
  logger?: Logger;
}

/** What functions for `headers` and `env` are told. */
export interface SettingsContext {
  /** Name of the server, as configured. */
  readonly server: string;
  /** Absent for processes. */
  readonly url?: URL;
  /** On whose behalf; absent for what is done for nobody in particular. */
  readonly identity?: Identity;
  /** Aborts when the answer is no longer wanted: the server was closed, or 30 seconds have passed. */
  readonly signal: AbortSignal;
}
export type SettingsFunction = (
  context: SettingsContext,
) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;

export interface HttpServerConfig extends ServerDefaults {
  /** `http` is Streamable HTTP, `sse` the older HTTP+SSE, `auto` the first that the server speaks. @default 'auto' */
  type?: 'auto' | 'http' | 'sse';
  /** `http:` or `https:`, without user name and password. */
  url: string | URL;
  /**
   * Sent with every request; a function is asked for each. Not for what the protocol sets itself, such as
   * `Mcp-Session-Id`.
   */
  headers?: Readonly<Record<string, string>> | SettingsFunction;
  /** Where the bearer token comes from. */
  auth?: TokenProvider;
  /** The SDK's interactive OAuth flow, instead of `auth`. */
  oauth?: OAuthClientProvider;
}

export interface StdioServerConfig extends ServerDefaults {
  type?: 'stdio';
  command: string;
  args?: readonly string[];
  /** Added to a small safe set (PATH, HOME, …); the parent's environment is not passed on. A function is asked for each start. */
  env?: Readonly<Record<string, string>> | SettingsFunction;
  /** @default the working directory of this process */
  cwd?: string;
}

export interface WebSocketServerConfig extends ServerDefaults {
  type?: 'ws';
  /** `ws:` or `wss:`. */
  url: string | URL;
  /** Sent with the handshake; a function is asked for each. */
  headers?: Readonly<Record<string, string>> | SettingsFunction;
  /** Where the bearer token of the handshake comes from. */
  auth?: TokenProvider;
}

export interface CustomServerConfig extends ServerDefaults {
  type: 'custom';
  /** Called once per connection attempt; with `scope: 'identity'` for each identity. */
  transport: (context: { signal: AbortSignal; identity?: Identity }) => Transport | Promise<Transport>;
}
