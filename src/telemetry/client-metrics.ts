import type { Attributes } from '@opentelemetry/api';
import type { McpClientEvents } from '../client/events.js';
import type { McpClient } from '../client/mcp-client.js';
import type { Unsubscribe } from '../core/emitter.js';
import {
  CIRCUIT_STATE,
  errorType,
  isRequest,
  REFRESH_REASON,
  rpcStatusCode,
  SERVER_NAME,
} from './attributes.js';
import type { Instruments } from './instruments.js';
import { ServerAttributes } from './server-attributes.js';

/** Turns the events of one server into measurements. `instruments` gives none while nobody listens. */
export function measureClient(client: McpClient, instruments: () => Instruments | undefined): Unsubscribe {
  const server = new ServerAttributes(client);
  const session = new SessionClock(client);
  const stops = [
    client.on('call', (event) => {
      if (isRequest(event)) measureCall(event, server, instruments());
    }),
    client.on('status', (change) => {
      const seconds = session.endedBy(change);
      if (seconds === undefined) return;
      const { error } = change;
      instruments()?.sessionDuration.record(seconds, {
        ...server.current,
        ...(error !== undefined && { 'error.type': error.code }),
      });
    }),
    client.on('refresh', ({ reason, error }) => {
      instruments()?.tokenRefreshes.add(1, {
        [SERVER_NAME]: client.name,
        [REFRESH_REASON]: reason,
        ...(error !== undefined && { 'error.type': error.code }),
      });
    }),
    client.on('circuit', ({ state }) => {
      instruments()?.circuitChanges.add(1, { [SERVER_NAME]: client.name, [CIRCUIT_STATE]: state });
    }),
    server.stop,
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function measureCall(
  event: McpClientEvents['call'],
  server: ServerAttributes,
  instruments: Instruments | undefined,
): void {
  if (instruments === undefined) return;
  const of = () => ({ [SERVER_NAME]: event.server, 'mcp.method.name': event.method });
  if (event.attempts > 1) instruments.retries.add(event.attempts - 1, of());
  // What never became a request would make requests look faster than they are.
  if (event.cached) instruments.cacheHits.add(1, of());
  else instruments.operationDuration.record(event.durationMs / 1_000, callAttributes(event, server));
}

/** Each combination of values is a time series: models and servers must not come up with ever new ones. */
function callAttributes(event: McpClientEvents['call'], server: ServerAttributes): Attributes {
  if (event.outcome === 'ok') return server.ofCall(event);
  const { method } = event;
  const status = rpcStatusCode(event);
  const freely = status !== undefined && !isReserved(status);
  const error = freely ? '_OTHER' : errorType(event);
  return {
    // A tool that does not exist may have any name.
    ...server.ofCall(event.error?.code === 'UNKNOWN_TOOL' ? { method } : event),
    ...(error !== undefined && { 'error.type': error }),
    ...(status !== undefined && !freely && { 'rpc.response.status_code': status }),
  };
}

/** Codes that JSON-RPC (2.0, section 5.1) keeps for itself and for protocols on it; others mean anything. */
function isReserved(status: string): boolean {
  return Number(status) >= -32_768 && Number(status) <= -32_000;
}

/** How long sessions last: that of nobody in particular, and those of identities. */
class SessionClock {
  /** By the key of the identity. */
  readonly #startedAt = new Map<string | undefined, number>();

  constructor(client: McpClient) {
    const { since } = client.snapshot();
    if (isOpen(client.commonStatus)) this.#startedAt.set(undefined, Date.parse(since));
  }

  /** Seconds that the session lasted which this change ends, if it ends one. */
  endedBy({ status, previous, identity }: McpClientEvents['status']): number | undefined {
    if (status === 'ready' && !isOpen(previous)) this.#startedAt.set(identity, Date.now());
    const startedAt = this.#startedAt.get(identity);
    if (isOpen(status) || startedAt === undefined) return undefined;
    this.#startedAt.delete(identity);
    return Math.max(0, Date.now() - startedAt) / 1_000;
  }
}

function isOpen(status: McpClientEvents['status']['status']): boolean {
  return status === 'ready' || status === 'unhealthy';
}
