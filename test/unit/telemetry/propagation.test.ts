import {
  type Baggage,
  context,
  createTraceState,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { AlwaysOffSampler, BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { instrument } from 'mcp-fleet/telemetry';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { spans } from '../../fixtures/telemetry.js';
import { type Message, recordedFleet } from './stand.js';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const remoteParent = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: TRACE_ID,
  spanId: '00f067aa0ba902b7',
  traceFlags: 1,
  isRemote: true,
  traceState: createTraceState('rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'),
});

beforeEach(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterEach(() => {
  context.disable();
  propagation.disable();
});

/** What the server got in `_meta` of the only tool call, besides the progress token. */
function metaOf(messages: Message[]): unknown {
  expect(messages).toHaveLength(1);
  return messages[0]?.params?._meta;
}

describe('the server gets in _meta', () => {
  test('the span of the call as traceparent, unprefixed', async () => {
    await using fleet = recordedFleet();
    const { tracer, ended } = spans();
    instrument(fleet.manager, { tracer });
    await fleet.manager.callTool({ name: 'demo__fail' });
    const { traceId, spanId } = ended()[0]?.spanContext() ?? {};
    expect(metaOf(fleet.sent('tools/call'))).toEqual({ traceparent: `00-${traceId}-${spanId}-01` });
  });

  test('tracestate and baggage of the caller too', async () => {
    await using fleet = recordedFleet();
    const { tracer, ended } = spans();
    instrument(fleet.manager, { tracer });
    const baggage = propagation.createBaggage({ userId: { value: 'alice & bob' }, 'a/b': { value: '1' } });
    await context.with(propagation.setBaggage(remoteParent, baggage), () =>
      fleet.manager.callTool({ name: 'demo__fail' }),
    );
    expect(metaOf(fleet.sent('tools/call'))).toEqual({
      traceparent: `00-${TRACE_ID}-${ended()[0]?.spanContext().spanId}-01`,
      tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
      baggage: 'userId=alice%20%26%20bob,a%2Fb=1',
    });
  });

  test('the same on lists, prompts, resources and pings', async () => {
    await using fleet = recordedFleet();
    const { tracer, ended } = spans();
    instrument(fleet.manager, { tracer });
    await fleet.manager.listTools();
    await fleet.manager.getPrompt({ server: 'demo', name: 'greet', arguments: { name: 'x' } });
    await fleet.manager.readResource({ server: 'demo', uri: 'note://private/1' });
    await fleet.manager.ping();
    const parents = ['tools/list', 'prompts/get', 'resources/read', 'ping'].map(
      (method) => (metaOf(fleet.sent(method)) as { traceparent: string }).traceparent.split('-')[2],
    );
    expect(parents).toEqual(ended().map((span) => span.spanContext().spanId));
  });

  test('the span of the tool call, where the list of tools was read for it', async () => {
    await using fleet = recordedFleet();
    const { tracer } = spans();
    instrument(fleet.manager, { tracer });
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(metaOf(fleet.sent('tools/list'))).toEqual(metaOf(fleet.sent('tools/call')));
  });

  test('what the caller put there, and a trace context of the caller instead of ours', async () => {
    await using fleet = recordedFleet();
    const { tracer } = spans();
    instrument(fleet.manager, { tracer });
    await fleet.manager.callTool({ name: 'demo__fail', _meta: { 'com.example/tenant': 7 } });
    expect(metaOf(fleet.sent('tools/call'))).toEqual({
      'com.example/tenant': 7,
      traceparent: expect.stringMatching(/^00-/),
    });
    const own = { traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01` };
    await context.with(remoteParent, () => fleet.manager.callTool({ name: 'demo__fail', _meta: { ...own } }));
    expect(fleet.sent('tools/call')[1]?.params?._meta).toEqual(own);
  });

  test('the progress token beside it', async () => {
    await using fleet = recordedFleet();
    const { tracer } = spans();
    instrument(fleet.manager, { tracer });
    await fleet.manager.callTool({ name: 'demo__fail' }, { onProgress: () => {} });
    expect(metaOf(fleet.sent('tools/call'))).toEqual({
      progressToken: expect.any(Number),
      traceparent: expect.stringMatching(/^00-/),
    });
  });

  test('a span that is not sampled, marked as such', async () => {
    await using fleet = recordedFleet();
    const provider = new BasicTracerProvider({ sampler: new AlwaysOffSampler() });
    instrument(fleet.manager, { tracer: provider.getTracer('off') });
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(metaOf(fleet.sent('tools/call'))).toEqual({
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/),
    });
  });

  test('the same span with each attempt of a call', async () => {
    await using fleet = recordedFleet();
    const { tracer } = spans();
    instrument(fleet.manager, { tracer });
    await fleet.manager.listTools();
    fleet.server.restart();
    await fleet.manager.callTool({ name: 'demo__fail' });
    const [refused, answered, ...more] = fleet.sent('tools/call');
    expect(more).toEqual([]);
    expect(refused?.params?._meta).toEqual(answered?.params?._meta);
  });

  test('nothing without telemetry, and nothing after its end', async () => {
    await using fleet = recordedFleet();
    await fleet.manager.callTool({ name: 'demo__fail' });
    instrument(fleet.manager, { tracer: spans().tracer })();
    await fleet.manager.callTool({ name: 'demo__fail' });
    for (const { params } of fleet.sent('tools/call')) expect(params).toEqual({ name: 'fail' });
  });
});

describe('propagators of the application', () => {
  function propagator(values: Record<string, string>): TextMapPropagator {
    return {
      fields: () => Object.keys(values),
      inject: (_context, carrier, setter) => {
        for (const [key, value] of Object.entries(values)) setter.set(carrier, key, value);
      },
      extract: (from) => from,
    };
  }

  test('decide, as far as MCP has keys for what they write', async () => {
    propagation.setGlobalPropagator(propagator({ traceparent: '00-own', b3: 'b3-value', baggage: 'k=v' }));
    await using fleet = recordedFleet();
    instrument(fleet.manager, { tracer: spans().tracer });
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(metaOf(fleet.sent('tools/call'))).toEqual({ traceparent: '00-own', baggage: 'k=v' });
  });

  test('that write other keys only leave _meta as it is', async () => {
    propagation.setGlobalPropagator(propagator({ b3: 'b3-value' }));
    await using fleet = recordedFleet();
    instrument(fleet.manager, { tracer: spans().tracer });
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(metaOf(fleet.sent('tools/call'))).toBeUndefined();
  });
});

test('baggage that is too large is sent as far as it fits', async () => {
  let baggage: Baggage = propagation.createBaggage();
  for (let n = 0; n < 100; n++) baggage = baggage.setEntry(`key-${n}`, { value: 'x'.repeat(200) });
  await using fleet = recordedFleet();
  instrument(fleet.manager, { tracer: spans().tracer });
  await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
    fleet.manager.callTool({ name: 'demo__fail' }),
  );
  const sent = (metaOf(fleet.sent('tools/call')) as { baggage: string }).baggage;
  expect(Buffer.byteLength(sent)).toBeLessThanOrEqual(8_192);
  expect(sent.split(',').length).toBeGreaterThan(30);
  expect(sent).toMatch(/^key-0=x+,key-1=x+/);
});
