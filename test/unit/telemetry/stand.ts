import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { McpManager, type McpManagerOptions } from 'mcp-fleet';
import { type FakeServer, fakeServer } from 'mcp-fleet/testing';
import { z } from 'zod';

export interface Message {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly _meta?: Record<string, unknown> };
}

/** A server with tools that succeed and fail, a prompt and a resource, and what was sent to it. */
export function recordedServer(build: Parameters<typeof fakeServer>[0] = () => {}): {
  server: FakeServer;
  config: FakeServer['config'];
  messages: Message[];
} {
  const messages: Message[] = [];
  const server = fakeServer((mcp) => {
    mcp.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text }) => ({
      content: [{ type: 'text', text }],
    }));
    mcp.registerTool('fail', {}, () => ({ isError: true, content: [{ type: 'text', text: 'it failed' }] }));
    mcp.registerTool('hang', {}, () => new Promise(() => {}));
    mcp.registerPrompt('greet', { argsSchema: { name: z.string() } }, ({ name }) => ({
      messages: [{ role: 'user', content: { type: 'text', text: `Hello ${name}` } }],
    }));
    mcp.registerResource('note', 'note://private/1', {}, (uri) => ({
      contents: [{ uri: uri.href, text: 'a note' }],
    }));
    build(mcp);
  });
  const fetch: FetchLike = (url, init) => {
    if (typeof init?.body === 'string') messages.push(JSON.parse(init.body));
    return server.config.fetch(url, init);
  };
  return { server, config: { ...server.config, fetch }, messages };
}

/** A manager of one recorded server named `demo`. */
export function recordedFleet(options: McpManagerOptions = {}) {
  const recorded = recordedServer();
  const manager = new McpManager({ ...options, servers: { demo: recorded.config, ...options.servers } });
  return {
    ...recorded,
    manager,
    /** What was sent with that method. */
    sent: (method: string) => recorded.messages.filter((message) => message.method === method),
    async [Symbol.asyncDispose]() {
      await manager.close({ drainTimeoutMs: 0 });
      await recorded.server.close();
    },
  };
}
