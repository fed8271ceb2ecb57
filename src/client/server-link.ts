import { CallPath } from '../calls/call-path.js';
import type { Repeatability } from '../calls/delivery.js';
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
import type { Prober, ServerPolicies } from './server-policies.js';

/** How long the ping of a half-open breaker may take, connecting included. */
const PROBE_TIMEOUT_MS = 5_000;

export interface ServerLinkHooks {
  open(observer: Pick<SessionObserver, 'closed'>, signal: StopSignal): Promise<Session>;
  onStatus: ConnectionOptions['onStatus'];
  /** What fails over it is everybody's to know; else it is told to none but the callers of its own. */
  isOfAll: boolean;
  /** Whether the connection comes back by itself when it is lost. */
  isWanted: ConnectionOptions['isWanted'];
  failedForMs: ConnectionOptions['failedForMs'];
  /** What the server's process said last, for the end of a message. */
  lastWords(): string;
  /** A health check failed. */
  onMiss(error: McpFleetError): void;
}

/** One connection to a server, with the policies around it: those of the server, and its own retries and health checks. */
export class ServerLink implements Prober {
  readonly connection: Connection;
  readonly #path: CallPath<Session>;
  readonly #policies: ServerPolicies;
  readonly #isOfAll: boolean;
  readonly #health: HealthCheck<Session> | undefined;

  constructor(settings: ServerSettings, policies: ServerPolicies, hooks: ServerLinkHooks) {
    this.#policies = policies;
    this.#isOfAll = hooks.isOfAll;
    const { queue, breaker, budget } = policies;
    this.connection = new Connection({
      connectTimeoutMs: settings.connectTimeoutMs,
      firstStart: settings.firstStart,
      isWanted: hooks.isWanted,
      failedForMs: hooks.failedForMs,
      lastWords: hooks.lastWords,
      open: hooks.open,
      onAttempt: (failure) => this.#attempted(failure),
      onStatus: (change) => {
        if (change.status === 'ready' && change.previous !== 'unhealthy') this.#health?.start();
        if (change.status !== 'ready' && change.status !== 'unhealthy') this.#health?.stop();
        hooks.onStatus(change);
      },
    });
    this.#health = settings.healthCheck
      ? new HealthCheck(settings.healthCheck, {
          ping: (session, timeoutMs) => within(timeoutMs, (signal) => ping(session, signal)),
          session: () => this.connection.session,
          well: (session) => this.connection.well(session),
          isBusy: () => queue.running > 0,
          missed: (session, thrown, tooOften) => {
            const miss = asFleetError(thrown);
            const error = tooOften ? givenUp(miss) : miss;
            hooks.onMiss(error);
            this.connection.missed(session, error, tooOften);
          },
        })
      : undefined;
    this.#path = new CallPath({
      queue,
      retry: { options: settings.retry, budget },
      breaker,
      ready: (signal) => this.connection.ready(signal),
      onSign: (sign, thrown) => this.#sign(sign, thrown),
    });
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
    this.#health?.stop();
    this.#policies.gone(this);
    await this.connection.close();
  }

  #attempted(failure: McpFleetError | undefined): void {
    this.#sign(failure === undefined ? 'alive' : signOf(failure), failure);
    if (failure === undefined) this.#policies.breaker?.signOfLife();
  }

  #sign(sign: Sign, thrown?: unknown): void {
    if (sign === 'failing') {
      const told = this.#isOfAll && thrown instanceof McpFleetError ? thrown : undefined;
      this.#policies.failed(told, this);
    }
    if (sign !== 'alive') return;
    this.#policies.breaker?.succeeded();
    this.#health?.heard();
    const { session } = this.connection;
    if (session !== undefined) this.connection.well(session);
  }

  /** Any answer closes the breaker. Other errors are for the caller to see. */
  async probe(): Promise<void> {
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
