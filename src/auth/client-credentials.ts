import { CANONICAL } from '../core/canonical-json.js';
import type { ClientCredentialsOptions } from './client-credentials-options.js';
import { OAuthClient } from './oauth-client.js';
import { checkedOAuthClient } from './oauth-client-checks.js';
import type { AccessToken, TokenContext, TokenProvider } from './token-provider.js';

const GRANT = { type: 'client_credentials', parameters: {} } as const;

/**
 * Tokens by the OAuth 2.0 client credentials grant (RFC 6749 section 4.4), for a service that acts for itself.
 * Touches no network before the first token is needed. Its `getToken` fails with an {@link AuthError}
 * `TOKEN_FAILED` that says whether trying again makes sense.
 *
 * @throws {ConfigError} naming the option, never the secret.
 */
export function clientCredentials(options: ClientCredentialsOptions): TokenProvider {
  return new ClientCredentials(
    new OAuthClient(checkedOAuthClient(options, { name: 'clientCredentials', grantType: GRANT.type })),
  );
}

class ClientCredentials implements TokenProvider {
  readonly #client: OAuthClient;

  constructor(client: OAuthClient) {
    this.#client = client;
  }

  getToken(context: TokenContext): Promise<AccessToken> {
    return this.#client.token(context, GRANT);
  }

  get [CANONICAL](): string {
    return `clientCredentials ${this.#client[CANONICAL]}`;
  }
}
