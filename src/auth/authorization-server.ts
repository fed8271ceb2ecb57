import { AuthError, ConnectionError } from '../core/errors.js';
import { publicUrl } from '../net/redirects.js';
import { problemOfEndpoint } from './endpoint.js';
import type { AskAuthorizationServer } from './oauth-http.js';
import { requestFailed } from './token-errors.js';

/** What a token request needs to know of an authorization server. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly tokenUrl: URL;
  /** `token_endpoint_auth_methods_supported` (RFC 8414 section 2), if the server says. */
  readonly clientAuthMethods: readonly string[] | undefined;
}

/** One whose token endpoint is known, and nothing else. */
export function knownAuthorizationServer(tokenUrl: URL): AuthorizationServer {
  return { issuer: tokenUrl.origin, tokenUrl, clientAuthMethods: undefined };
}

/**
 * Reads the metadata of `issuer`, from the places and in the order that MCP names: RFC 8414, then OpenID Connect
 * with the path behind and before the well-known part. A document that names another issuer is not believed.
 * @throws {AuthError} `TOKEN_FAILED`
 */
export async function discoverAuthorizationServer(
  issuer: URL,
  ask: AskAuthorizationServer,
  allowInsecureRequests: boolean,
): Promise<AuthorizationServer> {
  const problems: string[] = [];
  let retryable = false;
  let retryAfterMs: number | undefined;
  let cause: unknown;
  for (const url of metadataUrls(issuer)) {
    try {
      const { status, json, ...answer } = await ask(url, { headers: { accept: 'application/json' } });
      const found = status === 200 ? readMetadata(json, issuer, allowInsecureRequests) : `HTTP ${status}`;
      if (typeof found !== 'string') return found;
      problems.push(`${publicUrl(url)}: ${found}`);
      retryable ||= status >= 500 || status === 429;
      retryAfterMs ??= answer.retryAfterMs;
    } catch (error) {
      // A server that cannot be reached at one place cannot be reached at the others.
      if (!(error instanceof ConnectionError) || error.httpStatus === undefined) throw requestFailed(error);
      problems.push(`${publicUrl(url)}: ${error.message}`);
      cause ??= error;
    }
  }
  throw new AuthError(
    'TOKEN_FAILED',
    `No metadata of the authorization server ${publicUrl(issuer)} found (${problems.join('; ')})`,
    {
      retryable,
      retryAfterMs,
      cause,
    },
  );
}

function metadataUrls({ origin, pathname }: URL): URL[] {
  const path = pathname.replace(/\/$/, '');
  const places = [
    `/.well-known/oauth-authorization-server${path}`,
    `/.well-known/openid-configuration${path}`,
    `${path}/.well-known/openid-configuration`,
  ];
  return [...new Set(places)].map((place) => new URL(`${origin}${place}`));
}

/** The server that the document describes, or what is wrong with the document. */
function readMetadata(
  json: Readonly<Record<string, unknown>> | undefined,
  issuer: URL,
  allowInsecureRequests: boolean,
): AuthorizationServer | string {
  if (json === undefined) return 'not a JSON object';
  const { issuer: named, token_endpoint: endpoint, token_endpoint_auth_methods_supported: methods } = json;
  if (typeof named !== 'string' || !URL.canParse(named)) return 'it names no issuer';
  if (new URL(named).href !== issuer.href) return `it names another issuer, ${publicUrl(new URL(named))}`;
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return 'it has no token_endpoint';
  const tokenUrl = new URL(endpoint);
  const problem = problemOfEndpoint(tokenUrl, allowInsecureRequests);
  if (problem !== undefined) return `its token_endpoint ${problem}`;
  return {
    issuer: named,
    tokenUrl,
    clientAuthMethods: Array.isArray(methods) ? methods.filter(isString) : undefined,
  };
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
