import { spread } from '../core/backoff.js';

export interface HealthCheckOptions {
  /** Between checks of an idle server, ± 20 %. Milliseconds. @default 30_000 */
  intervalMs?: number;
  /** For the answer. Milliseconds. @default 5_000 */
  timeoutMs?: number;
  /** Misses in a row before a reconnect. @default 2 */
  threshold?: number;
}

export const HEALTH_DEFAULTS = {
  intervalMs: 30_000,
  timeoutMs: 5_000,
  threshold: 2,
} as const satisfies HealthCheckOptions;

const INTERVAL_SPREAD = 0.2;
/** Timers of the same length are one list to Node: those of a thousand servers are few. */
const STEP_MS = 100;

export interface HealthCheckHooks<Session> {
  session(): Session | undefined;
  /** Whether it works on calls: those have deadlines of their own, and a busy server need not answer pings. */
  isBusy(): boolean;
  /** Resolves when the server answers, whatever it answers. */
  ping(session: Session, timeoutMs: number): Promise<void>;
  well(session: Session): void;
  missed(session: Session, error: unknown, tooOften: boolean): void;
}

/** Pings a server that nobody has heard of for a while, so that its death is noticed before a call meets it. */
export class HealthCheck<Session> {
  readonly #options: Required<HealthCheckOptions>;
  readonly #hooks: HealthCheckHooks<Session>;
  #timer: NodeJS.Timeout | undefined;
  #heardAt = 0;
  #misses = 0;

  constructor(options: Required<HealthCheckOptions>, hooks: HealthCheckHooks<Session>) {
    this.#options = options;
    this.#hooks = hooks;
  }

  start(): void {
    this.heard();
    this.#schedule(this.#options.intervalMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The server answered something. */
  heard(): void {
    this.#heardAt = performance.now();
    this.#misses = 0;
  }

  async #check(): Promise<void> {
    const { intervalMs, timeoutMs, threshold } = this.#options;
    const session = this.#hooks.session();
    if (session === undefined) return;
    const idleMs = performance.now() - this.#heardAt;
    const heardLately = this.#misses === 0 && idleMs < intervalMs * (1 - INTERVAL_SPREAD);
    if (heardLately) return this.#schedule(intervalMs - idleMs);
    if (this.#hooks.isBusy()) return this.#schedule(intervalMs);
    try {
      await this.#hooks.ping(session, timeoutMs);
      this.heard();
      this.#hooks.well(session);
    } catch (error) {
      // The one that has followed it meanwhile is not to blame.
      if (this.#hooks.session() !== session) return;
      if (!this.#hooks.isBusy()) {
        this.#misses++;
        this.#hooks.missed(session, error, this.#misses >= threshold);
      }
    }
    if (this.#timer !== undefined) this.#schedule(intervalMs);
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    const afterMs = spread(ms, INTERVAL_SPREAD);
    const roundedMs = afterMs < STEP_MS ? afterMs : Math.round(afterMs / STEP_MS) * STEP_MS;
    this.#timer = setTimeout(() => void this.#check(), roundedMs).unref();
  }
}
