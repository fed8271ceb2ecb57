import { Deadline } from '../core/deadline.js';
import {
  CircuitOpenError,
  ConnectionError,
  type Delivery,
  describeThrown,
  McpFleetError,
  OutcomeUnknownError,
  ofServer,
  TimeoutError,
} from '../core/errors.js';
import type { TextExit } from '../core/text-exit.js';
import { beginObservation, type CallObserver } from './call-observer.js';
import type { CallOptions } from './call-options.js';
import { worseDelivery } from './delivery.js';
import { InFlight } from './in-flight.js';
import { RunningCall } from './running-call.js';

/** What is called, for errors and events. */
export interface CallSubject {
  readonly method: string;
  /** Of the tool or prompt, or the URI of the resource. */
  readonly name?: string;
}

export interface CallReport extends CallSubject {
  readonly server: string;
  /** The key of the identity on whose behalf it was made. */
  readonly identity?: string;
  readonly outcome: 'ok' | 'tool_error' | 'failed' | 'aborted';
  readonly durationMs: number;
  readonly attempts: number;
  readonly cached: boolean;
  readonly error?: McpFleetError;
}

export interface CallRunnerOptions {
  server: string;
  /** Where a call names none. */
  timeoutMs: number;
  /** Whether anybody wants to know how calls end. */
  isHeard(): boolean;
  onCall(report: CallReport): void;
  /** The way by which errors leave. */
  exit: TextExit;
}

/**
 * Runs each call under one deadline, counts it while it is under way, and tells how it ended.
 * Errors leave with the server's name, and with the truth about their delivery.
 */
export class CallRunner {
  readonly #options: CallRunnerOptions;
  readonly #inFlight = new InFlight();
  readonly #observers = new Set<CallObserver>();
  #closed = false;
  #lastOkAt: number | undefined;

  constructor(options: CallRunnerOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** When a call last succeeded, epoch milliseconds. */
  get lastOkAt(): number | undefined {
    return this.#lastOkAt;
  }

  async run<Result>(
    subject: CallSubject,
    { timeoutMs = this.#options.timeoutMs, signal, maxTotalTimeoutMs }: CallOptions,
    work: (call: RunningCall) => Promise<Result>,
  ): Promise<Result> {
    this.refuseWhenClosed();
    signal?.throwIfAborted();
    const startedAt = performance.now();
    const deadline = new Deadline({ timeoutMs, signal, maxTotalTimeoutMs, holdsProcess: true });
    const call = new RunningCall(deadline, beginObservation(this.#observers, subject));
    this.#inFlight.enter(deadline);
    try {
      const { observation } = call;
      const result = await (observation === undefined ? work(call) : observation.run(() => work(call)));
      this.#lastOkAt = Date.now();
      this.#tell(subject, call, isToolError(result) ? 'tool_error' : 'ok', startedAt);
      return result;
    } catch (thrown) {
      // Where the reason is an error of ours, what was thrown may be a copy that says more.
      const aborted = signal?.aborted === true && [thrown, causeOf(thrown)].includes(signal.reason);
      const error = aborted ? signal.reason : this.#outward(thrown, subject, call);
      this.#tell(subject, call, aborted ? 'aborted' : 'failed', startedAt, error);
      throw error;
    } finally {
      deadline[Symbol.dispose]();
      this.#inFlight.leave(deadline);
    }
  }

  /** @throws {McpFleetError} `CLOSED` */
  refuseWhenClosed(): void {
    if (this.#closed) throw closed(this.#options.server);
  }

  /** Tells the observer of every call from now on, until the returned function is called. */
  observe(observer: CallObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Refuses new calls, waits for those under way at most `drainTimeoutMs`, then ends them. */
  async close(drainTimeoutMs: number): Promise<void> {
    this.#closed = true;
    await this.#inFlight.drain(drainTimeoutMs, closed(this.#options.server));
  }

  #outward(thrown: unknown, subject: CallSubject, call: RunningCall): unknown {
    // What an interceptor throws is the host's own, and stays as it is.
    if (!(thrown instanceof McpFleetError)) return thrown;
    const { server, exit } = this.#options;
    const error = exit.error(ofServer(thrown, server));
    if (error instanceof TimeoutError) {
      const delivery = worseDelivery(call.delivery, error.delivery ?? 'not-sent');
      if (delivery === error.delivery) return error;
      return new TimeoutError(error.timeoutMs, error.message, { server, delivery, cause: error });
    }
    const delivery = worseDelivery(call.delivery, error.delivery);
    const fateUnknown =
      delivery === 'unknown' && (error instanceof ConnectionError || delivery !== error.delivery);
    if (!fateUnknown) return error;
    if (subject.method !== 'tools/call')
      return delivery === error.delivery ? error : withDelivery(error, delivery, server);
    return new OutcomeUnknownError(`It is not known whether the tool ${subject.name} ran: ${error.message}`, {
      server,
      retryAfterMs: error.retryAfterMs,
      cause: error,
    });
  }

  #tell(
    subject: CallSubject,
    call: RunningCall,
    outcome: CallReport['outcome'],
    startedAt: number,
    thrown?: unknown,
  ): void {
    const { observation } = call;
    if (observation === undefined && !this.#options.isHeard()) return;
    const { method, name } = subject;
    // For each call: put together without spreads, which cost more than all the rest of it.
    const report: { -readonly [Field in keyof CallReport]: CallReport[Field] } = {
      server: this.#options.server,
      method,
      outcome,
      durationMs: performance.now() - startedAt,
      attempts: call.attempts,
      cached: call.cached,
    };
    if (name !== undefined) report.name = name;
    if (call.identity !== undefined) report.identity = call.identity;
    if (outcome === 'failed') report.error = asReported(thrown);
    this.#options.onCall(report);
    observation?.end(report);
  }
}

/** The same error, with what is known of the request as a whole. */
function withDelivery(error: McpFleetError, delivery: Delivery | undefined, server: string): McpFleetError {
  const { code, message, retryable, retryAfterMs } = error;
  const details = { server, delivery, retryable, retryAfterMs, cause: error };
  if (error instanceof ConnectionError)
    return new ConnectionError(error.code, message, { ...details, httpStatus: error.httpStatus });
  if (error instanceof CircuitOpenError) return new CircuitOpenError(message, details);
  return new McpFleetError(code, message, details);
}

function asReported(thrown: unknown): McpFleetError {
  if (thrown instanceof McpFleetError) return thrown;
  return new McpFleetError('ABORTED', `An interceptor threw a ${describeThrown(thrown)}`, { cause: thrown });
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof McpFleetError ? thrown.cause : thrown;
}

function isToolError(result: unknown): boolean {
  return typeof result === 'object' && result !== null && 'isError' in result && result.isError === true;
}

function closed(server: string): McpFleetError {
  return new McpFleetError('CLOSED', 'The client is closed', { server, delivery: 'not-sent' });
}
