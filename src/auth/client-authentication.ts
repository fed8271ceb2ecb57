import type * as OpenidClient from 'openid-client';
import { formEncoded } from '../core/known-secrets.js';
import type { SigningKey } from './signing-key.js';

/** RFC 6749 section 2.3.1 and OpenID Connect Core section 9, under the names of RFC 7591 section 2. */
export const CLIENT_AUTH_METHODS = ['client_secret_post', 'client_secret_basic', 'private_key_jwt'] as const;
export type ClientAuthMethod = (typeof CLIENT_AUTH_METHODS)[number];
export type SecretMethod = Exclude<ClientAuthMethod, 'private_key_jwt'>;

/** How the client proves who it is, with what it takes. */
export type ClientProof =
  | { readonly method: SecretMethod; readonly clientSecret: string }
  | {
      readonly method: 'private_key_jwt';
      readonly key: SigningKey;
      /** `aud` of the assertion (RFC 7523 section 3). */
      readonly audience: string;
    };

/** How a secret is sent: as configured, else by what the authorization server says it takes. */
export function chooseSecretMethod(
  configured: SecretMethod | undefined,
  supported: readonly string[] | undefined,
): SecretMethod {
  if (configured !== undefined) return configured;
  const onlyBasic = supported?.includes('client_secret_basic') && !supported.includes('client_secret_post');
  return onlyBasic ? 'client_secret_basic' : 'client_secret_post';
}

/** The proof itself, as openid-client wants it: a function that completes the token request. */
export async function clientAuthentication(
  openid: typeof OpenidClient,
  proof: ClientProof,
): Promise<OpenidClient.ClientAuth> {
  switch (proof.method) {
    case 'client_secret_post':
      return (_server, client, body) => {
        body.set('client_id', client.client_id);
        body.set('client_secret', proof.clientSecret);
      };
    case 'client_secret_basic':
      return (_server, client, _body, headers) => {
        headers.set('authorization', `Basic ${basicCredentials(client.client_id, proof.clientSecret)}`);
      };
    case 'private_key_jwt': {
      const { key, audience } = proof;
      const signer = { key: await key.cryptoKey(), ...(key.keyId !== undefined && { kid: key.keyId }) };
      return openid.PrivateKeyJwt(signer, {
        [openid.modifyAssertion](header, payload) {
          // openid-client writes Ed25519 (RFC 9864), which most servers know as EdDSA (RFC 8037) only.
          header.alg = key.algorithm;
          payload.aud = audience;
        },
      });
    }
  }
}

/**
 * Not `ClientSecretBasic` of openid-client: it encodes `-` and `.` too, which servers that do not decode refuse.
 * Form encoding as browsers do it leaves them alone and satisfies strict servers as well.
 */
export function basicCredentials(clientId: string, clientSecret: string): string {
  return btoa(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`);
}
