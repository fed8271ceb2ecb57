import type { BatchObservableResult, Meter } from '@opentelemetry/api';
import type { CircuitState } from '../calls/circuit-breaker.js';
import type { ServerSnapshot } from '../client/snapshot.js';
import { NEXT_STATUSES, type ServerStatus } from '../client/status.js';
import type { Unsubscribe } from '../core/emitter.js';
import type { McpManager } from '../manager/mcp-manager.js';
import { CIRCUIT_STATE, SERVER_NAME, STATUS } from './attributes.js';
import type { Instruments } from './instruments.js';

const CIRCUIT_STATES: readonly CircuitState[] = ['closed', 'half-open', 'open'];
const STATUSES = Object.keys(NEXT_STATUSES) as ServerStatus[];

type Shown = Pick<ServerSnapshot, 'inFlight' | 'queued' | 'status'> & { circuit?: CircuitState };
const GONE: Shown = { inFlight: 0, queued: 0, status: 'closed' };

/** Answers the meter's question how the servers are, each time it collects, until the manager is closed. */
export function observeFleet(manager: McpManager, meter: Meter, instruments: Instruments): Unsubscribe {
  const { inFlight, queued, circuitState, status } = instruments;
  const observables = [inFlight, queued, circuitState, status];
  const shown = new Set<string>();

  const observe = (result: BatchObservableResult) => {
    const fleet = manager.snapshot();
    const closed = fleet.status === 'closed';
    const servers = new Map(closed ? [] : fleet.servers.map((server) => [server.server, server]));
    // Of what is no longer observed, meters repeat the last value for ever.
    for (const name of shown) if (!servers.has(name)) observeServer(result, name, GONE);
    shown.clear();
    for (const [name, server] of servers) {
      observeServer(result, name, server);
      shown.add(name);
    }
    if (closed) stop();
  };

  const observeServer = (result: BatchObservableResult, name: string, server: Shown) => {
    const of = { [SERVER_NAME]: name };
    result.observe(inFlight, server.inFlight, of);
    result.observe(queued, server.queued, of);
    for (const state of CIRCUIT_STATES)
      result.observe(circuitState, state === server.circuit ? 1 : 0, { ...of, [CIRCUIT_STATE]: state });
    for (const one of STATUSES)
      result.observe(status, one === server.status ? 1 : 0, { ...of, [STATUS]: one });
  };

  const stop = () => meter.removeBatchObservableCallback(observe, observables);
  meter.addBatchObservableCallback(observe, observables);
  return stop;
}
