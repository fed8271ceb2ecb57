import type { LoggingLevel } from '@modelcontextprotocol/sdk/types.js';
import type { TokenContext } from '../auth/token-provider.js';
import type { CircuitState } from '../calls/circuit-breaker.js';
import type { McpFleetError } from '../core/errors.js';
import type { ServerStatus } from './status.js';

/** What an event says of where it belongs. */
export interface ServerEvent {
  /** Its name. */
  server: string;
  /** The key of the identity that it belongs to; absent where it belongs to nobody in particular. */
  identity?: string;
}

/** Events of one server, by name. One object per event, so that fields can be added. */
export interface McpClientEvents {
  /** The status changed. `error` says why, where it did not change for the better. */
  status: ServerEvent & { status: ServerStatus; previous: ServerStatus; error?: McpFleetError };
  /** A token was fetched, or could not be. `expiresAt` is in epoch milliseconds. */
  refresh: ServerEvent & { reason: TokenContext['reason']; expiresAt?: number; error?: McpFleetError };
  /** A server's list changed: the names (for resources, the URIs) that differ. */
  catalog: ServerEvent & {
    kind: 'tools' | 'resources' | 'prompts';
    added: readonly string[];
    removed: readonly string[];
    changed: readonly string[];
  };
  /** A call ended. `name` is the tool, prompt or resource; arguments and results are never in it. */
  call: ServerEvent & {
    method: string;
    name?: string;
    outcome: 'ok' | 'tool_error' | 'failed' | 'aborted';
    durationMs: number;
    attempts: number;
    cached: boolean;
    error?: McpFleetError;
  };
  /** The circuit breaker changed its state. */
  circuit: { server: string; state: CircuitState; previous: CircuitState };
  /** A subscribed resource was updated. */
  resource: ServerEvent & { uri: string };
  /** A log message of the server. At most 1,000 at once and 200 a second. */
  log: ServerEvent & { level: LoggingLevel; logger?: string; data: unknown };
  /** A line that the process of a stdio server wrote to stderr, at most 2,000 characters of it; as many as of `log`. */
  stderr: ServerEvent & { line: string };
  /**
   * Something failed that no caller was waiting for. Never fatal when unheard. Of what fails in the same way again and
   * again, five are told one by one in ten seconds, and the others together.
   */
  error: Partial<ServerEvent> & {
    during: 'connect' | 'health' | 'refresh' | 'catalog' | 'listener' | 'config' | 'transport' | 'close';
    error: McpFleetError;
  };
}
