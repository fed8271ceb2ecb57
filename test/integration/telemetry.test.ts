import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { McpManager, type ServerConfig } from 'mcp-fleet';
import { instrument } from 'mcp-fleet/telemetry';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { everythingStdio } from '../fixtures/everything-server.js';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';
import { sseServer } from '../fixtures/sse-server.js';
import { offeredTool, textResult } from '../fixtures/standard-tools.js';
import { stdioServer } from '../fixtures/stdio-servers.js';
import { measurements, spans } from '../fixtures/telemetry.js';
import { mcpWebSocketServer } from '../fixtures/web-socket-server.js';

const tools = [offeredTool('meta', (_args, { _meta = {} }) => textResult(JSON.stringify(_meta)))];

type Running = AsyncDisposable & { config: ServerConfig };
const transports: Record<string, { start: () => Promise<Running>; network: object }> = {
  http: {
    start: async () => withConfig(await mcpHttpServer({ tools })),
    network: { 'network.transport': 'tcp', 'network.protocol.name': 'http' },
  },
  sse: {
    start: async () => withConfig(await sseServer({ tools })),
    network: { 'network.transport': 'tcp', 'network.protocol.name': 'http' },
  },
  ws: {
    start: async () => withConfig(await mcpWebSocketServer({ tools })),
    network: { 'network.transport': 'tcp', 'network.protocol.name': 'websocket' },
  },
  stdio: {
    start: async () => ({ config: stdioServer('plain'), [Symbol.asyncDispose]: async () => {} }),
    network: { 'network.transport': 'pipe' },
  },
};

function withConfig(server: AsyncDisposable & { url: string }): Running {
  return { config: { url: server.url }, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

test.each(Object.entries(transports))(
  'over %s the server can go on with the trace, and the span says how it was reached',
  async (name, { start, network }) => {
    await using server = await start();
    await using manager = new McpManager({ servers: { [name]: server.config } });
    const { tracer, ended } = spans();
    const { meter, value } = measurements();
    instrument(manager, { tracer, meter });
    const received = await tracer.startActiveSpan('request', async (parent) => {
      const { content } = await manager.callTool({ name: `${name}__meta` });
      parent.end();
      return JSON.parse((content[0] as { text: string }).text);
    });

    const [call, parent] = ended();
    const { traceId, spanId } = call?.spanContext() ?? {};
    expect(traceId).toBe(parent?.spanContext().traceId);
    expect(received).toEqual({ traceparent: `00-${traceId}-${spanId}-01` });
    expect(call?.name).toBe('tools/call meta');
    const address =
      'url' in server.config
        ? { 'server.address': '127.0.0.1', 'server.port': Number(new URL(server.config.url).port) }
        : {};
    expect(call?.attributes).toMatchObject({
      ...network,
      ...address,
      'mcp.protocol.version': expect.any(String),
    });
    if (name === 'stdio') expect(call?.attributes).not.toHaveProperty('server.address');
    await manager.close();
    expect(await value('mcp.client.session.duration', { ...network, ...address })).toBe(1);
  },
);

test('a real server takes calls with trace context, and progress still arrives', async () => {
  await using manager = new McpManager({ servers: { everything: everythingStdio } });
  const { tracer, ended } = spans();
  instrument(manager, { tracer });
  await manager.callTool({ name: 'everything__echo', arguments: { message: 'hi' } });
  let progress = 0;
  await manager.callTool(
    {
      name: 'everything__trigger-long-running-operation',
      arguments: { duration: 0.2, steps: 2 },
    },
    { onProgress: () => progress++ },
  );
  expect(progress).toBeGreaterThan(0);
  expect(ended().map((span) => span.name)).toEqual([
    'tools/call echo',
    'tools/call trigger-long-running-operation',
  ]);
  for (const span of ended()) expect(span.attributes).not.toHaveProperty('error.type');
  expect(trace.getActiveSpan()).toBeUndefined();
});
