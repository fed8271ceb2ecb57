import type { Meter } from '@opentelemetry/api';

/** Seconds: what the semantic conventions advise for durations of MCP. */
const DURATION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

export type Instruments = ReturnType<typeof createInstruments>;

/** The first two are of the conventions, the others of this library. */
export function createInstruments(meter: Meter) {
  const duration = (name: string, description: string) =>
    meter.createHistogram(name, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: DURATION_BUCKETS },
    });
  const count = (name: string, unit: string, description: string) =>
    meter.createCounter(`mcp_fleet.client.${name}`, { unit: `{${unit}}`, description });
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(`mcp_fleet.client.${name}`, { unit: `{${unit}}`, description });
  return {
    operationDuration: duration(
      'mcp.client.operation.duration',
      'The duration of the MCP request as observed on the sender, all attempts included.',
    ),
    sessionDuration: duration(
      'mcp.client.session.duration',
      'The duration of the MCP session as observed on the MCP client.',
    ),
    retries: count('retries', 'retry', 'Attempts of calls after the first.'),
    cacheHits: count('cache.hits', 'call', 'Calls answered from the cache, without a request.'),
    tokenRefreshes: count('token.refreshes', 'refresh', 'Tokens fetched, or not to be had.'),
    circuitChanges: count('circuit.changes', 'change', 'States that circuit breakers entered.'),
    inFlight: gauge('calls.in_flight', 'call', 'Calls under way.'),
    queued: gauge('calls.queued', 'call', 'Calls that wait for their turn.'),
    circuitState: gauge(
      'circuit.state',
      'server',
      '1 for the state of the circuit breaker, 0 for the others.',
    ),
    status: gauge('server.status', 'server', '1 for the status of the server, 0 for the others.'),
  };
}
