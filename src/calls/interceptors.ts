import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';
import { abortable } from '../core/abort.js';
import { type ErrorDetails, McpFleetError, TimeoutError } from '../core/errors.js';
import type { ToolCall } from './tool-call.js';

/** Wraps each tool call: gets the next handler, returns one that may look, change, answer or refuse. */
export type CallInterceptor = (next: CallHandler) => CallHandler;
export type CallHandler = (call: CallContext) => Promise<CallToolResult>;

export interface CallContext extends ToolCall {
  readonly server: string;
  /** The key of the identity on whose behalf it is made. */
  readonly identity?: string;
  /** Aborts when the call's deadline passes or its caller gives up. */
  readonly signal: AbortSignal;
  /** As the server lists it; `undefined` when its list could not be had. */
  readonly tool: Tool | undefined;
}

/**
 * Runs a call through the interceptors, the first outermost, to `send`. An interceptor that never answers ends
 * with the call's signal; what is known of the request itself is then still told.
 */
export async function intercepted(
  interceptors: readonly CallInterceptor[],
  send: CallHandler,
  call: CallContext,
): Promise<CallToolResult> {
  if (interceptors.length === 0) return send(call);
  const { signal } = call;
  let sent: Promise<CallToolResult> | undefined;
  const innermost: CallHandler = (last) => {
    // Whatever signal an interceptor gives, the call's own ends it too.
    sent = send(last.signal === signal ? last : { ...last, signal: AbortSignal.any([signal, last.signal]) });
    // An interceptor that has failed meanwhile no longer looks at it.
    sent.catch(() => {});
    return sent;
  };
  const handler = interceptors.reduceRight((next, interceptor) => interceptor(next), innermost);
  try {
    return await abortable((async () => handler(call))(), signal);
  } catch (error) {
    const byDeadline = signal.aborted && error === signal.reason && error instanceof McpFleetError;
    if (!byDeadline) throw error;
    // It ends with the same signal, and rejects with the delivery in its error.
    await sent;
    const details: ErrorDetails = { delivery: sent === undefined ? 'not-sent' : 'answered', cause: error };
    if (error instanceof TimeoutError) throw new TimeoutError(error.timeoutMs, error.message, details);
    throw new McpFleetError(error.code, error.message, details);
  }
}
