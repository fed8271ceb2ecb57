import { ConfigError } from '../core/errors.js';
import { nearestHint } from '../core/nearest.js';
import { Secret } from '../core/secret.js';
import { CLIENT_AUTH_METHODS } from './client-authentication.js';
import type {
  ClientCredential,
  ClientCredentialsOptions,
  OAuthClientSettings,
  OAuthEndpoint,
} from './client-credentials-options.js';
import { problemOfEndpoint } from './endpoint.js';
import { isScope } from './scopes.js';
import { readSigningKey, SigningKey } from './signing-key.js';

const DEFAULTS = { allowInsecureRequests: false, timeoutMs: 10_000 } as const;

/** Typed so that an option cannot be forgotten here. */
const COMMON_OPTIONS: Readonly<Record<keyof ClientCredentialsOptions, true>> = {
  clientId: true,
  clientSecret: true,
  privateKey: true,
  signingAlgorithm: true,
  keyId: true,
  tokenUrl: true,
  issuer: true,
  trustServerMetadata: true,
  scopes: true,
  resource: true,
  parameters: true,
  clientAuth: true,
  allowInsecureRequests: true,
  timeoutMs: true,
};

/** Parameters that other options, or the grant itself, are responsible for. */
const COMMON_PARAMETERS: Readonly<Record<string, string>> = {
  client_id: 'is the option clientId',
  client_secret: 'is the option clientSecret',
  client_assertion: 'is made by the library',
  client_assertion_type: 'is made by the library',
  scope: 'is the option scopes',
  resource: 'is the option resource',
};

/** What differs between the grants. */
export interface GrantChecks {
  /** Name of the function whose options they are. */
  readonly name: string;
  readonly grantType: string;
  /** Options beyond the common ones. */
  readonly options?: readonly string[];
  /** Parameters that an option of this grant is responsible for, with what to say. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Checks the options that all grants share. @throws {ConfigError} naming the option, never the secret. */
export function checkedOAuthClient(
  options: ClientCredentialsOptions,
  grant: GrantChecks,
): OAuthClientSettings {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError(grant.name, 'expected an object');
  const checks = new OAuthClientChecks(options, grant.name);
  checks.names([...Object.keys(COMMON_OPTIONS), ...(grant.options ?? [])]);
  const allowInsecureRequests = checks.flag('allowInsecureRequests', DEFAULTS.allowInsecureRequests);
  return {
    clientId: checks.text('clientId'),
    credential: checks.credential(),
    endpoint: checks.endpoint(allowInsecureRequests),
    scopes: checks.scopes(),
    resource: checks.resource(),
    parameters: checks.parameters({
      grant_type: `is always ${grant.grantType}`,
      ...COMMON_PARAMETERS,
      ...grant.parameters,
    }),
    allowInsecureRequests,
    timeoutMs: checks.timeout(),
  };
}

class OAuthClientChecks {
  readonly #options: { readonly [Name in keyof ClientCredentialsOptions]?: unknown };
  readonly #name: string;

  constructor(options: object, name: string) {
    this.#options = options;
    this.#name = name;
  }

  names(known: readonly string[]): void {
    const unknown = Object.keys(this.#options).find((name) => !known.includes(name));
    if (unknown !== undefined) this.#fail(unknown, `unknown option${nearestHint(unknown, known)}`);
  }

  flag(option: 'allowInsecureRequests' | 'trustServerMetadata', otherwise: boolean): boolean {
    const value = this.#options[option] ?? otherwise;
    return typeof value === 'boolean' ? value : this.#fail(option, 'expected true or false');
  }

  text(option: 'clientId' | 'keyId' | 'signingAlgorithm'): string {
    const value = this.#options[option];
    if (typeof value === 'string' && value !== '') return value;
    return this.#fail(option, 'expected a string that is not empty');
  }

  credential(): ClientCredential {
    const { clientSecret, privateKey, clientAuth } = this.#options;
    const method = CLIENT_AUTH_METHODS.find((known) => known === clientAuth);
    if (clientAuth !== undefined && method === undefined) {
      const known = CLIENT_AUTH_METHODS.join(', ');
      this.#fail('clientAuth', `expected one of ${known}, got ${JSON.stringify(clientAuth)}`);
    }
    if (privateKey !== undefined) {
      if (clientSecret !== undefined) this.#fail('privateKey', 'give clientSecret or privateKey, not both');
      if (method !== undefined && method !== 'private_key_jwt')
        this.#fail('clientAuth', `${method} needs a clientSecret, not a privateKey`);
      return { key: this.#signingKey(privateKey) };
    }
    if (method === 'private_key_jwt') return this.#fail('privateKey', 'missing; private_key_jwt needs it');
    for (const option of ['signingAlgorithm', 'keyId'] as const) {
      if (this.#options[option] !== undefined) this.#fail(option, 'is for a privateKey, and there is none');
    }
    return { secret: this.#secret(clientSecret), method };
  }

  endpoint(allowInsecureRequests: boolean): OAuthEndpoint {
    const { tokenUrl, issuer, privateKey } = this.#options;
    if (this.flag('trustServerMetadata', false)) {
      const other = tokenUrl !== undefined ? 'tokenUrl' : issuer !== undefined ? 'issuer' : undefined;
      if (other !== undefined) this.#fail('trustServerMetadata', `give it or ${other}, not both`);
      return { trustServerMetadata: true };
    }
    if (tokenUrl === undefined && issuer === undefined) {
      return this.#fail(
        'tokenUrl',
        'missing; give tokenUrl, or issuer to have it discovered, or trustServerMetadata to have the MCP server name it',
      );
    }
    const issuerUrl = issuer === undefined ? undefined : this.#issuer(issuer, allowInsecureRequests);
    if (tokenUrl === undefined) return { issuer: issuerUrl as URL };
    if (issuer !== undefined && privateKey === undefined)
      this.#fail('issuer', 'give tokenUrl or issuer, not both');
    const url = this.#url('tokenUrl', tokenUrl, allowInsecureRequests);
    return { tokenUrl: url, issuer: issuer === undefined ? undefined : String(issuer) };
  }

  scopes(): readonly string[] | undefined {
    const { scopes } = this.#options;
    if (scopes === undefined) return undefined;
    if (!Array.isArray(scopes)) return this.#fail('scopes', 'expected a list of strings');
    for (const [index, scope] of scopes.entries()) {
      if (isScope(scope)) continue;
      const expected = 'expected one scope without spaces (RFC 6749 section 3.3)';
      this.#fail(`scopes[${index}]`, `${expected}, got ${JSON.stringify(scope)}`);
    }
    return [...new Set(scopes)];
  }

  /** A string is sent as it is: not every resource survives `URL` unchanged. */
  resource(): string | false | undefined {
    const { resource } = this.#options;
    if (resource === undefined || resource === false) return resource;
    const text = typeof resource === 'string' || resource instanceof URL ? String(resource) : '';
    if (!URL.canParse(text))
      this.#fail('resource', 'expected an absolute URI (RFC 8707 section 2), or false');
    if (text.includes('#')) this.#fail('resource', 'must not contain a fragment (RFC 8707 section 2)');
    return text;
  }

  parameters(reserved: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const { parameters } = this.#options;
    if (parameters === undefined) return {};
    if (typeof parameters !== 'object' || parameters === null)
      return this.#fail('parameters', 'expected an object of strings');
    for (const [name, value] of Object.entries(parameters)) {
      if (Object.hasOwn(reserved, name)) this.#fail(`parameters.${name}`, reserved[name] as string);
      if (typeof value !== 'string')
        this.#fail(`parameters.${name}`, `expected a string, got a value of type ${typeof value}`);
    }
    return { ...parameters };
  }

  timeout(): number {
    const { timeoutMs = DEFAULTS.timeoutMs } = this.#options;
    if (typeof timeoutMs === 'number' && timeoutMs > 0 && Number.isFinite(timeoutMs)) return timeoutMs;
    const problem = `expected a positive number of milliseconds, got ${String(timeoutMs)}`;
    return this.#fail('timeoutMs', problem);
  }

  #secret(clientSecret: unknown): Secret | (() => string | Promise<string>) {
    if (typeof clientSecret === 'function') return clientSecret as () => string | Promise<string>;
    if (typeof clientSecret === 'string' && clientSecret !== '') return new Secret(clientSecret);
    const expected = 'expected a string that is not empty, or a function';
    return this.#fail(
      'clientSecret',
      clientSecret === undefined ? `${expected}; or give privateKey` : expected,
    );
  }

  #signingKey(privateKey: unknown): SigningKey {
    const { signingAlgorithm, keyId } = this.#options;
    const read = readSigningKey(
      privateKey,
      signingAlgorithm === undefined ? undefined : this.text('signingAlgorithm'),
      keyId === undefined ? undefined : this.text('keyId'),
    );
    return read instanceof SigningKey ? read : this.#fail(read.option, read.problem);
  }

  #issuer(issuer: unknown, allowInsecureRequests: boolean): URL {
    const url = this.#url('issuer', issuer, allowInsecureRequests);
    return url.search === '' ? url : this.#fail('issuer', 'must not contain a query (RFC 8414 section 2)');
  }

  #url(option: 'tokenUrl' | 'issuer', value: unknown, allowInsecureRequests: boolean): URL {
    const text = typeof value === 'string' || value instanceof URL ? String(value) : '';
    if (!URL.canParse(text)) this.#fail(option, 'expected an absolute URL');
    const url = new URL(text);
    const problem = problemOfEndpoint(url, allowInsecureRequests);
    return problem === undefined ? url : this.#fail(option, problem);
  }

  #fail(option: string, problem: string): never {
    throw new ConfigError(`${this.#name}.${option}`, problem);
  }
}
