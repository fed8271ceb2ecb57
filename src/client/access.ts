import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { withBearer } from '../auth/bearer-fetch.js';
import type { TokenRefresh } from '../auth/token-source.js';
import { TokenSources } from '../auth/token-sources.js';
import { KnownSecrets } from '../core/known-secrets.js';
import { loaded } from '../core/loaded.js';
import type { StopSignal } from '../core/stop-signal.js';
import { TextExit } from '../core/text-exit.js';
import { type AddressGuard, addressGuardOf } from '../net/address-guard.js';
import type { HttpFetch } from '../net/http.js';
import type { SessionTarget } from '../session/open.js';
import type { LearnedEra } from '../session/revisions.js';
import type { Session, SessionObserver } from '../session/session.js';
import { Stderr } from '../session/transports/stderr.js';
import { configuredSecrets } from './configured-secrets.js';
import { type HttpPath, httpPath } from './http-path.js';
import { type ServerSettings, targetOf } from './options.js';
import type { ServerConfig } from './server-config.js';

/** Tokens that requests under way may have sent: each sends two at most, and some wait for nobody. */
const SECRETS_PER_CALL = 2;
const LEAST_PASSING_SECRETS = 256;

export interface ServerAccessHooks {
  onRefresh(refresh: TokenRefresh): void;
  /** A line of a process's stderr; wanted only where `isStderrHeard` says so. */
  onStderr(line: string): void;
  isStderrHeard(): boolean;
}

/** How one server is reached: its target, its HTTP path, its tokens, its secrets. Opens sessions. */
export class ServerAccess {
  readonly tokens: TokenSources | undefined;
  readonly target: SessionTarget;
  /** The way by which all text that concerns this server leaves. */
  readonly exit: TextExit;
  readonly secrets: KnownSecrets;
  /** Of the server's processes, where it is one. */
  readonly stderr: Stderr | undefined;
  readonly #server: string;
  readonly #settings: ServerSettings;
  readonly #http: HttpPath;
  readonly #fetch: HttpFetch;
  /** What attempts to connect have left behind, and is being ended. */
  #endings: Set<Promise<void>> | undefined;
  readonly #guard: AddressGuard | undefined;
  readonly #learned: LearnedEra = {};

  constructor(server: string, config: ServerConfig, settings: ServerSettings, hooks: ServerAccessHooks) {
    this.#server = server;
    this.#settings = settings;
    this.target = targetOf(config);
    this.secrets = new KnownSecrets(
      Math.max(LEAST_PASSING_SECRETS, SECRETS_PER_CALL * settings.maxConcurrency),
    );
    for (const secret of configuredSecrets(this.target)) this.secrets.add(secret);
    this.exit = new TextExit(this.secrets);
    if (this.target.type === 'stdio')
      this.stderr = new Stderr({
        exit: this.exit,
        isHeard: () => hooks.isStderrHeard(),
        onLine: (line) => hooks.onStderr(line),
      });
    this.#guard = addressGuardOf(config);
    const { fetch, connectTimeoutMs, proxy } = settings;
    this.#http = httpPath(
      { fetch, connectTimeoutMs, proxy, onSecret: (secret) => this.secrets.add(secret) },
      this.#guard,
    );
    this.#fetch = this.#http.fetch;
    if ('oauth' in config && config.oauth !== undefined)
      this.#fetch = rememberingTokens(this.#fetch, this.secrets);
    if ('url' in this.target && 'auth' in config && config.auth !== undefined) {
      const { url } = this.target;
      this.tokens = new TokenSources({
        provider: config.auth,
        server,
        url,
        fetch: this.#http.fetch as FetchLike,
        secrets: this.secrets,
        onRefresh: hooks.onRefresh,
      });
      this.#fetch = withBearer(this.#http.fetch, this.tokens, url.origin, this.secrets);
    }
  }

  /** @throws {McpFleetError} or the signal's reason */
  async open(observer: SessionObserver, signal: StopSignal): Promise<Session> {
    const { openSession } = await loaded(import('../session/open.js'));
    const { clientInfo, handlers = {}, maxResponseBytes, protocol, proxy } = this.#settings;
    return openSession(this.target, {
      server: this.#server,
      protocol,
      learned: this.#learned,
      clientInfo,
      handlers,
      observer,
      signal,
      fetch: this.#fetch,
      guard: this.#guard,
      // One handshake is one caller's.
      tokens: this.target.type === 'ws' ? await this.tokens?.current(signal) : undefined,
      maxResponseBytes,
      proxy,
      exit: this.exit,
      onSecret: (secret) => this.secrets.passing(secret),
      stderr: this.stderr,
      onEnding: (ending) => {
        this.#endings ??= new Set();
        this.#endings.add(ending);
        void ending.finally(() => this.#endings?.delete(ending));
      },
    });
  }

  async close(): Promise<void> {
    this.tokens?.close();
    await Promise.allSettled(this.#endings ?? []);
    await this.#http.close();
  }
}

/** Notes the bearer tokens that go out: the interactive flow keeps them to itself. */
function rememberingTokens(fetch: HttpFetch, secrets: KnownSecrets): HttpFetch {
  return (url, request) => {
    const { authorization = '' } = request?.headers ?? {};
    if (/^bearer /i.test(authorization)) secrets.passing(authorization.slice('bearer '.length));
    return fetch(url, request);
  };
}
