import type { AuthorizationServer } from './authorization-server.js';
import { type ClientAuthMethod, clientAuthentication } from './client-authentication.js';
import { type AskAuthorizationServer, asTokenResponse, type OAuthAnswer } from './oauth-http.js';
import { splitScopes } from './scopes.js';
import { problemOfToken } from './token-answer.js';
import { tokenError } from './token-errors.js';
import type { AccessToken } from './token-provider.js';

export interface TokenRequest {
  readonly server: AuthorizationServer;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly clientAuth: ClientAuthMethod;
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * One client credentials grant (RFC 6749 section 4.4) through openid-client, which is loaded here and only here.
 * @throws {AuthError} `TOKEN_FAILED`
 */
export async function requestToken(request: TokenRequest, ask: AskAuthorizationServer): Promise<AccessToken> {
  const { server, clientId, clientSecret, scopes } = request;
  let answer: OAuthAnswer | undefined;
  try {
    const openid = await import('openid-client');
    const configuration = new openid.Configuration(
      { issuer: server.issuer, token_endpoint: server.tokenUrl.href },
      clientId,
      undefined,
      clientAuthentication(request.clientAuth, clientSecret),
    );
    // Whether http: may be used was decided where the URL came from.
    if (server.tokenUrl.protocol === 'http:') openid.allowInsecureRequests(configuration);
    // The deadline is that of `ask`.
    configuration.timeout = 0;
    configuration[openid.customFetch] = async (url, { method, headers, body }) => {
      answer = await ask(new URL(url), { method, headers, body: String(body) });
      return asTokenResponse(answer);
    };
    const granted = await openid.clientCredentialsGrant(configuration, parametersOf(request));
    const problem =
      granted.token_type === 'bearer' ? problemOfToken(granted.access_token) : 'no bearer token';
    if (problem !== undefined) throw new TypeError(problem);
    return accessToken(granted, scopes);
  } catch (error) {
    throw tokenError(error, { tokenUrl: server.tokenUrl, clientId, clientSecret, answer });
  }
}

function parametersOf({ parameters, scopes, resource }: TokenRequest): Record<string, string> {
  return {
    ...parameters,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(resource !== undefined && { resource }),
  };
}

function accessToken(
  granted: { access_token: string; expires_in?: number | undefined; scope?: string | undefined },
  asked: readonly string[],
): AccessToken {
  // An answer without scope grants what was asked for (RFC 6749 section 5.1).
  const scopes = granted.scope === undefined ? asked : splitScopes(granted.scope);
  return {
    token: granted.access_token,
    ...(granted.expires_in !== undefined && { expiresAt: Date.now() + granted.expires_in * 1_000 }),
    ...(scopes.length > 0 && { scopes }),
  };
}
