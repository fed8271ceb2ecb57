import type { CircuitState } from '../calls/circuit-breaker.js';
import type { McpFleetError, McpFleetErrorCode } from '../core/errors.js';
import type { Session, TransportKind } from '../session/session.js';
import type { ServerStatus } from './status.js';

/** What a health endpoint shows of one server: plain, JSON-safe, without secrets. */
export interface ServerSnapshot {
  server: string;
  status: ServerStatus;
  /** The transport in use; before the first connection the one that is tried first. */
  transport: TransportKind;
  circuit: CircuitState;
  protocolVersion?: string;
  serverInfo?: { name: string; version: string };
  /** Tools for callers, when the list was last read. */
  tools?: number;
  /** Calls under way. */
  inFlight: number;
  /** Calls that wait for their turn. */
  queued: number;
  /** When the status was entered, ISO 8601. */
  since: string;
  /** When a call last succeeded, ISO 8601. */
  lastOkAt?: string;
  /** When the token in use expires, ISO 8601. */
  tokenExpiresAt?: string;
  /** Why the status is `reconnecting`, `unhealthy` or `failed`. */
  lastError?: { code: McpFleetErrorCode; message: string };
}

export function snapshotOf(facts: {
  server: string;
  status: ServerStatus;
  since: number;
  session: Session | undefined;
  configuredTransport: TransportKind;
  tools: number | undefined;
  inFlight: number;
  queued: number;
  circuit: CircuitState;
  lastOkAt: number | undefined;
  tokenExpiresAt: number | undefined;
  lastError: McpFleetError | undefined;
}): ServerSnapshot {
  const { server, status, session, circuit, tools, inFlight, queued, lastOkAt, tokenExpiresAt, lastError } =
    facts;
  return {
    server,
    status,
    transport: session?.transport ?? facts.configuredTransport,
    circuit,
    ...(session?.protocolVersion !== undefined && { protocolVersion: session.protocolVersion }),
    ...(session?.serverInfo !== undefined && {
      serverInfo: { name: session.serverInfo.name, version: session.serverInfo.version },
    }),
    ...(tools !== undefined && { tools }),
    inFlight,
    queued,
    since: new Date(facts.since).toISOString(),
    ...(lastOkAt !== undefined && { lastOkAt: new Date(lastOkAt).toISOString() }),
    ...(tokenExpiresAt !== undefined && { tokenExpiresAt: new Date(tokenExpiresAt).toISOString() }),
    ...(lastError !== undefined && { lastError: { code: lastError.code, message: lastError.message } }),
  };
}
