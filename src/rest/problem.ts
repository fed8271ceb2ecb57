import { z } from 'zod';
import {
  ConfigError,
  McpFleetError,
  type McpFleetErrorCode,
  RemoteError,
  UnknownServerError,
} from '../core/errors.js';
import { quoted } from '../core/nearest.js';

/** An answer that says why not: RFC 9457, `application/problem+json`. */
export interface Problem {
  type: 'about:blank';
  title: string;
  status: number;
  code: string;
  detail: string;
  /** Where the fault of a request is, for example `arguments.query`. */
  path?: string;
  server_name?: string;
  delivery?: string;
  retry_after_ms?: number;
}

/** What this door itself refuses, by code. */
const REFUSALS = {
  INVALID_REQUEST: 400,
  ADDRESS_NOT_ALLOWED: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  HOST_NOT_ALLOWED: 403,
  ORIGIN_NOT_ALLOWED: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  NAME_IN_USE: 409,
  TOO_MANY_SERVERS: 409,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  CLIENT_GONE: 499,
  INTERNAL: 500,
  TOO_MANY_LISTENERS: 503,
} as const;

/** What the fleet could not do, by code. 502: the server is at fault, or nobody knows what became of the request. */
const STATUS_OF_ERROR: Readonly<Record<McpFleetErrorCode, number>> = {
  INVALID_CONFIG: 400,
  UNKNOWN_SERVER: 404,
  UNKNOWN_TOOL: 404,
  UNSUPPORTED: 400,
  CLOSED: 503,
  ABORTED: 502,
  QUEUE_FULL: 429,
  CIRCUIT_OPEN: 503,
  CONNECT_FAILED: 503,
  CONNECTION_LOST: 502,
  OUTCOME_UNKNOWN: 502,
  TIMEOUT: 504,
  HTTP_ERROR: 502,
  RATE_LIMITED: 429,
  PROTOCOL_ERROR: 502,
  RESPONSE_TOO_LARGE: 502,
  TOKEN_FAILED: 502,
  UNAUTHORIZED: 502,
  FORBIDDEN: 502,
  REMOTE_ERROR: 502,
};

/** JSON-RPC errors that are the caller's fault: JSON-RPC 2.0 section 5.1, and "Error Handling" of MCP's resources. */
const STATUS_OF_REMOTE_ERROR = new Map([
  [-32_602, 400],
  [-32_002, 404],
]);

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** Said with 429 and 503 where nothing better is known. */
const RETRY_AFTER_MS = 1_000;

export const problemSchema = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  code: z.string().describe('Stable; to be told apart by programs'),
  detail: z.string().describe('For people'),
  path: z.string().optional().describe('Where the fault of the request is'),
  server_name: z.string().optional(),
  delivery: z
    .enum(['not-sent', 'rejected', 'unknown', 'answered'])
    .optional()
    .describe('What is known of the request to the MCP server; unknown: it may or may not have run'),
  retry_after_ms: z.number().optional(),
});

/** Thrown where a request goes no further. */
export class Refusal extends Error {
  readonly code: keyof typeof REFUSALS;
  readonly path: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: keyof typeof REFUSALS,
    detail: string,
    more: { path?: string | undefined; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.code = code;
    this.path = more.path;
    this.headers = more.headers ?? {};
  }
}

/**
 * What may be told of an error. Of a foreign one that is nothing: its message may hold a secret.
 * @param knowsServers whether the caller may know the names of all servers, which are the hint of a wrong one
 */
export function problemOf(error: unknown, knowsServers = false): Problem {
  if (error instanceof Refusal) {
    const { code, message, path } = error;
    return problem(REFUSALS[code], code, message, path !== undefined && { path });
  }
  if (!(error instanceof McpFleetError)) return problem(500, 'INTERNAL', 'Something unexpected happened');
  const { code, server, delivery, retryAfterMs } = error;
  return problem(statusOf(error), code, detailOf(error, knowsServers), {
    ...(error instanceof ConfigError && error.path !== '' && { path: error.path }),
    ...(server !== undefined && { server_name: server }),
    ...(delivery !== undefined && { delivery }),
    ...(retryAfterMs !== undefined && { retry_after_ms: Math.ceil(retryAfterMs) }),
  });
}

export function problemResponse(error: unknown, knowsServers = false): Response {
  const body = problemOf(error, knowsServers);
  const headers = new Headers(error instanceof Refusal ? error.headers : {});
  headers.set('content-type', 'application/problem+json');
  if (body.status === 429 || body.status === 503) {
    const seconds = Math.ceil((body.retry_after_ms ?? RETRY_AFTER_MS) / 1_000);
    headers.set('retry-after', String(Math.max(1, seconds)));
  }
  return new Response(JSON.stringify(body), { status: body.status, headers });
}

function detailOf(error: McpFleetError, knowsServers: boolean): string {
  if (error instanceof UnknownServerError && !knowsServers)
    return `No server ${quoted(String(error.server))}`;
  return error.message;
}

function problem(status: number, code: string, detail: string, more: Partial<Problem> | false = {}): Problem {
  return { type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, detail, ...more };
}

function statusOf(error: McpFleetError): number {
  const remote = error instanceof RemoteError ? STATUS_OF_REMOTE_ERROR.get(error.rpcCode) : undefined;
  // A code of a newer copy of the library may be unknown to this one.
  return remote ?? STATUS_OF_ERROR[error.code] ?? 502;
}
