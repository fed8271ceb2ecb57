import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import { FailureMemory } from '../../auth/failure-memory.js';
import { RejectionLimit } from '../../auth/rejection-limit.js';
import { AuthError } from '../../core/errors.js';
import { SingleFlight } from '../../core/single-flight.js';
import type { StopSignal } from '../../core/stop-signal.js';
import { IssuerBinding } from './issuer-binding.js';

/**
 * One person's login, in however many sessions and clients it is used: a refresh token that rotates is good for
 * one request, and a second one with it makes the authorization server end the login.
 */
class Login {
  readonly credentials: IssuerBinding;
  readonly #provider: OAuthClientProvider;
  readonly #flow = new SingleFlight<void>();
  readonly #limit = new RejectionLimit();
  readonly #failures = new FailureMemory();

  constructor(provider: OAuthClientProvider) {
    this.#provider = provider;
    this.credentials = new IssuerBinding(provider);
  }

  /**
   * The token that follows `used`: the one that is there meanwhile, else by `authorize`, which runs once at a time.
   * @returns `used` where another one would be refused too.
   */
  async renewed(
    used: string | undefined,
    authorize: () => Promise<void>,
    signal: StopSignal | undefined,
  ): Promise<string | undefined> {
    let ran = false;
    const work = async () => {
      // Inside of the flight: a store may be slow to say what another request has just saved.
      if ((await accessToken(this.#provider)) !== used || this.#limit.isExhausted) return;
      if (this.#failures.error !== undefined) throw this.#failures.error;
      await authorize().catch((error) => {
        if (error instanceof AuthError && error.retryable) this.#failures.remember(error);
        throw error;
      });
      this.#failures.forget();
    };
    for (let round = 0; round < 2 && !ran; round++) {
      await this.#flow.run(() => {
        ran = true;
        return work();
      }, signal);
      const fresh = await accessToken(this.#provider);
      if (fresh !== used) return fresh;
      // Then it was joined on behalf of an older token.
    }
    return used;
  }

  /** The server refused a token that was new: more of them would not help for now. */
  refused(): void {
    this.#limit.count('rejected');
  }
}

const logins = new WeakMap<OAuthClientProvider, Login>();

export function loginOf(provider: OAuthClientProvider): Login {
  const login = logins.get(provider) ?? new Login(provider);
  logins.set(provider, login);
  return login;
}

/** @throws {AuthError} `TOKEN_FAILED` */
export async function accessToken(provider: OAuthClientProvider): Promise<string | undefined> {
  try {
    return (await provider.tokens())?.access_token;
  } catch (cause) {
    throw new AuthError('TOKEN_FAILED', 'The OAuth provider failed to give its tokens', { cause });
  }
}
