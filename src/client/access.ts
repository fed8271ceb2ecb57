import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { withBearer } from '../auth/bearer-fetch.js';
import { RecentTokens } from '../auth/recent-tokens.js';
import type { TokenRefresh } from '../auth/token-source.js';
import { TokenSources } from '../auth/token-sources.js';
import { withoutSecrets } from '../core/redaction.js';
import { type AddressGuard, addressGuardOf } from '../net/address-guard.js';
import type { HttpFetch } from '../net/http.js';
import type { SessionTarget } from '../session/open.js';
import type { Session, SessionObserver } from '../session/session.js';
import { type HttpPath, httpPath } from './http-path.js';
import { type ServerSettings, targetOf } from './options.js';
import type { ServerConfig } from './server-config.js';

/** How one server is reached: its target, its HTTP path, its tokens. Opens sessions. */
export class ServerAccess {
  readonly tokens: TokenSources | undefined;
  readonly target: SessionTarget;
  readonly #server: string;
  readonly #settings: ServerSettings;
  readonly #http: HttpPath;
  readonly #fetch: HttpFetch;
  /** What attempts to connect have left behind, and is being ended. */
  readonly #endings = new Set<Promise<void>>();
  readonly #guard: AddressGuard | undefined;
  /** Tokens of the interactive flow, which keeps them to itself. */
  readonly #sent = new RecentTokens();

  constructor(
    server: string,
    config: ServerConfig,
    settings: ServerSettings,
    onRefresh: (refresh: TokenRefresh) => void,
  ) {
    this.#server = server;
    this.#settings = settings;
    this.target = targetOf(config);
    this.#guard = addressGuardOf(config);
    this.#http = httpPath(settings.fetch, settings.connectTimeoutMs, this.#guard);
    this.#fetch = this.#http.fetch;
    if ('oauth' in config && config.oauth !== undefined)
      this.#fetch = rememberingTokens(this.#fetch, this.#sent);
    if ('url' in this.target && 'auth' in config && config.auth !== undefined) {
      const { url } = this.target;
      this.tokens = new TokenSources({
        provider: config.auth,
        server,
        url,
        fetch: this.#http.fetch as FetchLike,
        onRefresh,
      });
      this.#fetch = withBearer(this.#http.fetch, this.tokens, url.origin);
    }
  }

  /** @throws {McpFleetError} or the signal's reason */
  async open(observer: SessionObserver, signal: AbortSignal): Promise<Session> {
    const { openSession } = await import('../session/open.js');
    const { clientInfo, handlers = {}, maxResponseBytes } = this.#settings;
    return openSession(this.target, {
      server: this.#server,
      clientInfo,
      handlers,
      observer,
      signal,
      fetch: this.#fetch,
      guard: this.#guard,
      // One handshake is one caller's.
      tokens: this.target.type === 'ws' ? await this.tokens?.current(signal) : undefined,
      maxResponseBytes,
      redact: (text) => this.#redact(text),
      onEnding: (ending) => {
        this.#endings.add(ending);
        void ending.finally(() => this.#endings.delete(ending));
      },
    });
  }

  async close(): Promise<void> {
    this.tokens?.close();
    await Promise.all(this.#endings);
    await this.#http.close();
  }

  /** `text` without what this server's configuration and tokens must keep to themselves, in any usual encoding. */
  #redact(text: string): string {
    const { target } = this;
    return withoutSecrets(text, [
      ...('headers' in target ? Object.values(target.headers).flatMap(withoutScheme) : []),
      ...('env' in target ? Object.values(target.env) : []),
      ...('url' in target ? [...target.url.searchParams.values()] : []),
      ...(this.tokens?.knownSecrets() ?? []),
      ...this.#sent.list(),
    ]);
  }
}

/** Notes the bearer tokens that go out. */
function rememberingTokens(fetch: HttpFetch, sent: RecentTokens): HttpFetch {
  return (url, request) => {
    const { authorization = '' } = request?.headers ?? {};
    if (/^bearer /i.test(authorization)) sent.add(authorization.slice('bearer '.length));
    return fetch(url, request);
  };
}

/** Servers repeat a token without the word before it. */
function withoutScheme(header: string): string[] {
  return [header, header.replace(/^(basic|bearer) +/i, '')];
}
