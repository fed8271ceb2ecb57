import type { BatchObservableResult, Meter } from '@opentelemetry/api';
import type { CircuitState } from '../calls/circuit-breaker.js';
import { NEXT_STATUSES, type ServerStatus } from '../client/status.js';
import type { Unsubscribe } from '../core/emitter.js';
import type { McpManager } from '../manager/mcp-manager.js';
import { CIRCUIT_STATE, SERVER_NAME, STATUS } from './attributes.js';
import type { Instruments } from './instruments.js';

const CIRCUIT_STATES: readonly CircuitState[] = ['closed', 'half-open', 'open'];
const STATUSES = Object.keys(NEXT_STATUSES) as ServerStatus[];

/** Answers the meter's question how the servers are, each time it collects, until the manager is closed. */
export function observeFleet(manager: McpManager, meter: Meter, instruments: Instruments): Unsubscribe {
  const { inFlight, queued, circuitState, status } = instruments;
  const observables = [inFlight, queued, circuitState, status];
  const stop = () => meter.removeBatchObservableCallback(observe, observables);
  const observe = (result: BatchObservableResult) => {
    const fleet = manager.snapshot();
    // Then nothing of it stays with the meter.
    if (fleet.status === 'closed') return stop();
    for (const server of fleet.servers) {
      const of = { [SERVER_NAME]: server.server };
      result.observe(inFlight, server.inFlight, of);
      result.observe(queued, server.queued, of);
      for (const state of CIRCUIT_STATES)
        result.observe(circuitState, state === server.circuit ? 1 : 0, { ...of, [CIRCUIT_STATE]: state });
      for (const one of STATUSES)
        result.observe(status, one === server.status ? 1 : 0, { ...of, [STATUS]: one });
    }
  };
  meter.addBatchObservableCallback(observe, observables);
  return stop;
}
