import type { ClientAuth } from 'openid-client';

/** RFC 6749 section 2.3.1, under the names of RFC 7591 section 2. */
export const CLIENT_AUTH_METHODS = ['client_secret_post', 'client_secret_basic'] as const;
export type ClientAuthMethod = (typeof CLIENT_AUTH_METHODS)[number];

/** How the client proves who it is: as configured, else by what the authorization server says it takes. */
export function chooseClientAuth(
  configured: ClientAuthMethod | undefined,
  supported: readonly string[] | undefined,
): ClientAuthMethod {
  if (configured !== undefined) return configured;
  if (supported === undefined || supported.includes('client_secret_post')) return 'client_secret_post';
  return 'client_secret_basic';
}

/** The proof itself, as openid-client wants it: a function that completes the token request. */
export function clientAuthentication(method: ClientAuthMethod, clientSecret: string): ClientAuth {
  switch (method) {
    case 'client_secret_post':
      return (_server, client, body) => {
        body.set('client_id', client.client_id);
        body.set('client_secret', clientSecret);
      };
    case 'client_secret_basic':
      return (_server, client, _body, headers) => {
        headers.set('authorization', basicCredentials(client.client_id, clientSecret));
      };
  }
}

/**
 * Not `ClientSecretBasic` of openid-client: it encodes `-` and `.` too, which servers that do not decode refuse.
 * Form encoding as browsers do it leaves them alone and satisfies strict servers as well.
 */
export function basicCredentials(clientId: string, clientSecret: string): string {
  return `Basic ${btoa(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`)}`;
}

/** `application/x-www-form-urlencoded` for a single text (RFC 6749 appendix B). */
export function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
