import { publicUrl } from '../net/redirects.js';
import type { EndpointCheck } from './endpoint.js';
import { type MetadataDocument, readMetadata, textsIn } from './metadata.js';
import type { AskAuthorizationServer } from './oauth-http.js';

/** What a token request needs to know of an authorization server. */
export interface AuthorizationServer {
  readonly issuer: string;
  readonly tokenUrl: URL;
  /** `aud` of a client's assertion. */
  readonly assertionAudience: string;
  /** `token_endpoint_auth_methods_supported` (RFC 8414 section 2), if the server says. */
  readonly clientAuthMethods: readonly string[] | undefined;
}

/** One whose token endpoint is known, and perhaps its name. */
export function knownAuthorizationServer(tokenUrl: URL, issuer: string | undefined): AuthorizationServer {
  return {
    issuer: issuer ?? tokenUrl.origin,
    tokenUrl,
    assertionAudience: issuer ?? tokenUrl.href,
    clientAuthMethods: undefined,
  };
}

/**
 * Reads the metadata of `issuer`, from the places and in the order that MCP names: RFC 8414, then OpenID Connect
 * with the path behind and before the well-known part. A document that names another issuer is not believed.
 * @throws {AuthError} `TOKEN_FAILED`
 */
export function discoverAuthorizationServer(
  issuer: URL,
  ask: AskAuthorizationServer,
  problemOf: EndpointCheck,
): Promise<AuthorizationServer> {
  return readMetadata(
    `the authorization server ${publicUrl(issuer)}`,
    metadataUrls(issuer),
    ask,
    (document) => readDocument(document, issuer, problemOf),
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
function readDocument(
  document: MetadataDocument,
  issuer: URL,
  problemOf: EndpointCheck,
): AuthorizationServer | string {
  const {
    issuer: named,
    token_endpoint: endpoint,
    token_endpoint_auth_methods_supported: methods,
  } = document;
  if (typeof named !== 'string' || !URL.canParse(named)) return 'it names no issuer';
  if (new URL(named).href !== issuer.href) return `it names another issuer, ${publicUrl(new URL(named))}`;
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return 'it has no token_endpoint';
  const tokenUrl = new URL(endpoint);
  const problem = problemOf(tokenUrl);
  if (problem !== undefined) return `its token_endpoint ${problem}`;
  return { issuer: named, tokenUrl, assertionAudience: named, clientAuthMethods: textsIn(methods) };
}
