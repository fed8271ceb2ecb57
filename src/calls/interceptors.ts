import type { CallToolRequest, CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';

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

/** The first interceptor is the outermost. */
export function intercepted(interceptors: readonly CallInterceptor[], handler: CallHandler): CallHandler {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), handler);
}
