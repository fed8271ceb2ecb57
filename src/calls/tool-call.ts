import type { CallToolRequest } from '@modelcontextprotocol/sdk/types.js';

/** A tool call as `tools/call` takes it. */
export type ToolCall = Pick<CallToolRequest['params'], 'name' | 'arguments' | '_meta'>;

/** Of a call what belongs to the protocol, under the name that the server knows. */
export function toolCall(name: string, { arguments: args, _meta }: Omit<ToolCall, 'name'>): ToolCall {
  const call: ToolCall = { name };
  if (args !== undefined) call.arguments = args;
  if (_meta !== undefined) call._meta = _meta;
  return call;
}
