import { checkFault, type Fault, type FaultOptions } from './fault.js';
import type { FakeServerRequest } from './received-request.js';

export interface Injection {
  readonly fault: Fault;
  readonly method: string | undefined;
  left: number;
}

/** The faults that a fake server has still to serve, in the order they were asked for. */
export class FaultInjections {
  #waiting: Injection[] = [];
  readonly #expired = new Set<string | undefined>();

  /** @throws {ConfigError} */
  add(fault: Fault, options: FaultOptions): void {
    checkFault(fault, options);
    const { times = 1, method } = options;
    this.#waiting.push({ fault, method, left: times });
  }

  clear(): void {
    this.#waiting = [];
    this.#expired.clear();
  }

  /** The fault that `request` meets; counts it. */
  meet(request: FakeServerRequest): Injection | undefined {
    const { authorization } = request.headers;
    if (this.#expired.has(authorization)) return { ...EXPIRED };
    const met = this.#waiting.find(({ left, method }) => left > 0 && matches(request, method));
    if (met === undefined) return undefined;
    met.left--;
    if (met.fault.kind === 'expire-token') this.#expired.add(authorization);
    return met;
  }
}

const EXPIRED: Injection = { fault: { kind: 'expire-token' }, method: undefined, left: 0 };

function matches({ http, method, id }: FakeServerRequest, wanted: string | undefined): boolean {
  if (wanted === undefined) return method !== undefined && id !== undefined;
  return wanted === method || (wanted === http && http !== 'POST');
}
