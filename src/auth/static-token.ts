import { CANONICAL } from '../core/canonical-json.js';
import { ConfigError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import { fingerprint } from './fingerprint.js';
import { problemOfToken } from './token-answer.js';
import { FOR_ALL, type TokenProvider } from './token-provider.js';

/**
 * A token that somebody else looks after: an API key, or a token from a file, a vault or the current request.
 *
 * @param token the token without the word `Bearer`, or a function that is asked for it on every request. The
 * function runs in the caller's async context, and its answer is never shared between callers.
 * @throws {ConfigError} for an empty token, or one that cannot be sent in a header.
 */
export function staticToken(token: string | (() => string | Promise<string>)): TokenProvider {
  return typeof token === 'function' ? new FunctionToken(token) : new LiteralToken(token);
}

class LiteralToken implements TokenProvider {
  readonly [FOR_ALL] = true;
  readonly #token: Secret;

  constructor(token: string) {
    const problem = problemOfToken(token);
    if (problem !== undefined) throw new ConfigError('staticToken', problem);
    this.#token = new Secret(token);
  }

  async getToken(): Promise<string> {
    return this.#token.reveal();
  }

  get [CANONICAL](): string {
    return fingerprint('staticToken', this.#token.reveal());
  }
}

class FunctionToken implements TokenProvider {
  readonly [FOR_ALL] = false;
  readonly #token: () => string | Promise<string>;

  constructor(token: () => string | Promise<string>) {
    this.#token = token;
  }

  async getToken(): Promise<string> {
    return this.#token();
  }

  get [CANONICAL](): string {
    return fingerprint('staticToken', this.#token);
  }
}
