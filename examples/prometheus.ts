// Metrics of every call for Prometheus, and a span for each: two lines beside the setup of OpenTelemetry itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { metrics, trace } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { McpManager } from 'mcp-fleet';
import { instrument } from 'mcp-fleet/telemetry';
import { fakeServer } from 'mcp-fleet/testing';
import { z } from 'zod';

// The setup that a service has anyway.
const exporter = new PrometheusExporter({ preventServerStart: true });
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
const spans = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));

const received: unknown[] = [];
const math = fakeServer((server) => {
  const inputSchema = { a: z.number(), b: z.number() };
  server.registerTool('divide', { inputSchema }, ({ a, b }, { _meta }) => {
    received.push(_meta?.traceparent);
    if (b === 0) throw new Error('division by zero');
    return { content: [{ type: 'text', text: String(a / b) }] };
  });
});
const manager = new McpManager({ servers: { math: math.config } });
instrument(manager);

await manager.callTool({ name: 'math__divide', arguments: { a: 6, b: 3 } });
await manager.callTool({ name: 'math__divide', arguments: { a: 6, b: 0 } });

// What Prometheus scrapes.
const service = createServer((request, response) => exporter.getMetricsRequestHandler(request, response));
await once(service.listen(0, '127.0.0.1'), 'listening');
const page = await fetch(`http://127.0.0.1:${(service.address() as AddressInfo).port}/metrics`);
const samples = (await page.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const sample = (name: string, ...labels: string[]) =>
  samples.find((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));
const count = 'mcp_client_operation_duration_count';
console.log(samples.filter((line) => line.startsWith(count)).join('\n'));
assert.match(sample(count, 'gen_ai_tool_name="divide"', 'error_type="tool_error"') ?? '', / 1( |$)/);
const ready = sample('mcp_fleet_client_server_status', 'server_name="math"', 'status="ready"');
assert.match(ready ?? '', / 1( |$)/);

// The server can continue the trace.
const [span] = spans.getFinishedSpans();
assert.equal(span?.name, 'tools/call divide');
assert.equal(received[0], `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`);

service.close();
await manager.close();
await math.close();
