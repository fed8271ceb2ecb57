import { CANONICAL } from '../core/canonical-json.js';
import { AuthError, describeThrown } from '../core/errors.js';
import { fingerprint } from './fingerprint.js';
import { OAuthClient } from './oauth-client.js';
import {
  checkedTokenExchange,
  type TokenExchangeOptions,
  type TokenExchangeSettings,
} from './token-exchange-options.js';
import type { AccessToken, TokenContext, TokenKeyContext, TokenProvider } from './token-provider.js';

/** Key of the requests that nobody stands behind. No fingerprint looks like it. */
const NOBODY = 'nobody';

/**
 * Tokens by OAuth 2.0 Token Exchange (RFC 8693), for a service that acts for its callers: each caller's own token
 * is exchanged for one that the MCP server takes. Tokens are kept per subject token, so no caller ever gets what
 * was issued for another; a request without a subject token goes out without a token.
 *
 * @throws {ConfigError} naming the option, never the secret.
 */
export function tokenExchange(options: TokenExchangeOptions): TokenProvider {
  return new TokenExchange(checkedTokenExchange(options));
}

class TokenExchange implements TokenProvider {
  readonly #settings: TokenExchangeSettings;
  readonly #client: OAuthClient;

  constructor(settings: TokenExchangeSettings) {
    this.#settings = settings;
    this.#client = new OAuthClient(settings.client);
  }

  async key(context: TokenKeyContext): Promise<string> {
    return keyOf(await this.#subjectToken(context));
  }

  async getToken(context: TokenContext): Promise<AccessToken | undefined> {
    const subjectToken = await this.#subjectToken(context);
    const isKeptByToken = context.key !== undefined && context.identity === undefined;
    if (isKeptByToken && context.key !== keyOf(subjectToken)) {
      // It would be kept under the name of somebody else.
      throw failed('The subject token changed while a token was asked for');
    }
    if (subjectToken === undefined) return undefined;
    const { type, parameters } = this.#settings.grant;
    return this.#client.token(context, {
      type,
      parameters: { ...parameters, subject_token: subjectToken, ...(await this.#actor(context)) },
    });
  }

  get [CANONICAL](): string {
    const { grant, subjectToken, actorToken } = this.#settings;
    const own = fingerprint('tokenExchange', { grant, subjectToken, actorToken });
    return `${own} ${this.#client[CANONICAL]}`;
  }

  async #subjectToken(context: TokenKeyContext): Promise<string | undefined> {
    return answerOf('subjectToken', this.#settings.subjectToken, context);
  }

  async #actor(context: TokenKeyContext): Promise<Record<string, string>> {
    const { actorToken } = this.#settings;
    const token = actorToken && (await answerOf('actorToken', actorToken, context));
    return token === undefined ? {} : { actor_token: token, actor_token_type: this.#settings.actorTokenType };
  }
}

async function answerOf(
  option: 'subjectToken' | 'actorToken',
  ask: TokenExchangeOptions['subjectToken'],
  { server, url, signal, identity }: TokenKeyContext,
): Promise<string | undefined> {
  let answer: unknown;
  try {
    answer = await ask({ server, url, signal, ...(identity !== undefined && { identity }) });
  } catch (cause) {
    throw failed(`The ${option} function threw ${describeThrown(cause)}`, cause);
  }
  if (answer === undefined || (typeof answer === 'string' && answer !== '')) return answer;
  const found = answer === '' ? 'an empty string' : `a value of type ${typeof answer}`;
  throw failed(`The ${option} function gave ${found}; expected a token, or undefined`);
}

function keyOf(subjectToken: string | undefined): string {
  return subjectToken === undefined ? NOBODY : fingerprint('subject', subjectToken);
}

function failed(message: string, cause?: unknown): AuthError {
  return new AuthError('TOKEN_FAILED', message, { cause, retryable: cause !== undefined });
}
