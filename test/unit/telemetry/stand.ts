import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type DataPoint, type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { McpManager, type McpManagerOptions } from 'mcp-fleet';
import { type FakeServer, fakeServer } from 'mcp-fleet/testing';
import { z } from 'zod';

/** A tracer whose ended spans can be looked at. */
export function spans() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  return {
    provider,
    tracer: provider.getTracer('test'),
    ended: () => exporter.getFinishedSpans(),
  };
}

class ManualReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** A meter whose measurements can be collected at any time. */
export function measurements() {
  const reader = new ManualReader();
  const provider = new MeterProvider({ readers: [reader] });
  const metric = async (name: string) => {
    const { resourceMetrics } = await reader.collect();
    const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
    return all.find(({ descriptor }) => descriptor.name === name);
  };
  return {
    provider,
    meter: provider.getMeter('test'),
    metric,
    /** Attributes and value of each series; of a histogram the count. */
    async series(name: string) {
      const points = ((await metric(name))?.dataPoints ?? []) as DataPoint<number | Histogram>[];
      return points.map(({ attributes, value }) => ({
        ...attributes,
        value: typeof value === 'number' ? value : value.count,
      }));
    },
    /** The one series with these attributes. */
    async value(name: string, attributes: object): Promise<number | undefined> {
      const wanted = Object.entries(attributes);
      const found = (await this.series(name)).filter((one) =>
        wanted.every(([key, value]) => (one as Record<string, unknown>)[key] === value),
      );
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

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
