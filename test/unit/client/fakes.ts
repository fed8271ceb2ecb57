import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ListToolsRequestSchema,
  type Tool,
} from '@modelcontextprotocol/sdk/types.js';
import { type FakeServer, fakeServer } from 'mcp-fleet/testing';

export function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] };
}

export function textOf({ content }: CallToolResult): string {
  const [first] = content;
  return first?.type === 'text' ? first.text : '';
}

export function tool(name: string, more: Partial<Tool> = {}): Tool {
  return { name, inputSchema: { type: 'object' }, ...more };
}

/** What a tool of {@link offering} does; without one it answers its own name. */
export type Run = (
  name: string,
  context: { args: Record<string, unknown> | undefined; signal: AbortSignal },
) => CallToolResult | Promise<CallToolResult>;

/**
 * For `fakeServer`: offers tools of any name, even of those that the SDK's `registerTool` would complain about.
 * `tools` is looked at with each request, so it may change.
 */
export function offering(tools: readonly (string | Tool)[], run: Run = text) {
  return ({ server }: McpServer): void => {
    server.registerCapabilities({ tools: { listChanged: true } });
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: tools.map((each) => (typeof each === 'string' ? tool(each) : each)),
    }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }, { signal }) =>
      run(params.name, { args: params.arguments, signal }),
    );
  };
}

export interface SeenRequest {
  http: string;
  /** Of the JSON-RPC message; `undefined` for answers, GET and DELETE. */
  method: string | undefined;
  id: unknown;
  headers: Record<string, string>;
  init: RequestInit;
}

export interface Watched {
  readonly config: FakeServer['config'];
  readonly requests: readonly SeenRequest[];
  /** How many requests of that JSON-RPC method were made. */
  count(method: string): number;
}

/** `fake` behind a fetch that notes each request and may answer, delay or refuse it: `undefined` lets it through. */
export function watched(
  fake: FakeServer,
  meddle: (request: SeenRequest) => Promise<Response | undefined> | Response | undefined = () => undefined,
): Watched {
  const requests: SeenRequest[] = [];
  const fetch: FetchLike = async (url, init = {}) => {
    const message = typeof init.body === 'string' ? JSON.parse(init.body) : {};
    const seen: SeenRequest = {
      http: init.method ?? 'GET',
      method: message.method,
      id: message.id,
      headers: Object.fromEntries(new Headers(init.headers)),
      init,
    };
    requests.push(seen);
    return (await meddle(seen)) ?? fake.config.fetch(url, init);
  };
  return {
    config: { ...fake.config, fetch },
    requests,
    count: (method) => requests.filter((request) => request.method === method).length,
  };
}

/** Never answers; rejects as a fetch does when its request is aborted. */
export function hang({ init }: SeenRequest): Promise<never> {
  return new Promise((_resolve, reject) => {
    const { signal } = init;
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** As a fetch rejects when nobody listens. */
export function refused(): never {
  throw new TypeError('fetch failed', {
    cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  });
}

/** Entry of a server that is not there: connections are refused. */
export function absent(): FakeServer['config'] {
  const fake = fakeServer(() => {});
  void fake.close();
  return fake.config;
}

/** How many requests of that JSON-RPC method arrived. */
export function countOf({ requests }: FakeServer, method: string): number {
  return requests.filter((request) => request.method === method).length;
}

/** A door that callers wait at until it is opened. */
export function gate(): { passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('Expected a rejection');
}
