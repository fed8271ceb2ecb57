/** What is known of a request: it never left, was refused before it ran, its fate is unknown, or it was answered. */
export type Delivery = 'not-sent' | 'rejected' | 'unknown' | 'answered';

/** Every `code` an error of this library can carry. */
export const ERROR_CODES = [
  'INVALID_CONFIG',
  'UNKNOWN_SERVER',
  'UNKNOWN_TOOL',
  'UNSUPPORTED',
  'CLOSED',
  'ABORTED',
  'QUEUE_FULL',
  'CIRCUIT_OPEN',
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'OUTCOME_UNKNOWN',
  'TIMEOUT',
  'HTTP_ERROR',
  'RATE_LIMITED',
  'PROTOCOL_ERROR',
  'RESPONSE_TOO_LARGE',
  'TOKEN_FAILED',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'REMOTE_ERROR',
] as const;

export type McpFleetErrorCode = (typeof ERROR_CODES)[number];

/** What every error may be told at its birth. */
export interface ErrorDetails {
  server?: string | undefined;
  delivery?: Delivery | undefined;
  /** @default false */
  retryable?: boolean | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Shared by the ESM and the CJS copy of this file, so that `instanceof McpFleetError` holds across both. */
const BRAND = Symbol.for('mcp-fleet.error');

/** Base of every error thrown by mcp-fleet, except aborts: those reject with the signal's own `reason`. */
export class McpFleetError extends Error {
  readonly code: McpFleetErrorCode;
  /** Name of the server concerned, as configured. */
  readonly server: string | undefined;
  /** What is known of the request: never left, refused before it ran, fate unknown, or answered. */
  readonly delivery: Delivery | undefined;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Milliseconds until it is worth trying again, if the server said so. */
  readonly retryAfterMs: number | undefined;

  constructor(code: McpFleetErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.server = details.server;
    this.delivery = details.delivery;
    this.retryable = details.retryable ?? false;
    this.retryAfterMs = details.retryAfterMs;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // Subclasses inherit this method and are recognised in the usual way. (The class does not name itself here:
    // the build would then rename it.)
    // biome-ignore lint/complexity/noThisInStatic: it is the class on the right side of `instanceof`
    if (!Object.hasOwn(this.prototype, BRAND)) return super[Symbol.hasInstance](value);
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  /** Plain and JSON-safe: no stack, no cause, no secrets. */
  toJSON(): {
    name: string;
    code: string;
    message: string;
    server?: string;
    delivery?: string;
    retryable: boolean;
    retryAfterMs?: number;
  } {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      ...(this.server !== undefined && { server: this.server }),
      ...(this.delivery !== undefined && { delivery: this.delivery }),
      retryable: this.retryable,
      ...(this.retryAfterMs !== undefined && { retryAfterMs: this.retryAfterMs }),
    };
  }
}

/** An option is wrong. `path` says which, for example `servers.github.url`. */
export class ConfigError extends McpFleetError {
  readonly path: string;

  /** @param problem what is wrong, without the path, for example `expected a positive number, got -1`. */
  constructor(path: string, problem: string, details: ErrorDetails = {}) {
    super('INVALID_CONFIG', path === '' ? problem : `${path}: ${problem}`, details);
    this.path = path;
  }
}

/** No server of that name; the message lists the nearest known ones. */
export class UnknownServerError extends McpFleetError {
  constructor(message: string, details: ErrorDetails = {}) {
    super('UNKNOWN_SERVER', message, { delivery: 'not-sent', ...details });
  }
}

/** No tool of that name; the message lists the nearest known ones. */
export class UnknownToolError extends McpFleetError {
  readonly tool: string;

  constructor(tool: string, message: string, details: ErrorDetails = {}) {
    super('UNKNOWN_TOOL', message, { delivery: 'not-sent', ...details });
    this.tool = tool;
  }
}

export type ConnectionErrorCode = Extract<
  McpFleetErrorCode,
  | 'CONNECT_FAILED'
  | 'CONNECTION_LOST'
  | 'HTTP_ERROR'
  | 'RATE_LIMITED'
  | 'PROTOCOL_ERROR'
  | 'RESPONSE_TOO_LARGE'
>;

/** The server could not be reached, or its answer could not be used. */
export class ConnectionError extends McpFleetError {
  declare readonly code: ConnectionErrorCode;
  /** Status of the HTTP response, if there was one. */
  readonly httpStatus: number | undefined;

  constructor(
    code: ConnectionErrorCode,
    message: string,
    details: ErrorDetails & { httpStatus?: number | undefined } = {},
  ) {
    super(code, message, details);
    this.httpStatus = details.httpStatus;
  }
}

/** The request may or may not have run; sending it again is the caller's decision. `cause` says what happened. */
export class OutcomeUnknownError extends McpFleetError {
  constructor(message: string, details: ErrorDetails = {}) {
    super('OUTCOME_UNKNOWN', message, { ...details, delivery: 'unknown' });
  }
}

/** No token could be had (`TOKEN_FAILED`), or the server refused it (`UNAUTHORIZED`, `FORBIDDEN`). */
export class AuthError extends McpFleetError {
  constructor(
    code: Extract<McpFleetErrorCode, 'TOKEN_FAILED' | 'UNAUTHORIZED' | 'FORBIDDEN'>,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(code, message, { delivery: code === 'TOKEN_FAILED' ? 'not-sent' : 'rejected', ...details });
  }
}

/** The deadline passed. With `delivery: 'unknown'` the request may still have run. */
export class TimeoutError extends McpFleetError {
  readonly timeoutMs: number;

  constructor(timeoutMs: number, message: string, details: ErrorDetails = {}) {
    super('TIMEOUT', message, { retryable: true, ...details });
    this.timeoutMs = timeoutMs;
  }
}

/** The server failed too often and is not asked for now; `retryAfterMs` says for how long. */
export class CircuitOpenError extends McpFleetError {
  constructor(message: string, details: ErrorDetails = {}) {
    super('CIRCUIT_OPEN', message, { delivery: 'not-sent', retryable: true, ...details });
  }
}

/** The server answered with a JSON-RPC error. */
export class RemoteError extends McpFleetError {
  /** JSON-RPC 2.0 section 5.1, for example -32602. */
  readonly rpcCode: number;
  readonly data: unknown;
  /** Status of the HTTP response, where the error came with one other than 2xx. */
  readonly httpStatus: number | undefined;

  constructor(
    rpcCode: number,
    message: string,
    data: unknown,
    details: ErrorDetails & { httpStatus?: number | undefined } = {},
  ) {
    super('REMOTE_ERROR', message, { delivery: 'answered', ...details });
    this.rpcCode = rpcCode;
    this.data = data;
    this.httpStatus = details.httpStatus;
  }
}

// On the prototypes, so that stacks and `inspect` show the class without an own property on each error.
Object.defineProperty(McpFleetError.prototype, BRAND, { value: true });
for (const [name, type] of Object.entries({
  McpFleetError,
  ConfigError,
  UnknownServerError,
  UnknownToolError,
  ConnectionError,
  OutcomeUnknownError,
  AuthError,
  TimeoutError,
  CircuitOpenError,
  RemoteError,
})) {
  Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true });
}

/** Names the server on an error that was born where servers are not known. Returns the same error. */
export function ofServer<E extends McpFleetError>(error: E, server: string): E {
  if (error.server === undefined) (error as { server: string | undefined }).server = server;
  return error;
}

/** Says of an error that nothing of the caller's request had left when it happened. Returns the same error. */
export function notSent<E extends McpFleetError>(error: E): E {
  (error as { delivery: Delivery | undefined }).delivery = 'not-sent';
  return error;
}

/** The error itself if it is ours, else a `PROTOCOL_ERROR` around it: nothing foreign leaves the library. */
export function asFleetError(error: unknown, server?: string): McpFleetError {
  const own =
    error instanceof McpFleetError
      ? error
      : new McpFleetError('PROTOCOL_ERROR', `Unexpected ${describeThrown(error)}`, { cause: error });
  return server === undefined ? own : ofServer(own, server);
}

/** The class of a thrown value, never its text: foreign messages may hold secrets. */
export function describeThrown(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name || 'Error' : `value of type ${typeof thrown}`;
}
