import { z } from 'zod';
import { clientCredentials } from '../auth/client-credentials.js';
import { staticToken } from '../auth/static-token.js';
import type { TokenProvider } from '../auth/token-provider.js';
import type { ServerConfig } from '../client/server-config.js';
import { ConfigError } from '../core/errors.js';
import { ADDRESS_GUARD, type AddressGuard } from '../net/address-guard.js';
import { Refusal } from './problem.js';
import { fields, text } from './schemas.js';

const LONGEST_TIMEOUT_SECONDS = 86_400;

const TIMEOUT = `expected a number of seconds above 0 and at most ${LONGEST_TIMEOUT_SECONDS}`;
const STRING = 'expected a string';
const HEADERS = 'expected an object of strings, or an array of { key, value }';
const SCOPES = 'expected an array of scopes, or one string of them with spaces between';
const TYPES = ['auto', 'http', 'sse', 'ws'] as const;

const headerField = fields({ key: text, value: z.string({ error: STRING }) });
const secret = text.meta({ format: 'password', writeOnly: true });

/** What `POST /servers` takes of a server at a URL. */
export const newServerSchema = fields({
  name: text.describe('1 to 64 letters, digits, _ and -, beginning with a letter or digit, without __'),
  url: text.describe('http:, https:, ws: or wss:'),
  type: z
    .enum(TYPES, { error: `expected one of ${TYPES.join(', ')}` })
    .optional()
    .describe('Transport; auto: Streamable HTTP, or the older HTTP+SSE where the server speaks only that'),
  timeout: z
    .number({ error: TIMEOUT })
    .positive({ error: TIMEOUT })
    .max(LONGEST_TIMEOUT_SECONDS, { error: TIMEOUT })
    .optional()
    .describe('Seconds from a call to its result'),
  headers: z
    .union([z.record(z.string(), z.string({ error: STRING })), z.array(headerField)], { error: HEADERS })
    .optional()
    .describe('Sent with every request'),
  oauth2_token: secret.optional().describe('A bearer token that never changes'),
  oauth2_token_url: text.optional().describe('Token endpoint for client credentials'),
  oauth2_issuer: text.optional().describe('Authorization server, to discover the token endpoint from'),
  oauth2_client_id: text.optional(),
  oauth2_client_secret: secret.optional(),
  oauth2_scopes: z.union([z.string(), z.array(text)], { error: SCOPES }).optional(),
});

/** What `POST /servers` takes of a server that code has prepared. */
export const presetServerSchema = fields({ name: text, preset: text.describe('Name of the preset') });

type NewServer = z.output<typeof newServerSchema>;

/**
 * The entry for the manager; all its traffic goes through `guard`.
 * @throws {Refusal | ConfigError}
 */
export function serverEntry(server: NewServer, guard: AddressGuard): ServerConfig {
  const { url, type, timeout, headers } = server;
  for (const field of ['url', 'oauth2_token_url', 'oauth2_issuer'] as const)
    checkAddress(server, field, guard);
  const auth = tokenProvider(server);
  return {
    url,
    ...(type !== undefined && { type }),
    ...(timeout !== undefined && { callTimeoutMs: timeout * 1_000 }),
    ...(headers !== undefined && { headers: headerObject(headers) }),
    ...(auth !== undefined && { auth }),
    [ADDRESS_GUARD]: guard,
  } as ServerConfig;
}

function checkAddress(
  server: NewServer,
  field: 'url' | 'oauth2_token_url' | 'oauth2_issuer',
  guard: AddressGuard,
) {
  const url = server[field];
  if (url === undefined) return;
  if (!URL.canParse(url))
    throw new Refusal('INVALID_REQUEST', `${field}: expected an absolute URL`, { path: field });
  try {
    guard.lookupFor(new URL(url));
  } catch {
    const detail = `${field}: expected a public address or an allowed host`;
    throw new Refusal('ADDRESS_NOT_ALLOWED', detail, { path: field });
  }
}

function headerObject(headers: NonNullable<NewServer['headers']>): Record<string, string> {
  if (!Array.isArray(headers)) return headers;
  const names = headers.map(({ key }) => key.toLowerCase());
  const repeated = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (repeated !== -1) {
    const path = `headers.${repeated}.key`;
    throw new Refusal('INVALID_REQUEST', `${path}: names a header a second time`, { path });
  }
  return Object.fromEntries(headers.map(({ key, value }) => [key, value]));
}

/** Fields of client credentials by the option that they become. */
const CREDENTIAL_FIELDS = {
  clientId: 'oauth2_client_id',
  clientSecret: 'oauth2_client_secret',
  tokenUrl: 'oauth2_token_url',
  issuer: 'oauth2_issuer',
  scopes: 'oauth2_scopes',
} as const;

function tokenProvider(server: NewServer): TokenProvider | undefined {
  const credentials = Object.values(CREDENTIAL_FIELDS).filter((field) => server[field] !== undefined);
  const { oauth2_token: token } = server;
  if (token !== undefined && credentials[0] !== undefined) {
    const [path] = credentials;
    throw new Refusal('INVALID_REQUEST', `${path}: cannot be used together with oauth2_token`, { path });
  }
  if (token !== undefined)
    return inFields(
      () => staticToken(token),
      () => 'oauth2_token',
    );
  if (credentials.length === 0) return undefined;
  for (const path of ['oauth2_client_id', 'oauth2_client_secret'] as const) {
    if (server[path] === undefined)
      throw new Refusal('INVALID_REQUEST', `${path}: is needed with ${credentials[0]}`, { path });
  }
  const option = (path: string) =>
    path.replace(/^clientCredentials\.(\w+)/, (_all, name: string) => fieldOf(name));
  return inFields(() => clientCredentials(credentialsOf(server)), option);
}

function credentialsOf(server: NewServer): Parameters<typeof clientCredentials>[0] {
  const { oauth2_token_url: tokenUrl, oauth2_issuer: issuer, oauth2_scopes: scopes } = server;
  return {
    clientId: server.oauth2_client_id as string,
    clientSecret: server.oauth2_client_secret as string,
    ...(tokenUrl !== undefined && { tokenUrl }),
    ...(issuer !== undefined && { issuer }),
    ...(scopes !== undefined && {
      scopes: typeof scopes === 'string' ? scopes.split(' ').filter((scope) => scope !== '') : scopes,
    }),
  };
}

function fieldOf(option: string): string {
  return CREDENTIAL_FIELDS[option as keyof typeof CREDENTIAL_FIELDS] ?? option;
}

/** Runs `make`; a fault of an option is told of the field that it came from. */
function inFields<Value>(make: () => Value, fieldFor: (path: string) => string): Value {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const path = fieldFor(error.path);
    throw new Refusal('INVALID_REQUEST', `${path}: ${error.message.slice(error.path.length + 2)}`, { path });
  }
}
