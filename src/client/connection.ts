import { fullJitter } from '../core/backoff.js';
import { Deadline } from '../core/deadline.js';
import { asFleetError, McpFleetError, notSent, TimeoutError } from '../core/errors.js';
import { SingleFlight } from '../core/single-flight.js';
import type { Session, SessionObserver } from '../session/session.js';
import { NEXT_STATUSES, type ServerStatus } from './status.js';

const RECONNECT_BACKOFF = { baseMs: 1_000, factor: 1.6, maxMs: 60_000 };
/** A server that asks for more patience than this gets no more of it. */
const MAX_RETRY_AFTER_MS = 300_000;
/** A session that lasted so long shows that the server is well: the next backoff starts over. */
const STABLE_AFTER_MS = 30_000;
/** Where only a person can help, callers get the known error at once for so long before it is tried again. */
const FAILED_FOR_MS = 30_000;

type State =
  | { readonly status: 'idle' | 'connecting' | 'closed' }
  | { readonly status: 'ready'; readonly session: Session; readonly since: number }
  | { readonly status: 'reconnecting'; readonly error: McpFleetError; readonly timer?: NodeJS.Timeout }
  | { readonly status: 'failed'; readonly error: McpFleetError; readonly until: number };

export interface ConnectionOptions {
  open(observer: Pick<SessionObserver, 'closed'>, signal: AbortSignal): Promise<Session>;
  connectTimeoutMs: number;
  onStatus(change: { status: ServerStatus; previous: ServerStatus; error?: McpFleetError }): void;
}

/**
 * Keeps one server connected: opens a session on first use, and a new one when it ends, in the background,
 * until it is closed. What callers hold is this, never a session.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #attempt = new SingleFlight<Session>();
  readonly #closing = new AbortController();
  #state: State = { status: 'idle' };
  #since = Date.now();
  #failures = 0;
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

  /** The session, or the one before it while there is none: what it said of the server is still known. */
  get lastSession(): Session | undefined {
    return this.#lastSession;
  }

  /** A session to send with: the one there is, or the outcome of the attempt that is made for all who ask. */
  async ready(signal: AbortSignal): Promise<Session> {
    const state = this.#state;
    if (state.status === 'ready') return state.session;
    if (state.status === 'failed' && performance.now() < state.until) throw state.error;
    return this.connect(signal);
  }

  /** As {@link ready}, but also tries where only a person could help: perhaps one did. */
  async connect(signal: AbortSignal): Promise<Session> {
    if (this.#state.status === 'ready') return this.#state.session;
    if (this.#state.status === 'closed')
      throw new McpFleetError('CLOSED', 'The client is closed', { delivery: 'not-sent' });
    return this.#attempt.run(() => this.#open(), signal);
  }

  async close(): Promise<void> {
    const session = this.#state.status === 'ready' ? this.#state.session : undefined;
    this.#enter({ status: 'closed' });
    this.#closing.abort(new McpFleetError('CLOSED', 'The client was closed', { delivery: 'not-sent' }));
    // An attempt under way sees the abort, and closes what it opened.
    await this.#attempt.settled();
    await session?.close();
  }

  async #open(): Promise<Session> {
    if (this.#state.status === 'idle' || this.#state.status === 'failed')
      this.#enter({ status: 'connecting' });
    if (this.#state.status === 'reconnecting') clearTimeout(this.#state.timer);
    const { connectTimeoutMs } = this.#options;
    const deadline = new Deadline({ timeoutMs: connectTimeoutMs, signal: this.#closing.signal });
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
      if (this.#closing.signal.aborted) {
        await session.close();
        throw this.#closing.signal.reason;
      }
      this.#lastSession = session;
      this.#enter({ status: 'ready', session, since: performance.now() });
      return session;
    } catch (error) {
      const reason =
        error instanceof TimeoutError
          ? new TimeoutError(connectTimeoutMs, `Not connected within ${connectTimeoutMs} ms`, {
              cause: error.cause,
            })
          : asFleetError(error);
      // Nothing of what callers want to send has left.
      const failure = notSent(reason);
      this.#failed(failure);
      throw failure;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  #lost(session: Session, reason: McpFleetError): void {
    if (this.#state.status !== 'ready' || this.#state.session !== session) return;
    if (performance.now() - this.#state.since >= STABLE_AFTER_MS) this.#failures = 0;
    this.#retryLater(reason);
  }

  #failed(error: McpFleetError): void {
    if (this.#state.status === 'closed') return;
    if (error.retryable) this.#retryLater(error);
    else this.#enter({ status: 'failed', error, until: performance.now() + FAILED_FOR_MS });
  }

  #retryLater(error: McpFleetError): void {
    const askedMs = Math.min(error.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    const delayMs = Math.max(fullJitter(RECONNECT_BACKOFF, this.#failures++), askedMs);
    const timer = setTimeout(() => {
      // Its outcome shows in the status.
      this.#attempt.run(() => this.#open()).catch(() => {});
    }, delayMs);
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
