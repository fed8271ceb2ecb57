import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { withBearer } from '../auth/bearer-fetch.js';
import { type TokenRefresh, TokenSource } from '../auth/token-source.js';
import { type AddressGuard, addressGuardOf } from '../net/address-guard.js';
import type { HttpFetch } from '../net/http.js';
import type { SessionTarget } from '../session/open.js';
import type { Session, SessionObserver } from '../session/session.js';
import { type HttpPath, httpPath } from './http-path.js';
import { type ServerSettings, targetOf } from './options.js';
import type { ServerConfig } from './server-config.js';

/** Texts shorter than this are no secrets, and stripping them would garble messages. */
const SHORTEST_SECRET = 4;

/** How one server is reached: its target, its HTTP path, its tokens. Opens sessions. */
export class ServerAccess {
  readonly tokens: TokenSource | undefined;
  readonly target: SessionTarget;
  readonly #server: string;
  readonly #settings: ServerSettings;
  readonly #http: HttpPath;
  readonly #fetch: HttpFetch;
  /** What attempts to connect have left behind, and is being ended. */
  readonly #endings = new Set<Promise<void>>();
  readonly #guard: AddressGuard | undefined;

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
    if ('url' in this.target && 'auth' in config && config.auth !== undefined) {
      const { url } = this.target;
      this.tokens = new TokenSource({
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
      tokens: this.tokens,
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
    const secrets = [
      ...('headers' in target ? Object.values(target.headers).map(withoutScheme) : []),
      ...('env' in target ? Object.values(target.env) : []),
      ...('url' in target ? [...target.url.searchParams.values()] : []),
      ...(this.tokens?.knownSecrets() ?? []),
    ];
    return (
      secrets
        .filter((secret) => secret.length >= SHORTEST_SECRET)
        .flatMap((secret) => [
          secret,
          encodeURIComponent(secret),
          base64(secret),
          base64(secret, 'base64url'),
        ])
        // One may be a part of another.
        .sort((a, b) => b.length - a.length)
        .reduce((shown, secret) => shown.replaceAll(secret, '[redacted]'), text)
    );
  }
}

/** Servers repeat a token without the word before it. */
function withoutScheme(header: string): string {
  return header.replace(/^(basic|bearer) +/i, '');
}

function base64(text: string, encoding: 'base64' | 'base64url' = 'base64'): string {
  return Buffer.from(text).toString(encoding).replace(/=+$/, '');
}
