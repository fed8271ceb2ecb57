import type { Attributes } from '@opentelemetry/api';
import type { CallReport, CallSubject } from '../calls/call-runner.js';
import type { RemoteError } from '../core/errors.js';
import { VERSION } from '../core/version.js';

/** Name and version of this library as the source of its telemetry. */
export const SCOPE = ['mcp-fleet', VERSION] as const;

/** Names that are not in the conventions. */
export const SERVER_NAME = 'mcp_fleet.server.name';
export const CIRCUIT_STATE = 'mcp_fleet.circuit.state';
export const STATUS = 'mcp_fleet.server.status';
export const REFRESH_REASON = 'mcp_fleet.token.refresh.reason';
export const ATTEMPTS = 'mcp_fleet.attempts';
export const CACHED = 'mcp_fleet.cached';

/** A name that a model made up may have any length. */
const LONGEST_NAME = 256;

/** What only looks like a method of MCP: a new token. */
export function isRequest({ method }: CallSubject): boolean {
  return method !== 'refresh';
}

/** The name of the span: `tools/call add`, or the method alone. */
export function titleOf(subject: CallSubject): string {
  const target = targetOf(subject);
  return target === undefined ? subject.method : `${subject.method} ${target}`;
}

/** What is called, where that is a name: a URI is not recorded. */
function targetOf({ method, name }: CallSubject): string | undefined {
  return method === 'tools/call' || method === 'prompts/get' ? name?.slice(0, LONGEST_NAME) : undefined;
}

export function subjectAttributes(subject: CallSubject): Attributes {
  const { method } = subject;
  const target = targetOf(subject);
  if (target === undefined) return { 'mcp.method.name': method };
  if (method === 'prompts/get') return { 'mcp.method.name': method, 'gen_ai.prompt.name': target };
  return {
    'mcp.method.name': method,
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': target,
  };
}

/** `error.type` of a call that did not succeed: the code of JSON-RPC, `tool_error`, or a code of this library. */
export function errorType({ outcome, error }: CallReport): string | undefined {
  if (outcome === 'ok') return undefined;
  if (outcome === 'tool_error') return 'tool_error';
  if (outcome === 'aborted' || error === undefined) return 'ABORTED';
  return error.code === 'REMOTE_ERROR' ? statusCode(error as RemoteError) : error.code;
}

/** `rpc.response.status_code`, where the server answered with an error. */
export function rpcStatusCode({ error }: CallReport): string | undefined {
  return error?.code === 'REMOTE_ERROR' ? statusCode(error as RemoteError) : undefined;
}

function statusCode({ rpcCode }: RemoteError): string {
  return String(rpcCode);
}
