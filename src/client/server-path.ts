import { KnownSecrets } from '../core/known-secrets.js';
import { TextExit } from '../core/text-exit.js';
import { type AddressGuard, addressGuardOf } from '../net/address-guard.js';
import type { HttpFetch } from '../net/http.js';
import type { SessionTarget } from '../session/open.js';
import type { LearnedEra } from '../session/revisions.js';
import { configuredSecrets } from './configured-secrets.js';
import { type HttpPath, httpPath } from './http-path.js';
import { type ServerSettings, targetOf } from './options.js';
import type { ServerConfig } from './server-config.js';

/** Tokens that requests under way may have sent: each sends two at most, and some wait for nobody. */
const SECRETS_PER_CALL = 2;
const LEAST_PASSING_SECRETS = 256;

/** How one server is reached, whoever asks: its target, its HTTP path, its secrets, and what was learned of it. */
export class ServerPath {
  readonly server: string;
  readonly config: ServerConfig;
  readonly settings: ServerSettings;
  readonly target: SessionTarget;
  /** The way by which all text that concerns this server leaves. */
  readonly exit: TextExit;
  readonly secrets: KnownSecrets;
  readonly guard: AddressGuard | undefined;
  readonly learned: LearnedEra = {};
  readonly #http: HttpPath;

  constructor(server: string, config: ServerConfig, settings: ServerSettings) {
    this.server = server;
    this.config = config;
    this.settings = settings;
    this.target = targetOf(config);
    this.secrets = new KnownSecrets(
      Math.max(LEAST_PASSING_SECRETS, SECRETS_PER_CALL * settings.maxConcurrency),
    );
    for (const secret of configuredSecrets(this.target)) this.secrets.add(secret);
    this.exit = new TextExit(this.secrets);
    this.guard = addressGuardOf(config);
    const { fetch, connectTimeoutMs, proxy } = settings;
    const onSecret = (secret: string) => this.secrets.add(secret);
    this.#http = httpPath({ fetch, connectTimeoutMs, proxy, onSecret }, this.guard);
  }

  get fetch(): HttpFetch {
    return this.#http.fetch;
  }

  close(): Promise<void> {
    return this.#http.close();
  }
}
