import { LRUCache } from 'lru-cache';
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
import { type ClientProof, chooseSecretMethod } from './client-authentication.js';
import type { OAuthClientSettings } from './client-credentials-options.js';
import { problemOfEndpoint, problemOfEndpointNamedBy } from './endpoint.js';
import { fingerprint } from './fingerprint.js';
import { type AskAuthorizationServer, oauthHttp } from './oauth-http.js';
import { requestToken } from './openid.js';
import { discoverProtectedResource, type ProtectedResource } from './protected-resource.js';
import { unionOf } from './scopes.js';
import { type AccessToken, knownSecretsOf, type TokenContext } from './token-provider.js';

/** What is asked of the token endpoint, beside what all grants have. */
export interface Grant {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Where a server's tokens come from, as far as it had to be found out. */
interface Source {
  readonly authorizationServer: AuthorizationServer;
  readonly protectedResource: ProtectedResource | undefined;
}

/** A provider may serve many servers, and each may name another authorization server. */
const MOST_SOURCES = 1_000;

/** A client of authorization servers: knows who it is, finds them, and asks them for tokens by any grant. */
export class OAuthClient {
  readonly #settings: OAuthClientSettings;
  /** Scopes beyond the usual ones that a token was asked for after a 403, so that its successors have them too. */
  readonly #extraScopes = new WeakMap<AccessToken, readonly string[]>();
  /** By what they were found with. */
  readonly #sources = new LRUCache<string, Source>({ max: MOST_SOURCES });
  #ownFetch: HttpFetch | undefined;

  constructor(settings: OAuthClientSettings) {
    this.#settings = settings;
  }

  /** @throws {AuthError} `TOKEN_FAILED` */
  async token(context: TokenContext, grant: Grant): Promise<AccessToken> {
    const { clientId, parameters, timeoutMs } = this.#settings;
    const ask = oauthHttp(this.#fetchOf(context), timeoutMs, context.signal);
    const extraScopes = this.#extraScopesFor(context);
    try {
      const source = await this.#source(context, ask);
      const token = await requestToken(
        {
          server: source.authorizationServer,
          clientId,
          proof: await this.#proof(source.authorizationServer),
          grantType: grant.type,
          parameters: { ...parameters, ...grant.parameters },
          scopes: unionOf(this.#usualScopes(context, source), extraScopes),
          resource: this.#resourceFor(context.url, source),
          secrets: knownSecretsOf(context),
        },
        ask,
      );
      if (extraScopes.length > 0) this.#extraScopes.set(token, extraScopes);
      return token;
    } catch (error) {
      context.signal.throwIfAborted();
      // Perhaps the authorization server has moved: read its metadata again next time.
      this.#sources.delete(this.#sourceKey(context));
      throw error;
    }
  }

  get [CANONICAL](): string {
    const { credential } = this.#settings;
    const secret = 'secret' in credential ? credential.secret : undefined;
    const revealed = secret instanceof Secret ? secret.reveal() : secret;
    return fingerprint('oauthClient', { ...this.#settings, credential: { ...credential, secret: revealed } });
  }

  #fetchOf(context: TokenContext): HttpFetch {
    if (context.fetch !== undefined) return context.fetch as HttpFetch;
    this.#ownFetch ??= sameOriginRedirects(
      lazyHttpClient({ connectTimeoutMs: this.#settings.timeoutMs }).fetch,
    );
    return this.#ownFetch;
  }

  async #source(context: TokenContext, ask: AskAuthorizationServer): Promise<Source> {
    const key = this.#sourceKey(context);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const found = await this.#findSource(context, ask);
    this.#sources.set(key, found);
    return found;
  }

  /** Only a server that is trusted for it makes a difference. */
  #sourceKey({ url }: TokenContext): string {
    return 'trustServerMetadata' in this.#settings.endpoint ? url.href : '';
  }

  async #findSource({ url, challenge }: TokenContext, ask: AskAuthorizationServer): Promise<Source> {
    const { endpoint, allowInsecureRequests } = this.#settings;
    if ('tokenUrl' in endpoint) {
      const authorizationServer = knownAuthorizationServer(endpoint.tokenUrl, endpoint.issuer);
      return { authorizationServer, protectedResource: undefined };
    }
    if ('issuer' in endpoint) {
      const problemOf = (named: URL) => problemOfEndpoint(named, allowInsecureRequests);
      const authorizationServer = await discoverAuthorizationServer(endpoint.issuer, ask, problemOf);
      return { authorizationServer, protectedResource: undefined };
    }
    const problemOf = problemOfEndpointNamedBy(url, allowInsecureRequests);
    const protectedResource = await discoverProtectedResource(url, challenge, ask, problemOf);
    const authorizationServer = await discoverAuthorizationServer(protectedResource.issuer, ask, problemOf);
    return { authorizationServer, protectedResource };
  }

  async #proof(server: AuthorizationServer): Promise<ClientProof> {
    const { credential } = this.#settings;
    if ('key' in credential) {
      return { method: 'private_key_jwt', key: credential.key, audience: server.assertionAudience };
    }
    return {
      method: chooseSecretMethod(credential.method, server.clientAuthMethods),
      clientSecret: await revealed(credential.secret),
    };
  }

  #usualScopes({ challenge }: TokenContext, { protectedResource }: Source): readonly string[] | undefined {
    return this.#settings.scopes ?? challenge?.scopes ?? protectedResource?.scopes;
  }

  #extraScopesFor({ reason, previous, challenge }: TokenContext): readonly string[] {
    const before = previous && this.#extraScopes.get(previous);
    return unionOf(before, reason === 'insufficient_scope' ? challenge?.scopes : []);
  }

  #resourceFor(server: URL, { protectedResource }: Source): string | undefined {
    const { resource } = this.#settings;
    if (resource === false) return undefined;
    return resource ?? protectedResource?.resource ?? canonicalUrl(server);
  }
}

async function revealed(secret: Secret | (() => string | Promise<string>)): Promise<string> {
  if (secret instanceof Secret) return secret.reveal();
  try {
    const answer: unknown = await secret();
    if (typeof answer === 'string' && answer !== '') return answer;
    throw new TypeError('Not a string, or an empty one');
  } catch (cause) {
    throw new AuthError('TOKEN_FAILED', 'The clientSecret function gave no secret', {
      cause,
      retryable: true,
    });
  }
}

/** MCP authorization, "Canonical Server URI"; without userinfo, which is nobody else's business. */
function canonicalUrl(server: URL): string {
  const { protocol, host, pathname, search } = server;
  return `${protocol}//${host}${pathname === '/' && search === '' ? '' : pathname}${search}`;
}
