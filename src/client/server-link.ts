import { CallPath } from '../calls/call-path.js';
import { CallQueue } from '../calls/call-queue.js';
import { CircuitBreaker, type CircuitState } from '../calls/circuit-breaker.js';
import type { Repeatability } from '../calls/delivery.js';
import { RetryBudget } from '../calls/retry-budget.js';
import type { RunningCall } from '../calls/running-call.js';
import { type Sign, signOf } from '../calls/signs.js';
import { Deadline } from '../core/deadline.js';
import { asFleetError, ConnectionError, McpFleetError } from '../core/errors.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { Session, SessionObserver } from '../session/session.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { HealthCheck } from './health-check.js';
import { ObservedSession } from './observed-session.js';
import type { ServerSettings } from './options.js';

/** How long the ping of a half-open breaker may take, connecting included. */
const PROBE_TIMEOUT_MS = 5_000;

export interface ServerLinkHooks {
  open(observer: Pick<SessionObserver, 'closed'>, signal: StopSignal): Promise<Session>;
  onStatus: ConnectionOptions['onStatus'];
  onCircuit(change: { state: CircuitState; previous: CircuitState }): void;
  /** What the server's process said last, for the end of a message. */
  lastWords(): string;
  /** A health check failed. */
  onMiss(error: McpFleetError): void;
}

/** One server's connection with the policies around it: queue, retries, breaker, health checks. */
export class ServerLink {
  readonly connection: Connection;
  readonly #queue: CallQueue;
  readonly #path: CallPath<Session>;
  readonly #breaker: CircuitBreaker | undefined;
  readonly #health: HealthCheck<Session> | undefined;

  constructor(settings: ServerSettings, hooks: ServerLinkHooks) {
    this.connection = new Connection({
      connectTimeoutMs: settings.connectTimeoutMs,
      firstStart: settings.firstStart,
      lastWords: hooks.lastWords,
      open: hooks.open,
      onAttempt: (failure) => this.#attempted(failure),
      onStatus: (change) => {
        if (change.status === 'ready' && change.previous !== 'unhealthy') this.#health?.start();
        if (change.status !== 'ready' && change.status !== 'unhealthy') this.#health?.stop();
        hooks.onStatus(change);
      },
    });
    this.#queue = new CallQueue(settings.maxConcurrency, settings.maxQueue);
    this.#breaker = settings.circuitBreaker
      ? new CircuitBreaker(settings.circuitBreaker, {
          probe: () => this.#probe(),
          onState: (state, previous) => {
            if (state === 'open') this.connection.dismissWaiters((this.#breaker as CircuitBreaker).refusal());
            hooks.onCircuit({ state, previous });
          },
        })
      : undefined;
    this.#health = settings.healthCheck
      ? new HealthCheck(settings.healthCheck, {
          ping: (session, timeoutMs) => within(timeoutMs, (signal) => ping(session, signal)),
          session: () => this.connection.session,
          well: (session) => this.connection.well(session),
          isBusy: () => this.#queue.running > 0,
          missed: (session, thrown, tooOften) => {
            const miss = asFleetError(thrown);
            const error = tooOften ? givenUp(miss) : miss;
            hooks.onMiss(error);
            this.connection.missed(session, error, tooOften);
          },
        })
      : undefined;
    this.#path = new CallPath({
      queue: this.#queue,
      retry: { options: settings.retry, budget: new RetryBudget() },
      breaker: this.#breaker,
      ready: (signal) => this.connection.ready(signal),
      onSign: (sign, thrown) => this.#sign(sign, thrown),
    });
  }

  get circuit(): CircuitState {
    return this.#breaker?.state ?? 'closed';
  }

  /** Requests whose turn has come. */
  get inFlight(): number {
    return this.#queue.running;
  }

  /** Requests that wait for their turn. */
  get queued(): number {
    return this.#queue.waiting;
  }

  /** Sends a request: when its turn has come, again where that is safe, and not at all while the breaker is open. */
  request<Result>(
    send: (session: Session, signal: StopSignal) => Promise<Result>,
    repeatability: Repeatability,
    call: RunningCall,
  ): Promise<Result> {
    const { observation } = call;
    if (observation === undefined) return this.#path.run(send, repeatability, call);
    const observed: typeof send = (session, signal) =>
      send(new ObservedSession(session, observation), signal);
    return this.#path.run(observed, repeatability, call);
  }

  async close(): Promise<void> {
    this.#breaker?.stop();
    this.#health?.stop();
    await this.connection.close();
  }

  #attempted(failure: McpFleetError | undefined): void {
    this.#sign(failure === undefined ? 'alive' : signOf(failure), failure);
    if (failure === undefined) this.#breaker?.signOfLife();
  }

  #sign(sign: Sign, thrown?: unknown): void {
    if (sign === 'failing') this.#breaker?.failed(thrown instanceof McpFleetError ? thrown : undefined);
    if (sign !== 'alive') return;
    this.#breaker?.succeeded();
    this.#health?.heard();
    const { session } = this.connection;
    if (session !== undefined) this.connection.well(session);
  }

  /** Any answer closes the breaker. Other errors are for the caller to see. */
  async #probe(): Promise<void> {
    try {
      await within(PROBE_TIMEOUT_MS, async (signal) => ping(await this.connection.connect(signal), signal));
    } catch (error) {
      if (signOf(error) === 'failing') throw error;
    }
  }
}

/** Resolves when the server answers, be it that it knows no ping. */
async function ping(session: Session, signal: StopSignal): Promise<void> {
  try {
    await session.request('ping', undefined, { signal });
  } catch (error) {
    if (signOf(error) !== 'alive') throw error;
  }
}

async function within<Result>(
  timeoutMs: number,
  work: (signal: StopSignal) => Promise<Result>,
): Promise<Result> {
  const deadline = new Deadline({ timeoutMs });
  try {
    return await work(deadline.signal);
  } finally {
    deadline[Symbol.dispose]();
  }
}

function givenUp(cause: McpFleetError): ConnectionError {
  const what = `The health check got no answer, and the connection was given up: ${cause.message}`;
  return new ConnectionError('CONNECTION_LOST', what, { delivery: 'unknown', retryable: true, cause });
}
