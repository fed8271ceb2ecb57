import { CANONICAL } from '../core/canonical-json.js';
import { AuthError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { HttpFetch } from '../net/http.js';
import { lazyHttpClient } from '../net/lazy-http-client.js';
import { sameOriginRedirects } from '../net/redirects.js';
import {
  type AuthorizationServer,
  discoverAuthorizationServer,
  knownAuthorizationServer,
} from './authorization-server.js';
import { chooseClientAuth } from './client-authentication.js';
import {
  type ClientCredentialsOptions,
  type ClientCredentialsSettings,
  checkedSettings,
} from './client-credentials-options.js';
import { fingerprint } from './fingerprint.js';
import { type AskAuthorizationServer, oauthHttp } from './oauth-http.js';
import { requestToken } from './openid.js';
import { unionOf } from './scopes.js';
import type { AccessToken, TokenContext, TokenProvider } from './token-provider.js';

/**
 * Tokens by the OAuth 2.0 client credentials grant (RFC 6749 section 4.4), for a service that acts for itself.
 * Touches no network before the first token is needed. Its `getToken` fails with an {@link AuthError}
 * `TOKEN_FAILED` that says whether trying again makes sense.
 *
 * @throws {ConfigError} naming the option, never the secret.
 */
export function clientCredentials(options: ClientCredentialsOptions): TokenProvider {
  return new ClientCredentials(checkedSettings(options));
}

class ClientCredentials implements TokenProvider {
  readonly #settings: ClientCredentialsSettings;
  /** Scopes beyond the usual ones that a token was asked for after a 403, so that its successors have them too. */
  readonly #extraScopes = new WeakMap<AccessToken, readonly string[]>();
  #server: AuthorizationServer | undefined;
  #ownFetch: HttpFetch | undefined;

  constructor(settings: ClientCredentialsSettings) {
    this.#settings = settings;
  }

  async getToken(context: TokenContext): Promise<AccessToken> {
    const { clientId, clientAuth, parameters, timeoutMs } = this.#settings;
    const ask = oauthHttp(this.#fetchOf(context), timeoutMs, context.signal);
    const extraScopes = this.#extraScopesFor(context);
    try {
      const clientSecret = await this.#clientSecret();
      this.#server ??= await this.#findServer(ask);
      const token = await requestToken(
        {
          server: this.#server,
          clientId,
          clientSecret,
          clientAuth: chooseClientAuth(clientAuth, this.#server.clientAuthMethods),
          scopes: unionOf(this.#settings.scopes ?? context.challenge?.scopes, extraScopes),
          resource: this.#resourceFor(context.url),
          parameters,
        },
        ask,
      );
      if (extraScopes.length > 0) this.#extraScopes.set(token, extraScopes);
      return token;
    } catch (error) {
      context.signal.throwIfAborted();
      // Perhaps the authorization server has moved: read its metadata again next time.
      this.#server = undefined;
      throw error;
    }
  }

  get [CANONICAL](): string {
    const { clientSecret } = this.#settings;
    const revealed = clientSecret instanceof Secret ? clientSecret.reveal() : clientSecret;
    return fingerprint('clientCredentials', { ...this.#settings, clientSecret: revealed });
  }

  #fetchOf(context: TokenContext): HttpFetch {
    if (context.fetch !== undefined) return context.fetch as HttpFetch;
    this.#ownFetch ??= sameOriginRedirects(
      lazyHttpClient({ connectTimeoutMs: this.#settings.timeoutMs }).fetch,
    );
    return this.#ownFetch;
  }

  async #findServer(ask: AskAuthorizationServer): Promise<AuthorizationServer> {
    const { endpoint, allowInsecureRequests } = this.#settings;
    if ('tokenUrl' in endpoint) return knownAuthorizationServer(endpoint.tokenUrl);
    return discoverAuthorizationServer(endpoint.issuer, ask, allowInsecureRequests);
  }

  async #clientSecret(): Promise<string> {
    const { clientSecret } = this.#settings;
    if (clientSecret instanceof Secret) return clientSecret.reveal();
    try {
      const answer: unknown = await clientSecret();
      if (typeof answer === 'string' && answer !== '') return answer;
      throw new TypeError('Not a string, or an empty one');
    } catch (cause) {
      throw new AuthError('TOKEN_FAILED', 'The clientSecret function gave no secret', {
        cause,
        retryable: true,
      });
    }
  }

  #extraScopesFor({ reason, previous, challenge }: TokenContext): readonly string[] {
    const before = previous && this.#extraScopes.get(previous);
    return unionOf(before, reason === 'insufficient_scope' ? challenge?.scopes : []);
  }

  #resourceFor(server: URL): string | undefined {
    const { resource } = this.#settings;
    if (resource === false) return undefined;
    return resource ?? canonicalUrl(server);
  }
}

/** MCP authorization, "Canonical Server URI"; without userinfo, which is nobody else's business. */
function canonicalUrl(server: URL): string {
  const { protocol, host, pathname, search } = server;
  return `${protocol}//${host}${pathname === '/' && search === '' ? '' : pathname}${search}`;
}
