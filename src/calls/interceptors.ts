import type { CallToolRequest, CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';
import { abortable } from '../core/abort.js';
import { type Delivery, TimeoutError } from '../core/errors.js';

/** A tool call as `tools/call` takes it. */
export type ToolCall = Pick<CallToolRequest['params'], 'name' | 'arguments' | '_meta'>;

/** Wraps each tool call: gets the next handler, returns one that may look, change, answer or refuse. */
export type CallInterceptor = (next: CallHandler) => CallHandler;
export type CallHandler = (call: CallContext) => Promise<CallToolResult>;

export interface CallContext extends ToolCall {
  readonly server: string;
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
  let sent: Promise<CallToolResult> | undefined;
  const innermost: CallHandler = (last) => {
    sent = send(last);
    return sent;
  };
  const handler = interceptors.reduceRight((next, interceptor) => interceptor(next), innermost);
  const { signal } = call;
  try {
    return await abortable((async () => handler(call))(), signal);
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    // It ends with the same signal, and rejects with the delivery in its error.
    await sent;
    if (error instanceof TimeoutError)
      throw new TimeoutError(error.timeoutMs, error.message, { ...afterwards(sent), cause: error });
    throw error;
  }
}

function afterwards(sent: unknown): { delivery: Delivery } {
  return { delivery: sent === undefined ? 'not-sent' : 'answered' };
}
