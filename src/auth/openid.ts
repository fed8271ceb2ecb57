import { KnownSecrets } from '../core/known-secrets.js';
import { loaded } from '../core/loaded.js';
import type { AuthorizationServer } from './authorization-server.js';
import { basicCredentials, type ClientProof, clientAuthentication } from './client-authentication.js';
import type { AskAuthorizationServer, OAuthAnswer } from './oauth-http.js';
import { splitScopes } from './scopes.js';
import { tokenError } from './token-errors.js';
import type { AccessToken } from './token-provider.js';
import { asTokenResponse } from './token-response.js';

export interface TokenRequest {
  readonly server: AuthorizationServer;
  readonly clientId: string;
  readonly proof: ClientProof;
  readonly grantType: string;
  /** Of the grant, and those that the user adds. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
  readonly resource: string | undefined;
  /** Those of the server that the token is for: it may repeat what it was told of the client. */
  readonly secrets: KnownSecrets | undefined;
}

/** Parameters of a token request that are no secret; any other may be. */
const PUBLIC_PARAMETERS = new Set([
  'grant_type',
  'client_id',
  'client_assertion_type',
  'scope',
  'resource',
  'audience',
  'subject_token_type',
  'actor_token_type',
  'requested_token_type',
]);

/**
 * One token request (RFC 6749 section 4.4, RFC 8693 section 2.1) through openid-client, which is loaded here and only
 * here.
 * @throws {AuthError} `TOKEN_FAILED`
 */
export async function requestToken(request: TokenRequest, ask: AskAuthorizationServer): Promise<AccessToken> {
  const { server, clientId, proof, grantType, scopes } = request;
  const secrets = new KnownSecrets();
  const note = (secret: string) => {
    secrets.add(secret);
    request.secrets?.passing(secret);
  };
  secretsOf(clientId, proof).forEach(note);
  let answer: OAuthAnswer | undefined;
  try {
    const openid = await loaded(import('openid-client'));
    const configuration = new openid.Configuration(
      { issuer: server.issuer, token_endpoint: server.tokenUrl.href },
      clientId,
      undefined,
      await clientAuthentication(openid, proof),
    );
    // Whether http: may be used was decided where the URL came from.
    if (server.tokenUrl.protocol === 'http:') openid.allowInsecureRequests(configuration);
    // The deadline is that of `ask`.
    configuration.timeout = 0;
    configuration[openid.customFetch] = async (url, { method, headers, body }) => {
      secretsIn(String(body)).forEach(note);
      // The HTTP path says who asks.
      const { 'user-agent': _library, ...fields } = headers;
      answer = await ask(new URL(url), { method, headers: fields, body: String(body) });
      return asTokenResponse(answer);
    };
    const granted = await openid.genericGrantRequest(configuration, grantType, parametersOf(request));
    return accessToken(granted, scopes);
  } catch (error) {
    throw tokenError(error, { tokenUrl: server.tokenUrl, secrets, answer });
  }
}

function parametersOf({ parameters, scopes, resource }: TokenRequest): Record<string, string> {
  return {
    ...parameters,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(resource !== undefined && { resource }),
  };
}

/** What a server might echo, however it came by it. */
function secretsOf(clientId: string, proof: ClientProof): string[] {
  if (proof.method === 'private_key_jwt') return [];
  return [proof.clientSecret, basicCredentials(clientId, proof.clientSecret)];
}

function secretsIn(body: string): string[] {
  const values = [...new URLSearchParams(body)].filter(([name]) => !PUBLIC_PARAMETERS.has(name));
  return values.map(([, value]) => value);
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
