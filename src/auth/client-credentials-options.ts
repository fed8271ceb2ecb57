import type { JsonWebKey, webcrypto } from 'node:crypto';
import type { Secret } from '../core/secret.js';
import type { ClientAuthMethod, SecretMethod } from './client-authentication.js';
import type { SigningKey } from './signing-key.js';

/**
 * Options of {@link clientCredentials}. `clientSecret` or `privateKey` is needed, and one of `tokenUrl`, `issuer` and
 * `trustServerMetadata`.
 */
export interface ClientCredentialsOptions {
  clientId: string;
  /**
   * For `client_secret_post` and `client_secret_basic` (RFC 6749 section 2.3.1). A function is asked for it with
   * each token request, so that it may rotate.
   */
  clientSecret?: string | (() => string | Promise<string>);
  /**
   * For `private_key_jwt` (RFC 7523 section 2.2): PEM (PKCS #8), JWK or CryptoKey; RSA of at least 2048 bits, EC
   * or Ed25519.
   */
  privateKey?: string | JsonWebKey | webcrypto.CryptoKey;
  /**
   * `alg` of the assertion (RFC 7518 section 3.1), for example `RS256`, `PS256`, `ES256`, `EdDSA`.
   * @default what the key is for: the `alg` of a JWK, else `RS256`, `ES256`, `ES384`, `ES512` or `EdDSA`
   */
  signingAlgorithm?: string;
  /** `kid` of the assertion, for servers that know several keys of this client. @default the `kid` of a JWK, else none */
  keyId?: string;
  /**
   * The token endpoint; nothing is discovered. The assertion of a private key then names it as its audience, unless
   * `issuer` is given too.
   */
  tokenUrl?: string | URL;
  /**
   * The authorization server. Its token endpoint is discovered through RFC 8414 and OpenID Connect metadata, whose
   * `issuer` must be this one. Next to `tokenUrl` it is only the audience of the assertion.
   */
  issuer?: string | URL;
  /**
   * Instead of `tokenUrl` and `issuer`: learn the authorization server from the MCP server (RFC 9728). The MCP server
   * then decides where the credentials go, so it must be asked for. @default false
   */
  trustServerMetadata?: boolean;
  /**
   * Scopes to ask for (RFC 6749 section 3.3).
   * @default those of the server's challenge, else those of its metadata with `trustServerMetadata`, else none
   */
  scopes?: readonly string[];
  /**
   * What the token is for (RFC 8707); `false` sends none, as Entra ID and Auth0 need it.
   * @default the `resource` of the server's metadata with `trustServerMetadata`, else the server's URL without its
   * fragment, and without a slash that is all of its path
   */
  resource?: string | URL | false;
  /** Added to the token request, for example `{ audience: 'https://api.example.com' }`. */
  parameters?: Readonly<Record<string, string>>;
  /**
   * How the client proves who it is.
   * @default `private_key_jwt` with a `privateKey`, else what the metadata offers, else `client_secret_post`
   */
  clientAuth?: ClientAuthMethod;
  /** Allow `http:` to other hosts than loopback. @default false */
  allowInsecureRequests?: boolean;
  /** For each request to the authorization server, in milliseconds. @default 10_000 */
  timeoutMs?: number;
}

/** The options after they were checked; copied, so that later changes to them change nothing. */
export interface OAuthClientSettings {
  readonly clientId: string;
  readonly credential: ClientCredential;
  readonly endpoint: OAuthEndpoint;
  readonly scopes: readonly string[] | undefined;
  /** `undefined`: the server's URL, or what its metadata says. */
  readonly resource: string | false | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly allowInsecureRequests: boolean;
  readonly timeoutMs: number;
}

export type ClientCredential =
  | {
      readonly secret: Secret | (() => string | Promise<string>);
      /** `undefined`: what the metadata offers. */
      readonly method: SecretMethod | undefined;
    }
  | { readonly key: SigningKey };

/** Where tokens come from. */
export type OAuthEndpoint =
  | { readonly tokenUrl: URL; readonly issuer: string | undefined }
  | { readonly issuer: URL }
  | { readonly trustServerMetadata: true };
