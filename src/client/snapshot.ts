import type { CircuitState } from '../calls/circuit-breaker.js';
import type { McpFleetError, McpFleetErrorCode } from '../core/errors.js';
import type { TextExit } from '../core/text-exit.js';
import type { ListKind, Session, TransportKind } from '../session/session.js';
import type { ServerStatus } from './status.js';

/** What a health endpoint shows of one server: plain, JSON-safe, without secrets. */
export interface ServerSnapshot {
  server: string;
  /** The key of the identity that sees it so; absent where it is seen by nobody in particular. */
  identity?: string;
  status: ServerStatus;
  /** The transport in use; before the first connection the one that is tried first. */
  transport: TransportKind;
  circuit: CircuitState;
  protocolVersion?: string;
  serverInfo?: { name: string; version: string };
  /** Tools for callers, when the list was last read. */
  tools?: number;
  /** Identities that are kept, where they have connections of their own. */
  identities?: number;
  /** Lists that could not be read to their end; the `error` event says why. */
  truncated?: ListKind[];
  /** Calls to the server under way, whoever made them. */
  inFlight: number;
  /** Calls to the server that wait for their turn, whoever made them. */
  queued: number;
  /** When the status was entered, ISO 8601. */
  since: string;
  /** When a call to the server last succeeded, whoever made it, ISO 8601. */
  lastOkAt?: string;
  /** When the token in use expires, ISO 8601. */
  tokenExpiresAt?: string;
  /** Why the status is `reconnecting`, `unhealthy` or `failed`. */
  lastError?: { code: McpFleetErrorCode; message: string };
}

export function snapshotOf(facts: {
  server: string;
  identity: string | undefined;
  identities: number;
  status: ServerStatus;
  since: number;
  session: Session | undefined;
  configuredTransport: TransportKind;
  tools: number | undefined;
  truncated: ListKind[];
  exit: TextExit;
  inFlight: number;
  queued: number;
  circuit: CircuitState;
  lastOkAt: number | undefined;
  tokenExpiresAt: number | undefined;
  lastError: McpFleetError | undefined;
}): ServerSnapshot {
  const {
    server,
    identity,
    identities,
    status,
    session,
    circuit,
    tools,
    truncated,
    inFlight,
    queued,
    lastOkAt,
  } = facts;
  const { tokenExpiresAt, lastError, exit } = facts;
  return {
    server,
    ...(identity !== undefined && { identity }),
    status,
    transport: session?.transport ?? facts.configuredTransport,
    circuit,
    ...(session?.protocolVersion !== undefined && { protocolVersion: session.protocolVersion }),
    ...(session?.serverInfo !== undefined && {
      serverInfo: {
        name: exit.words(session.serverInfo.name),
        version: exit.words(session.serverInfo.version),
      },
    }),
    ...(tools !== undefined && { tools }),
    ...(identities > 0 && { identities }),
    ...(truncated.length > 0 && { truncated }),
    inFlight,
    queued,
    since: new Date(facts.since).toISOString(),
    ...(lastOkAt !== undefined && { lastOkAt: new Date(lastOkAt).toISOString() }),
    ...(tokenExpiresAt !== undefined && { tokenExpiresAt: new Date(tokenExpiresAt).toISOString() }),
    ...(lastError !== undefined && {
      lastError: { code: lastError.code, message: exit.error(lastError).message },
    }),
  };
}
