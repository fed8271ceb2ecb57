import { ConfigError } from '../core/errors.js';
import type { ClientCredentialsOptions, OAuthClientSettings } from './client-credentials-options.js';
import type { Grant } from './oauth-client.js';
import { checkedOAuthClient } from './oauth-client-checks.js';
import type { TokenKeyContext } from './token-provider.js';

/** Options of {@link tokenExchange}: those of {@link clientCredentials}, and whose token is exchanged. */
export interface TokenExchangeOptions extends ClientCredentialsOptions {
  /**
   * The token of the caller for whom this service acts (RFC 8693 section 2.1). Asked for each request, in the
   * caller's async context, so that `AsyncLocalStorage` works; `undefined` if nobody stands behind the request.
   */
  subjectToken: (context: TokenKeyContext) => string | undefined | Promise<string | undefined>;
  /** RFC 8693 section 3. @default 'urn:ietf:params:oauth:token-type:access_token' */
  subjectTokenType?: string;
  /** The token of this service itself, for delegation (RFC 8693 section 1.1). @default none: impersonation */
  actorToken?: (context: TokenKeyContext) => string | undefined | Promise<string | undefined>;
  /** RFC 8693 section 3. @default 'urn:ietf:params:oauth:token-type:access_token' */
  actorTokenType?: string;
  /** The type of token to ask for (RFC 8693 section 3). @default what the authorization server likes */
  requestedTokenType?: string;
}

export interface TokenExchangeSettings {
  readonly client: OAuthClientSettings;
  readonly grant: Grant;
  readonly subjectToken: TokenExchangeOptions['subjectToken'];
  readonly actorToken: TokenExchangeOptions['actorToken'];
  readonly actorTokenType: string;
}

const NAME = 'tokenExchange';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** Typed so that an option cannot be forgotten here. */
const OWN_OPTIONS: Readonly<
  Record<Exclude<keyof TokenExchangeOptions, keyof ClientCredentialsOptions>, string>
> = {
  subjectToken: 'subject_token',
  subjectTokenType: 'subject_token_type',
  actorToken: 'actor_token',
  actorTokenType: 'actor_token_type',
  requestedTokenType: 'requested_token_type',
};

/** @throws {ConfigError} naming the option, never the secret. */
export function checkedTokenExchange(options: TokenExchangeOptions): TokenExchangeSettings {
  const client = checkedOAuthClient(options, {
    name: NAME,
    grantType: GRANT_TYPE,
    options: Object.keys(OWN_OPTIONS),
    parameters: Object.fromEntries(
      Object.entries(OWN_OPTIONS).map(([option, parameter]) => [parameter, `is the option ${option}`]),
    ),
  });
  const { subjectToken, actorToken, requestedTokenType } = options;
  if (typeof subjectToken !== 'function') fail('subjectToken', 'expected a function that answers the token');
  if (actorToken !== undefined && typeof actorToken !== 'function')
    fail('actorToken', 'expected a function that answers the token');
  if (options.actorTokenType !== undefined && actorToken === undefined)
    fail('actorTokenType', 'is for an actorToken, and there is none');
  return {
    client,
    grant: {
      type: GRANT_TYPE,
      parameters: {
        subject_token_type: tokenType('subjectTokenType', options.subjectTokenType),
        ...(requestedTokenType !== undefined && {
          requested_token_type: tokenType('requestedTokenType', requestedTokenType),
        }),
      },
    },
    subjectToken,
    actorToken,
    actorTokenType: tokenType('actorTokenType', options.actorTokenType),
  };
}

function tokenType(option: keyof typeof OWN_OPTIONS, type: unknown = ACCESS_TOKEN): string {
  if (typeof type === 'string' && URL.canParse(type)) return type;
  return fail(option, 'expected a URI (RFC 8693 section 3)');
}

function fail(option: string, problem: string): never {
  throw new ConfigError(`${NAME}.${option}`, problem);
}
