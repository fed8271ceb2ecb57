import { ConfigError } from '../core/errors.js';
import { isRecord } from '../session/reading/json-values.js';
import { checkFault, type Fault, type FaultOptions } from './fault.js';
import type { FakeServerRequest } from './received-request.js';

export interface Injection {
  readonly fault: Fault;
  readonly method: string | undefined;
  left: number;
}

/** The faults that a fake server has still to serve, in the order they were asked for. */
export class FaultInjections {
  readonly #hasSessions: boolean;
  #waiting: Injection[] = [];
  /** Faults of calls that go on in another request, by the state that it will bring. */
  readonly #postponed = new Map<string, Injection>();
  readonly #expired = new Set<string | undefined>();

  constructor({ hasSessions }: { hasSessions: boolean }) {
    this.#hasSessions = hasSessions;
  }

  /** @throws {ConfigError} */
  add(fault: Fault, options: FaultOptions): void {
    checkFault(fault, options);
    if (fault.kind === 'forget-session' && !this.#hasSessions) throw noSessions();
    const { times = 1, method } = options;
    this.#waiting.push({ fault, method, left: times });
  }

  clear(): void {
    this.#waiting = [];
    this.#postponed.clear();
    this.#expired.clear();
  }

  /** The server has asked for more instead of an answer: the call meets its fault when it comes again with it. */
  postpone(injection: Injection, requestState: string): void {
    this.#postponed.set(requestState, injection);
  }

  /** The fault that `request` meets; counts it. */
  meet(request: FakeServerRequest): Injection | undefined {
    const { authorization } = request.headers;
    if (this.#expired.has(authorization)) return { ...EXPIRED };
    const postponed = this.#takePostponed(request.params);
    if (postponed !== undefined) return postponed;
    const met = this.#waiting.find((each) => each.left > 0 && matches(request, each));
    if (met === undefined) return undefined;
    met.left--;
    if (met.fault.kind === 'expire-token') this.#expired.add(authorization);
    return met;
  }

  #takePostponed(params: unknown): Injection | undefined {
    const state = isRecord(params) ? params.requestState : undefined;
    if (typeof state !== 'string') return undefined;
    const postponed = this.#postponed.get(state);
    this.#postponed.delete(state);
    return postponed;
  }
}

const EXPIRED: Injection = { fault: { kind: 'expire-token' }, method: undefined, left: 0 };

function matches(request: FakeServerRequest, { fault, method: wanted }: Injection): boolean {
  const { http, method, id, headers } = request;
  if (fault.kind === 'forget-session' && headers['mcp-session-id'] === undefined) return false;
  if (wanted === undefined) return method !== undefined && id !== undefined;
  return wanted === method || (wanted === http && http !== 'POST');
}

function noSessions(): ConfigError {
  const what = 'forget-session needs sessions, which 2026-07-28 does not have';
  return new ConfigError('fault.kind', `${what}; restart() forgets calls that wait for input`);
}
