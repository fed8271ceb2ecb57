import type { Deadline } from '../core/deadline.js';
import { McpFleetError } from '../core/errors.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { CallQueue } from './call-queue.js';
import type { CircuitBreaker } from './circuit-breaker.js';
import type { Repeatability } from './delivery.js';
import { RateLimitPause } from './rate-limit-pause.js';
import { type RetryPolicy, withRetries } from './retry.js';
import type { RunningCall } from './running-call.js';
import { type Sign, signOf } from './signs.js';

export interface CallPathOptions<Session> {
  queue: CallQueue;
  retry: RetryPolicy;
  breaker: CircuitBreaker | undefined;
  /** The session there is, or the outcome of the attempt to get one. */
  ready(signal: StopSignal): Promise<Session>;
  /** What the end of an attempt says of the server. */
  onSign(sign: Sign, thrown?: unknown): void;
}

/**
 * The way of every request to one server. The order around a tool call is fixed:
 *
 * `events → interceptors → cache → queue → retry → breaker → send`, under one deadline.
 *
 * Events and deadline are the {@link CallRunner}'s, interceptors and cache the client's; the rest is here.
 */
export class CallPath<Session> {
  readonly #options: CallPathOptions<Session>;
  readonly #pause = new RateLimitPause();

  constructor(options: CallPathOptions<Session>) {
    this.#options = options;
  }

  async run<Result>(
    send: (session: Session, signal: StopSignal) => Promise<Result>,
    repeatability: Repeatability,
    call: RunningCall,
  ): Promise<Result> {
    const { queue, retry, breaker } = this.#options;
    // Here too, so that nobody queues for what will be refused.
    breaker?.admit();
    const attempt = () => this.#attempt(send, call.deadline);
    return queue.run(() => withRetries(attempt, repeatability, retry, call), call.signal, call.identity);
  }

  async #attempt<Result>(
    send: (session: Session, signal: StopSignal) => Promise<Result>,
    deadline: Deadline,
  ): Promise<Result> {
    const { breaker, ready, onSign } = this.#options;
    breaker?.admit();
    await this.#pause.over(deadline);
    // How connecting ends is told where it is done once for all who wait.
    const session = await ready(deadline.signal);
    try {
      const result = await send(session, deadline.signal);
      onSign('alive');
      return result;
    } catch (error) {
      if (error instanceof McpFleetError) this.#pause.note(error);
      onSign(signOf(error), error);
      throw error;
    }
  }
}
