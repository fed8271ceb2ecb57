import { CallQueue } from '../calls/call-queue.js';
import { CircuitBreaker, type CircuitState } from '../calls/circuit-breaker.js';
import { RetryBudget } from '../calls/retry-budget.js';
import type { CircuitOpenError, McpFleetError } from '../core/errors.js';
import type { ServerSettings } from './options.js';

/** A connection over which the server can be asked whether it is well. */
export interface Prober {
  /** Rejects if not. */
  probe(): Promise<void>;
}

export interface ServerPoliciesHooks {
  /** Where the one that failed last is gone. */
  prober(): Prober;
  onCircuit(change: { state: CircuitState; previous: CircuitState }): void;
  /** The breaker has opened: who waits for the server is told. */
  onOpen(refusal: CircuitOpenError): void;
}

/** What holds for one server, whoever asks: the queue, the circuit breaker, the budget for retries. */
export class ServerPolicies {
  readonly queue: CallQueue;
  readonly breaker: CircuitBreaker | undefined;
  readonly budget = new RetryBudget();
  /** The connection that failed last. */
  #suspect: Prober | undefined;

  constructor({ maxConcurrency, maxQueue, circuitBreaker }: ServerSettings, hooks: ServerPoliciesHooks) {
    this.queue = new CallQueue(maxConcurrency, maxQueue);
    if (!circuitBreaker) return;
    const breaker = new CircuitBreaker(circuitBreaker, {
      probe: () => (this.#suspect ?? hooks.prober()).probe(),
      onState: (state, previous) => {
        if (state === 'open') hooks.onOpen(breaker.refusal());
        hooks.onCircuit({ state, previous });
      },
    });
    this.breaker = breaker;
  }

  /** @param suspect the connection over which it failed: there it shows whether the server is well again. */
  failed(failure: McpFleetError | undefined, suspect: Prober): void {
    this.#suspect = suspect;
    this.breaker?.failed(failure);
  }

  /** It is closed: nothing can be asked over it. */
  gone(prober: Prober): void {
    if (this.#suspect === prober) this.#suspect = undefined;
  }
}
