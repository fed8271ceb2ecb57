import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import { AuthError } from '../../core/errors.js';

/** What the SDK stamps on what it hands over to be stored: the authorization server that it came from. */
interface Bound {
  readonly issuer?: unknown;
}

/**
 * Keeps the credentials of a login for the authorization server that they belong to, whatever the metadata of an MCP
 * server says: who names the authorization server would else be given the secrets. Those with an `issuer` the SDK keeps
 * for it; those without one are kept for whom they were seen to come from, and are sent to nobody else.
 */
export class IssuerBinding {
  readonly #provider: OAuthClientProvider;
  #savedClient: OAuthClientInformationMixed | undefined;
  #savedTokens: OAuthTokens | undefined;
  #withheld = false;

  constructor(provider: OAuthClientProvider) {
    this.#provider = provider;
  }

  /** Whether the last tokens had a refresh token that nobody may be sent. */
  get hasWithheldRefreshToken(): boolean {
    return this.#withheld;
  }

  /** @throws {AuthError} `TOKEN_FAILED` where they are secret, belong to nobody, and cannot be had anew. */
  async clientInformation(): Promise<OAuthClientInformationMixed | undefined> {
    const stored = await this.#provider.clientInformation();
    if (!stored || isBound(stored)) return stored;
    const seen = this.#savedClient;
    if (seen?.client_id === stored.client_id && seen.client_secret === stored.client_secret)
      return { ...stored, issuer: seen.issuer };
    if (!this.#provesItself(stored)) return stored;
    // Registering again costs nothing but a request.
    if (this.#provider.saveClientInformation !== undefined && this.#provider.redirectUrl) return undefined;
    throw new AuthError(
      'TOKEN_FAILED',
      'clientInformation() of the OAuth provider answers credentials without issuer, the URL of the authorization ' +
        'server that they belong to; without it they are sent nowhere, because the MCP server would decide who gets them',
    );
  }

  async saveClientInformation(information: OAuthClientInformationMixed): Promise<void> {
    this.#savedClient = information;
    await this.#provider.saveClientInformation?.(information);
  }

  async tokens(): Promise<OAuthTokens | undefined> {
    const stored = await this.#provider.tokens();
    this.#withheld = false;
    if (!stored?.refresh_token || isBound(stored)) return stored;
    if (this.#savedTokens?.refresh_token === stored.refresh_token)
      return { ...stored, issuer: this.#savedTokens.issuer };
    this.#withheld = true;
    const { refresh_token: _withheld, ...rest } = stored;
    return rest;
  }

  async saveTokens(tokens: OAuthTokens): Promise<void> {
    this.#savedTokens = tokens;
    await this.#provider.saveTokens(tokens);
  }

  /** A secret, an assertion (RFC 7523) or a grant of the host's own making: all of them are good at another server, too. */
  #provesItself({ client_secret }: OAuthClientInformationMixed): boolean {
    const { addClientAuthentication, prepareTokenRequest } = this.#provider;
    return (
      client_secret !== undefined ||
      addClientAuthentication !== undefined ||
      prepareTokenRequest !== undefined
    );
  }
}

function isBound({ issuer }: Bound): boolean {
  return typeof issuer === 'string';
}
