import { ConfigError } from '../core/errors.js';
import { nearestHint } from '../core/nearest.js';
import { Secret } from '../core/secret.js';
import { CLIENT_AUTH_METHODS, type ClientAuthMethod } from './client-authentication.js';
import { problemOfEndpoint } from './endpoint.js';
import { isScope } from './scopes.js';

/** Options of {@link clientCredentials}. One of `tokenUrl` and `issuer` is needed. */
export interface ClientCredentialsOptions {
  clientId: string;
  /**
   * For `client_secret_post` and `client_secret_basic` (RFC 6749 section 2.3.1). A function is asked for it with
   * each token request, so that it may rotate.
   */
  clientSecret: string | (() => string | Promise<string>);
  /** The token endpoint; nothing is discovered. */
  tokenUrl?: string | URL;
  /**
   * The authorization server. Its token endpoint is discovered through RFC 8414 and OpenID Connect metadata, whose
   * `issuer` must be this one.
   */
  issuer?: string | URL;
  /** Scopes to ask for (RFC 6749 section 3.3). @default those of the server's challenge, else none */
  scopes?: readonly string[];
  /**
   * What the token is for (RFC 8707); `false` sends none, as Entra ID and Auth0 need it.
   * @default the server's URL without its fragment, and without a slash that is all of its path
   */
  resource?: string | URL | false;
  /** Added to the token request, for example `{ audience: 'https://api.example.com' }`. */
  parameters?: Readonly<Record<string, string>>;
  /** How the client proves who it is. @default what the metadata offers, else 'client_secret_post' */
  clientAuth?: ClientAuthMethod;
  /** Allow `http:` to other hosts than loopback. @default false */
  allowInsecureRequests?: boolean;
  /** For each request to the authorization server, in milliseconds. @default 10_000 */
  timeoutMs?: number;
}

const DEFAULTS = { allowInsecureRequests: false, timeoutMs: 10_000 } as const;

/** The options after they were checked; copied, so that later changes to them change nothing. */
export interface ClientCredentialsSettings {
  readonly clientId: string;
  readonly clientSecret: Secret | (() => string | Promise<string>);
  readonly endpoint: { readonly tokenUrl: URL } | { readonly issuer: URL };
  readonly scopes: readonly string[] | undefined;
  /** `undefined`: the server's URL. */
  readonly resource: string | false | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly clientAuth: ClientAuthMethod | undefined;
  readonly allowInsecureRequests: boolean;
  readonly timeoutMs: number;
}

/** Typed so that an option cannot be forgotten here. */
const KNOWN_OPTIONS: Readonly<Record<keyof ClientCredentialsOptions, true>> = {
  clientId: true,
  clientSecret: true,
  tokenUrl: true,
  issuer: true,
  scopes: true,
  resource: true,
  parameters: true,
  clientAuth: true,
  allowInsecureRequests: true,
  timeoutMs: true,
};

/** Parameters that other options, or the grant itself, are responsible for. */
const RESERVED_PARAMETERS = new Map([
  ['grant_type', 'is always client_credentials'],
  ['client_id', 'is the option clientId'],
  ['client_secret', 'is the option clientSecret'],
  ['client_assertion', 'is made by the library'],
  ['client_assertion_type', 'is made by the library'],
  ['scope', 'is the option scopes'],
  ['resource', 'is the option resource'],
]);

/** @throws {ConfigError} naming the option, never the secret. */
export function checkedSettings(options: ClientCredentialsOptions): ClientCredentialsSettings {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError('clientCredentials', 'expected an object');
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(KNOWN_OPTIONS, name))
      fail(name, `unknown option${nearestHint(name, Object.keys(KNOWN_OPTIONS))}`);
  }
  const { allowInsecureRequests = DEFAULTS.allowInsecureRequests } = options;
  if (typeof allowInsecureRequests !== 'boolean') fail('allowInsecureRequests', 'expected true or false');
  return {
    clientId: checkedClientId(options.clientId),
    clientSecret: checkedClientSecret(options.clientSecret),
    endpoint: checkedEndpoint(options, allowInsecureRequests),
    scopes: checkedScopes(options.scopes),
    resource: checkedResource(options.resource),
    parameters: checkedParameters(options.parameters),
    clientAuth: checkedClientAuth(options.clientAuth),
    allowInsecureRequests,
    timeoutMs: checkedTimeout(options.timeoutMs),
  };
}

function checkedClientId(clientId: unknown): string {
  if (typeof clientId === 'string' && clientId !== '') return clientId;
  return fail('clientId', 'expected a string that is not empty');
}

function checkedClientSecret(
  clientSecret: ClientCredentialsOptions['clientSecret'],
): Secret | (() => string | Promise<string>) {
  if (typeof clientSecret === 'function') return clientSecret;
  if (typeof clientSecret === 'string' && clientSecret !== '') return new Secret(clientSecret);
  return fail('clientSecret', 'expected a string that is not empty, or a function');
}

function checkedEndpoint(
  { tokenUrl, issuer }: ClientCredentialsOptions,
  allowInsecureRequests: boolean,
): ClientCredentialsSettings['endpoint'] {
  if (tokenUrl !== undefined && issuer !== undefined) fail('issuer', 'give tokenUrl or issuer, not both');
  if (tokenUrl !== undefined) return { tokenUrl: checkedUrl('tokenUrl', tokenUrl, allowInsecureRequests) };
  if (issuer === undefined)
    return fail('tokenUrl', 'missing; give tokenUrl, or issuer to have it discovered');
  const url = checkedUrl('issuer', issuer, allowInsecureRequests);
  if (url.search !== '') fail('issuer', 'must not contain a query (RFC 8414 section 2)');
  return { issuer: url };
}

function checkedUrl(option: 'tokenUrl' | 'issuer', value: unknown, allowInsecureRequests: boolean): URL {
  const text = typeof value === 'string' || value instanceof URL ? String(value) : '';
  if (!URL.canParse(text)) fail(option, 'expected an absolute URL');
  const url = new URL(text);
  const problem = problemOfEndpoint(url, allowInsecureRequests);
  return problem === undefined ? url : fail(option, problem);
}

function checkedScopes(scopes: readonly string[] | undefined): readonly string[] | undefined {
  if (scopes === undefined) return undefined;
  if (!Array.isArray(scopes)) fail('scopes', 'expected a list of strings');
  for (const [index, scope] of scopes.entries()) {
    if (isScope(scope)) continue;
    fail(
      `scopes[${index}]`,
      `expected one scope without spaces (RFC 6749 section 3.3), got ${JSON.stringify(scope)}`,
    );
  }
  return [...new Set(scopes)];
}

/** A string is sent as it is: not every resource survives `URL` unchanged. */
function checkedResource(resource: unknown): string | false | undefined {
  if (resource === undefined || resource === false) return resource;
  const text = typeof resource === 'string' || resource instanceof URL ? String(resource) : '';
  if (!URL.canParse(text)) fail('resource', 'expected an absolute URI (RFC 8707 section 2), or false');
  if (text.includes('#')) fail('resource', 'must not contain a fragment (RFC 8707 section 2)');
  return text;
}

function checkedParameters(parameters: unknown): Readonly<Record<string, string>> {
  if (parameters === undefined) return {};
  if (typeof parameters !== 'object' || parameters === null)
    return fail('parameters', 'expected an object of strings');
  for (const [name, value] of Object.entries(parameters)) {
    const reserved = RESERVED_PARAMETERS.get(name);
    if (reserved !== undefined) fail(`parameters.${name}`, reserved);
    if (typeof value !== 'string')
      fail(`parameters.${name}`, `expected a string, got a value of type ${typeof value}`);
  }
  return { ...parameters };
}

function checkedClientAuth(clientAuth: ClientAuthMethod | undefined): ClientAuthMethod | undefined {
  if (clientAuth === undefined || CLIENT_AUTH_METHODS.includes(clientAuth)) return clientAuth;
  return fail(
    'clientAuth',
    `expected ${CLIENT_AUTH_METHODS.join(' or ')}, got ${JSON.stringify(clientAuth)}`,
  );
}

function checkedTimeout(timeoutMs: number = DEFAULTS.timeoutMs): number {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && Number.isFinite(timeoutMs)) return timeoutMs;
  return fail('timeoutMs', `expected a positive number of milliseconds, got ${String(timeoutMs)}`);
}

function fail(option: string, problem: string): never {
  throw new ConfigError(`clientCredentials.${option}`, problem);
}
