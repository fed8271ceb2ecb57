import { abortable } from '../core/abort.js';
import { fullJitter } from '../core/backoff.js';
import { Deadline } from '../core/deadline.js';
import { asFleetError, McpFleetError, notSent, TimeoutError } from '../core/errors.js';
import { SingleFlight } from '../core/single-flight.js';
import { Stop, type StopSignal } from '../core/stop-signal.js';
import type { Session, SessionObserver } from '../session/session.js';
import { NEXT_STATUSES, type ServerStatus } from './status.js';

const RECONNECT_BACKOFF = { baseMs: 1_000, factor: 1.6, maxMs: 60_000 };
/** A server that asks for more patience than this gets no more of it. */
const MAX_RETRY_AFTER_MS = 300_000;
/** A session that lasted so long shows that the server is well: the next backoff starts over. */
const STABLE_AFTER_MS = 30_000;
/** A server that never was there is tried so often as fast as callers ask: it may just be starting. */
const PROMPT_ATTEMPTS = 2;

type State =
  | { readonly status: 'idle' | 'connecting' | 'closed' }
  | { readonly status: 'ready'; readonly session: Session; readonly since: number }
  | {
      readonly status: 'unhealthy';
      readonly session: Session;
      readonly since: number;
      readonly error: McpFleetError;
    }
  | { readonly status: 'reconnecting'; readonly error: McpFleetError; readonly timer?: NodeJS.Timeout }
  | { readonly status: 'failed'; readonly error: McpFleetError; readonly until: number };

/** How long things may take before the first session. Milliseconds. */
export interface FirstStart {
  /** How long {@link Connection.connect} waits. */
  readonly waitMs: number;
  /** When an attempt is given up, and another one begins. */
  readonly attemptMs: number;
}

/** Somebody who waits for a session that others are to open. */
interface Waiter {
  /** For a server that was there before: not for the next attempt, but for one that succeeds. */
  readonly persistent: boolean;
  resolve(session: Session): void;
  reject(error: unknown): void;
}

export interface ConnectionOptions {
  open(observer: Pick<SessionObserver, 'closed'>, signal: StopSignal): Promise<Session>;
  connectTimeoutMs: number;
  /** A server that is installed or pulled when it is first started needs longer, once. */
  firstStart: FirstStart;
  /** Whether anybody wants it: what is lost then comes back by itself, else with the next caller. */
  isWanted(): boolean;
  /** Where only a person can help, callers get the known error at once for so long before it is tried again. */
  failedForMs: number;
  /** What the server's process said last, for the end of a message. */
  lastWords(): string;
  /** How an attempt to connect ended; once for each, however many waited for it. */
  onAttempt(failure: McpFleetError | undefined): void;
  onStatus(change: { status: ServerStatus; previous: ServerStatus; error?: McpFleetError }): void;
}

/**
 * Keeps one server connected: opens a session on first use, and a new one when it ends, in the background,
 * until it is closed. What callers hold is this, never a session.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #attempt = new SingleFlight<Session>();
  readonly #closing = new Stop();
  #state: State = { status: 'idle' };
  #since = Date.now();
  #failures = 0;
  #waiters: Set<Waiter> | undefined;
  #lastSession: Session | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get status(): ServerStatus {
    return this.#state.status;
  }

  /** When the status was entered, epoch milliseconds. */
  get since(): number {
    return this.#since;
  }

  get lastError(): McpFleetError | undefined {
    return 'error' in this.#state ? this.#state.error : undefined;
  }

  /** The session there is. */
  get session(): Session | undefined {
    return 'session' in this.#state ? this.#state.session : undefined;
  }

  /** The session, or the one before it while there is none: what it said of the server is still known. */
  get lastSession(): Session | undefined {
    return this.#lastSession;
  }

  /**
   * A session to send with: the one there is, or the next one. For a server that was there before that may take
   * several attempts; of one that never was there, the outcome of the next attempt holds for all who ask.
   */
  async ready(signal: StopSignal): Promise<Session> {
    const state = this.#state;
    if ('session' in state) return state.session;
    if (state.status === 'failed' && performance.now() < state.until) throw state.error;
    if (state.status !== 'reconnecting') return this.#join(signal);
    const persistent = this.#lastSession !== undefined;
    // At first there is no reason to let callers wait for the backoff; later they must not defeat it.
    if (this.#failures <= (persistent ? 1 : PROMPT_ATTEMPTS)) this.#tryNow();
    return this.#next(persistent, signal);
  }

  /**
   * As {@link ready}, but tries now, also where only a person could help: perhaps one did. Waits no longer than
   * `connectTimeoutMs`; a first start goes on meanwhile.
   */
  async connect(signal: StopSignal): Promise<Session> {
    const { waitMs, attemptMs } = this.#limits;
    if (waitMs >= attemptMs) return this.#join(signal);
    const deadline = new Deadline({ timeoutMs: waitMs });
    try {
      return await abortable(this.#join(signal), deadline.signal);
    } catch (error) {
      throw error === deadline.signal.reason ? this.#notConnected(waitMs, error) : error;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  async close(): Promise<void> {
    const session = 'session' in this.#state ? this.#state.session : undefined;
    const reason = new McpFleetError('CLOSED', 'The client was closed', { delivery: 'not-sent' });
    this.#enter({ status: 'closed' });
    this.#closing.abort(reason);
    this.dismissWaiters(reason);
    // An attempt under way sees the abort, and closes what it opened.
    await this.#attempt.settled();
    await session?.close();
  }

  /** Ends the session there is; the next caller opens another one. */
  async rest(): Promise<void> {
    if (!('session' in this.#state)) return;
    const { session } = this.#state;
    this.#enter({ status: 'idle' });
    await session.close();
  }

  /** Those who wait for the server are told that it is not worth while. */
  dismissWaiters(error: McpFleetError): void {
    for (const { reject } of this.#waiters ?? []) reject(error);
  }

  /** A health check failed; after too many in a row the session is given up. */
  missed(session: Session, error: McpFleetError, tooOften: boolean): void {
    if (!('session' in this.#state) || this.#state.session !== session) return;
    if (tooOften) {
      this.#lost(session, error);
      void session.close(error);
    } else {
      this.#enter({ status: 'unhealthy', session, since: this.#state.since, error });
    }
  }

  /** The server of that session answers. */
  well(session: Session): void {
    const state = this.#state;
    if (state.status !== 'unhealthy' || state.session !== session) return;
    this.#enter({ status: 'ready', session, since: state.since });
  }

  /** Begins an attempt to connect, or joins the one under way. */
  async #join(signal: StopSignal): Promise<Session> {
    if ('session' in this.#state) return this.#state.session;
    if (this.#state.status === 'closed')
      throw new McpFleetError('CLOSED', 'The client is closed', { delivery: 'not-sent' });
    try {
      return await this.#attempt.run(() => this.#open(), signal);
    } catch (error) {
      throw error === signal.reason ? this.lateBy(error) : error;
    }
  }

  /** The end of a wait: whose time is up while the server is still starting learns what took it. */
  lateBy(reason: unknown): unknown {
    if (!(reason instanceof TimeoutError) || this.#state.status !== 'connecting') return reason;
    const what = `${reason.message}: the server is still starting${this.#options.lastWords()}`;
    return new TimeoutError(reason.timeoutMs, what, { delivery: 'not-sent', cause: reason });
  }

  get #limits(): FirstStart {
    const { connectTimeoutMs, firstStart } = this.#options;
    if (this.#lastSession === undefined) return firstStart;
    return { waitMs: connectTimeoutMs, attemptMs: connectTimeoutMs };
  }

  #notConnected(ms: number, cause: unknown): TimeoutError {
    const what = `Not connected within ${ms} ms (connectTimeoutMs)${this.#options.lastWords()}`;
    return notSent(new TimeoutError(ms, what, { cause }));
  }

  #next(persistent: boolean, signal: StopSignal): Promise<Session> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const leave = () => {
        this.#waiters?.delete(waiter);
        signal.removeEventListener('abort', aborted);
      };
      const waiter: Waiter = {
        persistent,
        resolve(session) {
          leave();
          resolve(session);
        },
        reject(error) {
          leave();
          reject(error);
        },
      };
      const aborted = () => waiter.reject(signal.reason);
      signal.addEventListener('abort', aborted, { once: true });
      this.#waiters ??= new Set();
      this.#waiters.add(waiter);
    });
  }

  #tryNow(): void {
    // Its outcome shows in the status, and to those who wait.
    this.#attempt.run(() => this.#open()).catch(() => {});
  }

  async #open(): Promise<Session> {
    if (this.#state.status === 'idle' || this.#state.status === 'failed')
      this.#enter({ status: 'connecting' });
    if (this.#state.status === 'reconnecting') clearTimeout(this.#state.timer);
    const { attemptMs } = this.#limits;
    const deadline = new Deadline({ timeoutMs: attemptMs, signal: this.#closing });
    try {
      let opened: Session | undefined;
      let over: McpFleetError | undefined;
      const closed = (reason: McpFleetError) => {
        over = reason;
        if (opened !== undefined) this.#lost(opened, reason);
      };
      const session = await this.#options.open({ closed }, deadline.signal);
      opened = session;
      if (over !== undefined) throw over;
      if (this.#closing.aborted) {
        await session.close();
        throw this.#closing.reason;
      }
      this.#lastSession = session;
      this.#enter({ status: 'ready', session, since: performance.now() });
      this.#options.onAttempt(undefined);
      for (const { resolve } of this.#waiters ?? []) resolve(session);
      return session;
    } catch (error) {
      const reason =
        error instanceof TimeoutError ? this.#notConnected(attemptMs, error.cause) : asFleetError(error);
      // Nothing of what callers want to send has left.
      const failure = notSent(reason);
      this.#failed(failure);
      this.#options.onAttempt(failure);
      throw failure;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  #lost(session: Session, reason: McpFleetError): void {
    if (!('session' in this.#state) || this.#state.session !== session) return;
    // A server that has only forgotten the session is there: those who want another one need not wait.
    const forgotten = reason.delivery === 'rejected';
    if (forgotten || performance.now() - this.#state.since >= STABLE_AFTER_MS) this.#failures = 0;
    if (this.#options.isWanted()) this.#retryLater(reason);
    else this.#enter({ status: 'idle' });
  }

  #failed(error: McpFleetError): void {
    if (this.#state.status === 'closed') return;
    if (error.retryable) {
      this.#retryLater(error);
      for (const { persistent, reject } of this.#waiters ?? []) if (!persistent) reject(error);
    } else {
      this.#enter({ status: 'failed', error, until: performance.now() + this.#options.failedForMs });
      this.dismissWaiters(error);
    }
  }

  #retryLater(error: McpFleetError): void {
    const askedMs = Math.min(error.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    const delayMs = Math.max(fullJitter(RECONNECT_BACKOFF, this.#failures++), askedMs);
    const again = () => (this.#options.isWanted() ? this.#tryNow() : this.#enter({ status: 'idle' }));
    const timer = setTimeout(again, delayMs);
    timer.unref();
    this.#enter({ status: 'reconnecting', error, timer });
  }

  #enter(next: State): void {
    const previous = this.#state;
    if (previous.status !== next.status && !NEXT_STATUSES[previous.status].includes(next.status)) return;
    if ('timer' in previous) clearTimeout(previous.timer);
    this.#state = next;
    if (previous.status === next.status) return;
    this.#since = Date.now();
    this.#options.onStatus({
      status: next.status,
      previous: previous.status,
      ...('error' in next && { error: next.error }),
    });
  }
}
