import { context, createContextKey } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { instrument } from 'mcp-fleet/telemetry';
import { FLEET, fleet } from './clients.mjs';
import { compared, interleaved, load } from './harness.mjs';

const ROUNDS = 15;
const ROUND_MS = 300;
const NOBODY = 'instrumented, nobody listens';
const METRICS = 'instrumented, metrics';
const ALL = 'instrumented, spans and metrics';

/** What instrument() costs each call. `fleetTimes` is how many times faster the call is without it. */
export async function telemetry(url) {
  // An application that traces has one, instrumented or not, and pays for it with each promise.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  context.with(context.active().setValue(createContextKey('warm'), 1), () => {});
  const meter = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
        exportIntervalMillis: 1_000,
        exportTimeoutMillis: 1_000,
      }),
    ],
  }).getMeter('bench');
  const nowhere = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => {} };
  const processor = new BatchSpanProcessor(nowhere, { maxQueueSize: 100_000, scheduledDelayMillis: 500 });
  const tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer('bench');

  const clients = {
    [FLEET]: await fleet({ url }),
    [NOBODY]: await instrumented(url, {}),
    [METRICS]: await instrumented(url, { meter }),
    [ALL]: await instrumented(url, { meter, tracer }),
  };
  const figures = {};
  for (const parallel of [1, 16]) {
    const measured = await interleaved(clients, ROUNDS, ({ call }) =>
      load(() => call('echo'), parallel, ROUND_MS),
    );
    figures[`${parallel} at a time`] = compared(measured, 'cpuUs', 'less');
  }
  await Promise.all(Object.values(clients).map((client) => client.close()));
  return figures;
}

async function instrumented(url, options) {
  const client = await fleet({ url });
  const stop = instrument(client.manager, options);
  return {
    ...client,
    async close() {
      stop();
      await client.close();
    },
  };
}
