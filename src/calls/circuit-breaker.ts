import { spread } from '../core/backoff.js';
import { CircuitOpenError, type McpFleetError } from '../core/errors.js';

export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitBreakerOptions {
  /** Failures in a row that open it. @default 5 */
  consecutiveFailures?: number;
  /** Or this share of failures… @default 0.5 */
  failureRatio?: number;
  /** …among at least so many calls… @default 10 */
  minimumCalls?: number;
  /** …in this window. Milliseconds. @default 30_000 */
  windowMs?: number;
  /** First time open; doubles each time up to `maxOpenMs`. Milliseconds, ± 20 %. @default 5_000 */
  openMs?: number;
  /** Milliseconds. @default 60_000 */
  maxOpenMs?: number;
}

export const BREAKER_DEFAULTS = {
  consecutiveFailures: 5,
  failureRatio: 0.5,
  minimumCalls: 10,
  windowMs: 30_000,
  openMs: 5_000,
  maxOpenMs: 60_000,
} as const satisfies CircuitBreakerOptions;

const OPEN_SPREAD = 0.2;

/**
 * `closed → open` after too many failures; `open → half-open` when the time is up, or there is a sign of life;
 * `half-open → closed` or `→ open` as the probe says, longer each time.
 */
type State =
  | { readonly state: 'closed'; readonly window: OutcomeWindow; failuresInARow: number }
  | { readonly state: 'open'; readonly until: number; readonly times: number; readonly timer: NodeJS.Timeout }
  | { readonly state: 'half-open'; readonly times: number };

export interface CircuitBreakerHooks {
  /** Asks the server whether it is well: with a ping, never with somebody's call. Rejects if not. */
  probe(): Promise<void>;
  onState(state: CircuitState, previous: CircuitState): void;
}

/** Lets calls through to a server that answers, and refuses them at once for one that does not. */
export class CircuitBreaker {
  readonly #options: Required<CircuitBreakerOptions>;
  readonly #hooks: CircuitBreakerHooks;
  #state: State;
  #stopped = false;
  /** What opened it. */
  #lastFailure: McpFleetError | undefined;

  constructor(options: Required<CircuitBreakerOptions>, hooks: CircuitBreakerHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#state = this.#closed();
  }

  get state(): CircuitState {
    return this.#state.state;
  }

  /** Milliseconds until it is worth asking again. */
  get retryAfterMs(): number | undefined {
    if (this.#state.state === 'closed') return undefined;
    return this.#state.state === 'open' ? Math.max(0, Math.ceil(this.#state.until - performance.now())) : 0;
  }

  /** @throws {CircuitOpenError} unless it is closed */
  admit(): void {
    if (this.#state.state !== 'closed') throw this.refusal();
  }

  /** The error for those who are not let through. */
  refusal(): CircuitOpenError {
    const cause = this.#lastFailure;
    const last = cause === undefined ? '' : `; the last failure: ${cause.message}`;
    return new CircuitOpenError(`The server failed too often, and is not asked for now${last}`, {
      retryAfterMs: this.retryAfterMs,
      cause,
    });
  }

  succeeded(): void {
    if (this.#state.state !== 'closed') return;
    this.#state.failuresInARow = 0;
    this.#state.window.add(true);
  }

  /** @param failure what went wrong, for those who are refused because of it */
  failed(failure?: McpFleetError): void {
    this.#lastFailure = failure ?? this.#lastFailure;
    if (this.#state.state !== 'closed') return;
    const { consecutiveFailures, failureRatio, minimumCalls } = this.#options;
    this.#state.failuresInARow++;
    this.#state.window.add(false);
    const { calls, failures } = this.#state.window.sum();
    const tooMany = calls >= minimumCalls && failures >= failureRatio * calls;
    if (this.#state.failuresInARow >= consecutiveFailures || tooMany) this.#open(0);
  }

  /** The server answered something: no need to wait for the time to be up. */
  signOfLife(): void {
    if (this.#state.state === 'open') this.#tryAgain(this.#state.times);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#state.state === 'open') clearTimeout(this.#state.timer);
  }

  #open(times: number): void {
    const { openMs, maxOpenMs } = this.#options;
    // Whole milliseconds, as timers count: it fires at the very time that callers were told.
    const durationMs = Math.round(spread(Math.min(maxOpenMs, openMs * 2 ** times), OPEN_SPREAD));
    const timer = setTimeout(() => this.#tryAgain(times), durationMs).unref();
    this.#enter({ state: 'open', until: performance.now() + durationMs, times, timer });
  }

  #tryAgain(times: number): void {
    if (this.#stopped) return;
    this.#enter({ state: 'half-open', times });
    this.#hooks.probe().then(
      () => !this.#stopped && this.#enter(this.#closed()),
      () => !this.#stopped && this.#open(times + 1),
    );
  }

  #closed(): State {
    return { state: 'closed', window: new OutcomeWindow(this.#options.windowMs), failuresInARow: 0 };
  }

  #enter(next: State): void {
    const previous = this.#state;
    if (previous.state === 'open') clearTimeout(previous.timer);
    this.#state = next;
    if (previous.state !== next.state) this.#hooks.onState(next.state, previous.state);
  }
}

const SLOTS = 10;

/** Outcomes of the last `windowMs`, counted in ten slots: what is older falls out slot by slot. */
class OutcomeWindow {
  readonly #slotMs: number;
  readonly #slots: { number: number; calls: number; failures: number }[] = [];

  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS;
  }

  add(success: boolean): void {
    const number = Math.floor(performance.now() / this.#slotMs);
    let slot = this.#slots.at(-1);
    if (slot === undefined || slot.number !== number) {
      slot = { number, calls: 0, failures: 0 };
      this.#slots.push(slot);
      while ((this.#slots[0]?.number ?? number) <= number - SLOTS) this.#slots.shift();
    }
    slot.calls++;
    if (!success) slot.failures++;
  }

  sum(): { calls: number; failures: number } {
    const oldest = Math.floor(performance.now() / this.#slotMs) - SLOTS;
    let calls = 0;
    let failures = 0;
    for (const slot of this.#slots) {
      if (slot.number <= oldest) continue;
      calls += slot.calls;
      failures += slot.failures;
    }
    return { calls, failures };
  }
}
