/** A message as a hand-made server reads it. */
export interface Rpc {
  readonly id?: number | string;
  readonly method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a client sends is what the test looks at
  readonly params?: any;
}

export const TOOL = { name: 'work', inputSchema: { type: 'object' } };
export const INITIALIZED = {
  protocolVersion: '2025-06-18',
  capabilities: { tools: { listChanged: true } },
  serverInfo: { name: 'field', version: '1' },
};
export const DONE = { content: [{ type: 'text', text: 'done' }] };

/** Results by method; a method that is not there is not known to the server. */
export type Results = Readonly<Record<string, unknown>>;

export const RESULTS: Results = {
  initialize: INITIALIZED,
  'tools/list': { tools: [TOOL] },
  'tools/call': DONE,
  ping: {},
};

/** The answer to a request, as JSON-RPC has it. */
export function answerOf({ id, method = '' }: Rpc, results: Results = RESULTS): object {
  return Object.hasOwn(results, method) ? resultOf(id, results[method]) : methodNotFound(id);
}

export function resultOf(id: Rpc['id'], result: unknown): object {
  return { jsonrpc: '2.0', id, result };
}

export function errorOf(id: Rpc['id'] | null, code: number, message: string, data?: unknown): object {
  return { jsonrpc: '2.0', id, error: { code, message, data } };
}

export function methodNotFound(id: Rpc['id']): object {
  return errorOf(id, -32_601, 'Method not found');
}

export function eventOf(message: unknown): string {
  return `data: ${typeof message === 'string' ? message : JSON.stringify(message)}\n\n`;
}
