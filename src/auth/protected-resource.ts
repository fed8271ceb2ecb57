import { AuthError } from '../core/errors.js';
import { publicUrl } from '../net/redirects.js';
import { type Challenge, parseChallenge } from './challenge.js';
import type { EndpointCheck } from './endpoint.js';
import { type MetadataDocument, readMetadata, textsIn } from './metadata.js';
import type { AskAuthorizationServer } from './oauth-http.js';
import { isScope } from './scopes.js';

/** What an MCP server says of the tokens that it takes (RFC 9728 section 2). */
export interface ProtectedResource {
  /** As the server spells it, which authorization servers compare literally. */
  readonly resource: string;
  /** The first authorization server that it names. */
  readonly issuer: URL;
  readonly scopes: readonly string[] | undefined;
}

/**
 * Reads the protected resource metadata of an MCP server: from where its challenge says, else from the well-known
 * places, else from where it says when asked without a token. A document for another resource is not believed.
 * @throws {AuthError} `TOKEN_FAILED`
 */
export async function discoverProtectedResource(
  server: URL,
  challenge: Pick<Challenge, 'resourceMetadata'> | undefined,
  ask: AskAuthorizationServer,
  problemOf: EndpointCheck,
): Promise<ProtectedResource> {
  const readFrom = (places: readonly URL[]) =>
    readMetadata(`the protected resource ${publicUrl(server)}`, places, ask, (document) =>
      readDocument(document, server, problemOf),
    );
  const named = usable(challenge?.resourceMetadata, problemOf);
  if (named !== undefined) return readFrom([named]);
  try {
    return await readFrom(wellKnownUrls(server));
  } catch (error) {
    if (!(error instanceof AuthError) || error.retryable) throw error;
    const askedFor = usable(await metadataOfChallenge(server, ask), problemOf);
    if (askedFor === undefined) throw error;
    return readFrom([askedFor]);
  }
}

function usable(url: URL | undefined, problemOf: EndpointCheck): URL | undefined {
  return url !== undefined && problemOf(url) === undefined ? url : undefined;
}

/** RFC 9728 section 3.1: with the server's path behind the well-known part, then without. */
function wellKnownUrls({ origin, pathname }: URL): URL[] {
  const path = pathname.replace(/\/$/, '');
  return [...new Set([path, ''])].map(
    (end) => new URL(`${origin}/.well-known/oauth-protected-resource${end}`),
  );
}

/** Before the first request there was no 401 that could have said it. A ping is harmless where none comes. */
async function metadataOfChallenge(server: URL, ask: AskAuthorizationServer): Promise<URL | undefined> {
  const ping = JSON.stringify({ jsonrpc: '2.0', id: 'which-token', method: 'ping' });
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  try {
    const answer = await ask(server, { method: 'POST', headers, body: ping });
    return parseChallenge(answer.challenge)?.resourceMetadata;
  } catch {
    // What was found before, or rather not, says more.
    return undefined;
  }
}

/** What the document says, or what is wrong with it. */
function readDocument(
  document: MetadataDocument,
  server: URL,
  problemOf: EndpointCheck,
): ProtectedResource | string {
  const { resource, authorization_servers: servers, scopes_supported: scopes } = document;
  if (typeof resource !== 'string' || !URL.canParse(resource)) return 'it names no resource';
  if (!covers(new URL(resource), server))
    return `it is about another resource, ${publicUrl(new URL(resource))}`;
  const named = textsIn(servers)?.[0];
  if (named === undefined || !URL.canParse(named)) return 'it names no authorization server';
  const issuer = new URL(named);
  const problem = issuer.search === '' ? problemOf(issuer) : 'must not contain a query';
  if (problem !== undefined) return `its authorization server ${problem}`;
  return { resource, issuer, scopes: textsIn(scopes)?.filter(isScope) };
}

/** The server itself, or what it is a part of: the same origin, and a path above its own. */
function covers(resource: URL, server: URL): boolean {
  if (resource.origin !== server.origin || resource.hash !== '' || resource.username !== '') return false;
  if (resource.search !== '' && resource.search !== server.search) return false;
  const above = resource.pathname.replace(/\/$/, '');
  return `${server.pathname.replace(/\/$/, '')}/`.startsWith(`${above}/`);
}
