import type { LoggingLevel } from '@modelcontextprotocol/sdk/types.js';
import { concurrentMap } from '../core/concurrent-map.js';
import { Deadline } from '../core/deadline.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { Session, SessionRequestOptions } from '../session/session.js';

/** Requests under way at the same time: calls go on beside them. */
const MAX_PARALLEL = 16;
/** How long a server may take to answer one of them. */
const TIMEOUT_MS = 60_000;

type Renewal = (options: SessionRequestOptions) => Promise<unknown>;

/** What a caller asked for once and expects to hold: each new session is told again. */
export class StandingRequests {
  #subscriptions: Set<string> | undefined;
  #logLevel: LoggingLevel | undefined;

  subscribed(uri: string): void {
    this.#subscriptions ??= new Set();
    this.#subscriptions.add(uri);
  }

  unsubscribed(uri: string): void {
    this.#subscriptions?.delete(uri);
  }

  logLevel(level: LoggingLevel): void {
    this.#logLevel = level;
  }

  get any(): boolean {
    return this.awaitsUpdates || this.#logLevel !== undefined;
  }

  /** Something may arrive at any time. */
  get awaitsUpdates(): boolean {
    return (this.#subscriptions?.size ?? 0) > 0;
  }

  async renew(session: Session, signal: StopSignal, onError: (error: unknown) => void): Promise<void> {
    const level = this.#logLevel;
    const requests: Renewal[] = [...(this.#subscriptions ?? [])].map(
      (uri) => (bounded) => session.request('resources/subscribe', { uri }, bounded),
    );
    if (level !== undefined)
      requests.unshift((bounded) => session.request('logging/setLevel', { level }, bounded));
    await concurrentMap(requests, MAX_PARALLEL, async (request) => {
      if (signal.aborted) return;
      using deadline = new Deadline({ timeoutMs: TIMEOUT_MS, signal });
      await request({ signal: deadline.signal }).catch(onError);
    });
  }
}
