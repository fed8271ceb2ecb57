import { z } from 'zod';
import { CLIENT_AUTH_METHODS } from '../auth/client-authentication.js';
import { clientCredentials } from '../auth/client-credentials.js';
import type { ClientCredentialsOptions } from '../auth/client-credentials-options.js';
import { isScope } from '../auth/scopes.js';
import { staticToken } from '../auth/static-token.js';
import type { TokenProvider } from '../auth/token-provider.js';
import { durationMs, flag, text, textMap } from '../client/server-schema.js';
import { ConfigError } from '../core/errors.js';

const scopes = z.array(
  z.string().refine(isScope, { error: 'expected one scope without spaces (RFC 6749 section 3.3)' }),
  { error: 'expected an array of scopes' },
);

/** What JSON can hold of the options of {@link clientCredentials}. */
const clientCredentialsOptions = {
  clientId: text.describe('The client at the authorization server.'),
  clientSecret: text.optional().describe('Its secret; best a reference to a variable.'),
  privateKey: z
    .union([text, z.record(z.string(), z.unknown())], { error: 'expected a PEM text or a JWK object' })
    .optional()
    .describe('For `private_key_jwt`: PEM (PKCS #8) or a JWK; best a reference to a variable.'),
  signingAlgorithm: text.optional().describe('`alg` of the assertion, if it does not follow from the key.'),
  keyId: text.optional().describe('`kid` of the assertion.'),
  trustServerMetadata: flag
    .optional()
    .describe('Neither `tokenUrl` nor `issuer`: the server says where the secret goes (RFC 9728).'),
  tokenUrl: text.optional().describe('The token endpoint; nothing is discovered.'),
  issuer: text.optional().describe('The authorization server, whose token endpoint is discovered.'),
  scopes: scopes.optional().describe('Scopes to ask for.'),
  resource: z
    .union([z.literal(false), text], { error: 'expected a URI, or false' })
    .optional()
    .describe('What the token is for (RFC 8707); `false` sends none.'),
  parameters: textMap.optional().describe('Added to the token request.'),
  clientAuth: z
    .enum(CLIENT_AUTH_METHODS, { error: `expected ${CLIENT_AUTH_METHODS.join(' or ')}` })
    .optional()
    .describe('How the client proves who it is.'),
  allowInsecureRequests: flag.optional().describe('Allow `http:` to other hosts than loopback.'),
  timeoutMs: durationMs.optional().describe('For each request to the authorization server.'),
} satisfies Record<keyof ClientCredentialsOptions, z.ZodType>;

const TYPES = "expected type 'static' or 'client_credentials'";

/** `auth` of an entry. */
export const authSchema = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('static'),
      token: text.describe('A token that is sent as it is; best a reference to a variable.'),
    }),
    z.strictObject({ type: z.literal('client_credentials'), ...clientCredentialsOptions }),
  ],
  { error: ({ code }) => (code === 'invalid_union' ? TYPES : 'expected { type, … }') },
);

/** @throws {ConfigError} below `path` */
export function tokenProvider(auth: z.infer<typeof authSchema>, path: string): TokenProvider {
  const { type, ...options } = auth;
  const make = () =>
    auth.type === 'static' ? staticToken(auth.token) : clientCredentials(options as ClientCredentialsOptions);
  return faultsAt(make, (option) => `${path}.${type === 'static' ? 'token' : option}`);
}

/** What the original service wrote into an entry instead of `auth`. */
export const oauth2Keys = {
  oauth2_token: text.optional().describe('As `auth` of type `static`.'),
  oauth2_token_url: text.optional().describe('As `auth.tokenUrl`.'),
  oauth2_issuer: text.optional().describe('As `auth.issuer`.'),
  oauth2_client_id: text.optional().describe('As `auth.clientId`.'),
  oauth2_client_secret: text.optional().describe('As `auth.clientSecret`.'),
  oauth2_scopes: z
    .union([scopes, z.string()], { error: 'expected an array of scopes' })
    .optional()
    .describe('As `auth.scopes`; also one text with spaces.'),
};
type Oauth2Entry = { readonly [Key in keyof typeof oauth2Keys]?: z.infer<(typeof oauth2Keys)[Key]> };

const OPTION_KEYS: Readonly<Record<string, keyof Oauth2Entry>> = {
  tokenUrl: 'oauth2_token_url',
  issuer: 'oauth2_issuer',
  clientId: 'oauth2_client_id',
  clientSecret: 'oauth2_client_secret',
  scopes: 'oauth2_scopes',
};

/** @throws {ConfigError} below `path` */
export function oauth2TokenProvider(entry: Oauth2Entry, path: string): TokenProvider | undefined {
  const { oauth2_token, oauth2_token_url, oauth2_issuer, oauth2_scopes } = entry;
  const { oauth2_client_id = '', oauth2_client_secret = '' } = entry;
  const hasCredentials = Object.values(OPTION_KEYS).some((key) => entry[key] !== undefined);
  if (oauth2_token !== undefined && hasCredentials)
    throw new ConfigError(`${path}.oauth2_token`, 'cannot be used together with client credentials');
  if (oauth2_token !== undefined)
    return faultsAt(
      () => staticToken(oauth2_token),
      () => `${path}.oauth2_token`,
    );
  if (!hasCredentials) return undefined;
  const scopes = typeof oauth2_scopes === 'string' ? oauth2_scopes.split(' ').filter(Boolean) : oauth2_scopes;
  const make = () =>
    clientCredentials({
      clientId: oauth2_client_id,
      clientSecret: oauth2_client_secret,
      ...(oauth2_token_url !== undefined && { tokenUrl: oauth2_token_url }),
      ...(oauth2_issuer !== undefined && { issuer: oauth2_issuer }),
      ...(scopes !== undefined && { scopes }),
    });
  return faultsAt(make, (option) => `${path}.${OPTION_KEYS[option] ?? option}`);
}

/** Moves a fault from an option of a function to the place of that option in the file. */
function faultsAt<Made>(make: () => Made, placeOf: (option: string) => string): Made {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const option = error.path.replace(/^\w+\.?/, '').replace(/\[.*$/, '');
    throw new ConfigError(placeOf(option), problemOf(error), { cause: error.cause });
  }
}

/** The message of a fault without its path. */
export function problemOf({ path, message }: ConfigError): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}
