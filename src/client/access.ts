import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { withBearer } from '../auth/bearer-fetch.js';
import type { TokenRefresh } from '../auth/token-source.js';
import { TokenSources } from '../auth/token-sources.js';
import { abortable } from '../core/abort.js';
import { McpFleetError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { KnownSecrets } from '../core/known-secrets.js';
import { loaded } from '../core/loaded.js';
import type { StopSignal } from '../core/stop-signal.js';
import { lowerCaseNames } from '../net/headers.js';
import type { HttpFetch } from '../net/http.js';
import type { SessionTarget } from '../session/open.js';
import type { Session, SessionObserver } from '../session/session.js';
import { Stderr } from '../session/transports/stderr.js';
import { configuredSecrets } from './configured-secrets.js';
import type { SettingsFunction } from './server-config.js';
import type { ServerPath } from './server-path.js';
import { settingsFunctionOf } from './settings-function.js';

export interface ServerAccessHooks {
  /** Requests of several identities go over it. */
  isShared: boolean;
  onRefresh(refresh: TokenRefresh): void;
  /** A line of a process's stderr; wanted only where `isStderrHeard` says so. */
  onStderr(line: string): void;
  isStderrHeard(): boolean;
}

/** Whose it is, and whether callers say so or the token provider's `key` does. */
export interface AccessOwner {
  readonly key: string;
  readonly isGiven: boolean;
  identity(): Identity;
}

/** What one identity, or nobody in particular, reaches a server with: tokens, header fields, environment. Opens sessions. */
export class ServerAccess {
  readonly tokens: TokenSources | undefined;
  /** Of the server's processes, where it is one. */
  readonly stderr: Stderr | undefined;
  readonly #path: ServerPath;
  readonly #identity: (() => Identity) | undefined;
  readonly #give: SettingsFunction | undefined;
  readonly #fetch: HttpFetch;
  /** What attempts to connect have left behind, and is being ended. */
  #endings: Set<Promise<void>> | undefined;
  /** Ends the questions to {@link SettingsFunction}s. */
  #closing: AbortController | undefined;

  constructor(path: ServerPath, hooks: ServerAccessHooks, owner?: AccessOwner) {
    this.#path = path;
    this.#identity = owner && (() => owner.identity());
    const { server, config, target, secrets } = path;
    this.#give = settingsFunctionOf(config);
    if (target.type === 'stdio')
      this.stderr = new Stderr({
        exit: path.exit,
        isHeard: () => hooks.isStderrHeard(),
        onLine: (line) => hooks.onStderr(line),
      });
    let { fetch } = path;
    if ('oauth' in config && config.oauth !== undefined) fetch = rememberingTokens(fetch, secrets);
    if ('url' in target && 'auth' in config && config.auth !== undefined) {
      const { url } = target;
      this.tokens = new TokenSources({
        provider: config.auth,
        server,
        url,
        fetch: fetch as FetchLike,
        secrets,
        key: owner?.key,
        identity: owner?.isGiven ? this.#identity : undefined,
        isShared: hooks.isShared,
        onRefresh: hooks.onRefresh,
      });
      fetch = withBearer(fetch, this.tokens, url.origin, secrets);
    }
    if ('url' in target && this.#give !== undefined)
      fetch = this.#withGivenHeaders(fetch, target.url.origin, this.#give);
    this.#fetch = fetch;
  }

  /** @throws {McpFleetError} or the signal's reason */
  async open(observer: SessionObserver, signal: StopSignal): Promise<Session> {
    const { openSession } = await loaded(import('../session/open.js'));
    const { server, settings, learned, guard, exit, secrets } = this.#path;
    const { clientInfo, handlers = {}, maxResponseBytes, protocol, proxy } = settings;
    const target = await this.target(signal);
    return openSession(target, {
      server,
      identity: this.#identity,
      protocol,
      learned,
      clientInfo,
      handlers,
      observer,
      signal,
      fetch: this.#fetch,
      guard,
      // One handshake is one caller's.
      tokens: target.type === 'ws' ? await this.tokens?.current(signal) : undefined,
      maxResponseBytes,
      proxy,
      exit,
      onSecret: (secret) => secrets.passing(secret),
      stderr: this.stderr,
      onEnding: (ending) => {
        this.#endings ??= new Set();
        this.#endings.add(ending);
        void ending.finally(() => this.#endings?.delete(ending));
      },
    });
  }

  /**
   * Where the server is, with what a function says for this connection; over HTTP it is asked for each request.
   * @throws {AuthError} `TOKEN_FAILED`, or the signal's reason
   */
  async target(signal: StopSignal): Promise<SessionTarget> {
    const { target } = this.#path;
    const give = this.#give;
    if (give === undefined) return target;
    if (target.type === 'stdio') return { ...target, env: await this.#given('env', give, signal) };
    if (target.type === 'ws') return { ...target, headers: await this.#given('headers', give, signal) };
    return target;
  }

  async close(): Promise<void> {
    this.tokens?.close();
    const { server } = this.#path;
    this.#closing?.abort(new McpFleetError('CLOSED', 'The client of this server was closed', { server }));
    await Promise.allSettled(this.#endings ?? []);
  }

  #withGivenHeaders(fetch: HttpFetch, origin: string, give: SettingsFunction): HttpFetch {
    return async (url, request = {}) => {
      if ((url instanceof URL ? url : new URL(url)).origin !== origin) return fetch(url, request);
      const given = await this.#given('headers', give, request.signal);
      return fetch(url, { ...request, headers: { ...request.headers, ...lowerCaseNames(given) } });
    };
  }

  async #given(
    option: 'headers' | 'env',
    give: SettingsFunction,
    signal: StopSignal | undefined,
  ): Promise<Readonly<Record<string, string>>> {
    const { askForSettings } = await loaded(import('./settings-question.js'));
    const { server, target, secrets } = this.#path;
    const url = 'url' in target ? target.url : undefined;
    this.#closing ??= new AbortController();
    const question = { option, server, url, identity: this.#identity?.() };
    const given = await abortable(askForSettings(give, question, this.#closing.signal), signal);
    for (const secret of configuredSecrets({ ...target, [option]: given } as SessionTarget))
      secrets.passing(secret);
    return given;
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
