import { setMaxListeners } from 'node:events';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { abortable } from '../core/abort.js';
import { AuthError, McpFleetError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { KnownSecrets } from '../core/known-secrets.js';
import { SingleFlight } from '../core/single-flight.js';
import type { StopSignal } from '../core/stop-signal.js';
import { BackgroundTimer } from './background-timer.js';
import { type Challenge, withScopes } from './challenge.js';
import { FailureMemory } from './failure-memory.js';
import { HeldToken } from './held-token.js';
import { callProvider } from './provider-call.js';
import { RejectionLimit } from './rejection-limit.js';
import { unionOf } from './scopes.js';
import { StepUp } from './step-up.js';
import { restated } from './token-errors.js';
import { type AccessToken, KNOWN_SECRETS, type TokenContext, type TokenProvider } from './token-provider.js';

/** How long what only a person can repair is not asked for again on behalf of an identity. */
const IDENTITY_WAIT_MS = 1_000;

export interface TokenSourceOptions {
  provider: TokenProvider;
  /** Name of the server, as configured. */
  server: string;
  url: URL;
  fetch?: FetchLike | undefined;
  /** Learns each token, so that none is repeated in a message. */
  secrets?: KnownSecrets | undefined;
  /** Whose tokens they are, for a provider that acts for many. Such tokens are renewed on use, not by a timer. */
  key?: string | undefined;
  /** On whose behalf tokens are asked for. Their claims are there while a call of theirs is under way. */
  identity?: (() => Identity) | undefined;
  /** Ends this source, and others that share it. @default its own */
  closing?: AbortController;
  /** Told of each request to the provider, successful or not. For plain strings: when they change, or are asked for again. */
  onRefresh: (event: TokenRefresh) => void;
}

export interface TokenRefresh {
  reason: TokenContext['reason'];
  /** Epoch milliseconds. */
  expiresAt?: number;
  error?: AuthError;
}

/** What varies between two questions to a provider. */
type Question = Pick<TokenContext, 'reason' | 'previous' | 'challenge'>;

/** `shared`: an object, for all requests. Else a plain string or nothing, for the one caller who asked. */
type Answer = { shared: true; token: AccessToken } | { shared: false; token: AccessToken | undefined };

/**
 * The tokens for one server, or for one key at it: asks its provider as seldom as possible, for any number of
 * requests, and lets a token that is still good outlive failures of the provider.
 */
export class TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #flight = new SingleFlight<Answer>();
  readonly #closing: AbortController;
  readonly #failures: FailureMemory;
  readonly #rejections = new RejectionLimit();
  readonly #stepUp = new StepUp();
  readonly #refreshAhead = new BackgroundTimer();
  #flying = false;
  /** Kept between requests; never while `#asksEachTime`. */
  #held: HeldToken | undefined;
  /** The last answer was a plain string or nothing. */
  #asksEachTime = false;
  #lastPlain: string | undefined;
  #challenge: Challenge | undefined;
  #readsIdentity = false;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    // The one who can help is the one who asks, and may have done so meanwhile.
    this.#failures = new FailureMemory(options.identity === undefined ? undefined : IDENTITY_WAIT_MS);
    this.#closing = options.closing ?? new AbortController();
    // Each question listens to it, and plain strings are asked for by many callers at a time.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Epoch milliseconds of the expiry of the token that is kept, if there is one that says so. */
  get expiresAt(): number | undefined {
    const { expiresAt } = this.#held?.token ?? {};
    return Number.isFinite(expiresAt) ? expiresAt : undefined;
  }

  /** Each request asks for a token of its own, perhaps of another user: what it brings must not be shared. */
  get isPerRequest(): boolean {
    return this.#asksEachTime && this.#options.key === undefined;
  }

  /** The provider has looked for whom it is asked. */
  get readsIdentity(): boolean {
    return this.#readsIdentity;
  }

  /** The token that is kept. */
  get held(): AccessToken | undefined {
    return this.#held?.token;
  }

  /** Keeps a token that another source was given for everybody. */
  adopt(token: AccessToken): void {
    if (this.#held !== undefined) return;
    this.#held = new HeldToken(token);
    this.#asksEachTime = false;
    this.#schedule(this.#held.refreshAt);
  }

  /**
   * The token to send with a request, or `undefined` to send none.
   * @param signal ends this wait, not the question to the provider.
   * @throws {AuthError} `TOKEN_FAILED`
   */
  async get(signal?: StopSignal): Promise<AccessToken | undefined> {
    this.#assertOpen(signal);
    if (this.#held?.isFresh) {
      const { token } = this.#held;
      this.#renewOnUse(this.#held);
      return token;
    }
    if (this.#asksEachTime) return this.#own(this.#question('initial'), signal);
    try {
      this.#failWhileFailing();
      return await this.#renew(this.#question(this.#held === undefined ? 'initial' : 'expiring'), signal);
    } catch (error) {
      if (error instanceof AuthError && this.#held?.isValid) return this.#held.token;
      throw error;
    }
  }

  /** Says that the server took a token of this source. */
  accepted(): void {
    this.#rejections.accepted();
  }

  /**
   * After a 401: the token to send the request with once more, or `undefined` if that would be pointless.
   * @param used the token that was rejected.
   * @throws {AuthError} `TOKEN_FAILED`
   */
  async rejected(
    used: AccessToken | undefined,
    challenge: Challenge | undefined,
    signal?: StopSignal,
  ): Promise<AccessToken | undefined> {
    this.#assertOpen(signal);
    if (this.#asksEachTime) return this.#ownAgain({ reason: 'rejected', previous: used, challenge }, signal);
    if (this.#held?.isValid && differs(this.#held.token, used)) return this.#held.token;
    try {
      this.#failWhileFailing();
      if (!this.#flying && this.#rejections.isExhausted) return undefined;
      if (challenge !== undefined) this.#challenge = withScopes(challenge, this.#stepUp.scopes);
      const token = await this.#renew({ ...this.#question('rejected'), previous: used }, signal);
      return differs(token, used) ? token : undefined;
    } catch (error) {
      // The request did leave, and was refused.
      throw error instanceof AuthError ? restated(error, { delivery: 'rejected' }) : error;
    }
  }

  /**
   * After a 403 `insufficient_scope`: the token to send the request with once more, or `undefined` if there is
   * no token with more scopes.
   * @param used the token that does not suffice.
   */
  async insufficientScope(
    used: AccessToken | undefined,
    challenge: Challenge,
    signal?: StopSignal,
  ): Promise<AccessToken | undefined> {
    this.#assertOpen(signal);
    const question = { reason: 'insufficient_scope', previous: used, challenge } as const;
    if (this.#asksEachTime) {
      return this.#ownAgain({ ...question, challenge: withScopes(challenge, used?.scopes) }, signal);
    }
    // A request under way was not asked for these scopes.
    await abortable(this.#flight.settled(), signal);

    const had = unionOf(this.#stepUp.scopes, used?.scopes, this.#held?.token.scopes);
    const wanted = withScopes(challenge, had);
    const asksForMore = (wanted.scopes?.length ?? 0) > had.length;
    if (!asksForMore && this.#held?.isValid && differs(this.#held.token, used)) return this.#held.token;
    if (!this.#stepUp.allows(wanted, had)) return undefined;
    try {
      const token = await this.#renew({ ...question, challenge: wanted }, signal);
      return differs(token, used) ? token : undefined;
    } catch (error) {
      // The 403 says more to the caller than this failure, which was announced.
      if (error instanceof AuthError) return undefined;
      throw error;
    }
  }

  /** Fetches a new token now, whatever is known of failures. @throws {AuthError} `TOKEN_FAILED` */
  async refresh(signal?: StopSignal): Promise<void> {
    this.#assertOpen(signal);
    const question = this.#question('forced');
    await (this.#asksEachTime ? this.#own(question, signal) : this.#renew(question, signal));
  }

  /** Ends what runs in the background, and everybody's wait. */
  close(): void {
    this.#refreshAhead.clear();
    const { server } = this.#options;
    this.#closing.abort(new McpFleetError('CLOSED', 'The client of this server was closed', { server }));
  }

  // ── Asking the provider ─────────────────────────────────────────────────────

  /** Starts the one request that may be under way, or joins it, whatever it asks. */
  async #renew(question: Question, signal: StopSignal | undefined): Promise<AccessToken | undefined> {
    let started = false;
    const work = () => {
      started = true;
      return this.#fly(question);
    };
    const answer = await this.#flight.run(work, signal);
    // What is not shared belongs to the caller who started the flight.
    return answer.shared || started ? answer.token : this.#own(question, signal);
  }

  async #fly(question: Question): Promise<Answer> {
    this.#flying = true;
    try {
      const answer = await this.#ask(question);
      this.#failures.forget();
      return answer;
    } catch (error) {
      throw error instanceof AuthError ? this.#failed(question, error) : error;
    } finally {
      this.#flying = false;
    }
  }

  /** A question of one caller, in that caller's async context. */
  async #own(question: Question, signal: StopSignal | undefined): Promise<AccessToken | undefined> {
    return (await abortable(this.#ask(question), signal)).token;
  }

  async #ownAgain(question: Question, signal: StopSignal | undefined): Promise<AccessToken | undefined> {
    const { reason, previous, challenge } = question;
    const key = JSON.stringify([reason, previous?.token, challenge?.scopes]);
    if (this.#rejections.isRepeated(key)) return undefined;
    const token = await this.#own(question, signal);
    return differs(token, previous) ? token : undefined;
  }

  async #ask(question: Question): Promise<Answer> {
    const { provider, server, url, fetch, key, secrets, identity } = this.#options;
    const context = {
      server,
      url: new URL(url),
      ...question,
      ...(key !== undefined && { key }),
      ...(fetch !== undefined && { fetch }),
      ...(secrets !== undefined && { [KNOWN_SECRETS]: secrets }),
    };
    try {
      const read = identity && (() => this.#read(identity));
      return this.#accept(question, await callProvider(provider, context, this.#closing.signal, read));
    } catch (error) {
      if (error instanceof AuthError) this.#announce({ reason: question.reason, error });
      throw error;
    }
  }

  #read(identity: () => Identity): Identity {
    this.#readsIdentity = true;
    return identity();
  }

  #question(reason: Question['reason']): Question {
    return { reason, previous: this.#held?.token, challenge: this.#challenge };
  }

  // ── What answers change ─────────────────────────────────────────────────────

  #accept(question: Question, answer: AccessToken | string | undefined): Answer {
    return typeof answer === 'object' ? this.#hold(question, answer) : this.#passOn(question, answer);
  }

  #hold({ reason, challenge }: Question, token: AccessToken): Answer {
    this.#held = new HeldToken(token);
    this.#asksEachTime = false;
    this.#rejections.count(reason);
    if (reason === 'insufficient_scope') {
      this.#challenge = challenge;
      this.#stepUp.succeeded(challenge?.scopes);
    }
    this.#schedule(this.#held.refreshAt);
    this.#options.secrets?.passing(token.token);
    const expires = token.expiresAt !== undefined && Number.isFinite(token.expiresAt);
    this.#announce({ reason, ...(expires && { expiresAt: token.expiresAt as number }) });
    return { shared: true, token };
  }

  #passOn({ reason }: Question, answer: string | undefined): Answer {
    const changed = answer !== this.#lastPlain;
    this.#refreshAhead.clear();
    this.#held = undefined;
    this.#challenge = undefined;
    this.#asksEachTime = true;
    this.#lastPlain = answer;
    if (answer !== undefined) this.#options.secrets?.passing(answer);
    if (changed || reason !== 'initial') this.#announce({ reason });
    return { shared: false, token: answer === undefined ? undefined : { token: answer } };
  }

  /** @returns what to tell those who wait. */
  #failed({ reason }: Question, error: AuthError): AuthError {
    if (reason === 'insufficient_scope') {
      // The usual scopes may be had all the same.
      this.#stepUp.failed();
      return error;
    }
    const nextTry = performance.now() + this.#failures.remember(error);
    if (this.#held !== undefined) this.#schedule(Math.max(nextTry, this.#held.refreshAt));
    return this.#failures.error ?? error;
  }

  #failWhileFailing(): void {
    const error = this.#flying ? undefined : this.#failures.error;
    if (error !== undefined) throw error;
  }

  /** Refreshes in the background at that instant of `performance.now()`, if the token lives that long. */
  #schedule(at: number): void {
    this.#refreshAhead.clear();
    if (this.#options.key !== undefined) return;
    if (this.#held === undefined || at >= this.#held.expiresAt || this.#closing.signal.aborted) return;
    // The outcome is announced; nobody waits for it.
    this.#refreshAhead.set(at, () => this.#renew(this.#question('expiring'), undefined).catch(() => {}));
  }

  /** As the timer does, but in the caller's async context, and not for a user who has gone. Nobody waits for it. */
  #renewOnUse({ refreshAt }: HeldToken): void {
    if (this.#options.key === undefined || performance.now() < refreshAt) return;
    if (this.#flying || this.#failures.error !== undefined) return;
    this.#renew(this.#question('expiring'), undefined).catch(() => {});
  }

  #announce(event: TokenRefresh): void {
    try {
      this.#options.onRefresh(event);
    } catch {
      // A listener that throws must not cost anybody a token.
    }
  }

  #assertOpen(signal: StopSignal | undefined): void {
    signal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
  }
}

function differs(token: AccessToken | undefined, used: AccessToken | undefined): boolean {
  return token !== undefined && token.token !== used?.token;
}
