import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { ConfigError, McpManager } from 'mcp-fleet';
import { instrument } from 'mcp-fleet/telemetry';
import { afterEach, describe, expect, test } from 'vitest';
import { measurements, spans } from '../../fixtures/telemetry.js';
import { recordedFleet, recordedServer } from './stand.js';

const OPERATION = 'mcp.client.operation.duration';
const ofTool = (name: string) => ({ 'gen_ai.tool.name': name });

afterEach(() => {
  trace.disable();
  context.disable();
});

describe('instrument', () => {
  test('records nothing twice when it is called twice, and ends with the last one', async () => {
    await using fleet = recordedFleet();
    const { tracer, ended } = spans();
    const { meter, value } = measurements();
    const stops = [
      instrument(fleet.manager, { tracer, meter }),
      instrument(fleet.manager, { tracer, meter }),
    ];
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(ended()).toHaveLength(1);
    expect(await value(OPERATION, ofTool('fail'))).toBe(1);

    stops[0]?.();
    stops[0]?.();
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(ended()).toHaveLength(2);

    stops[1]?.();
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(ended()).toHaveLength(2);
    expect(await value(OPERATION, ofTool('fail'))).toBe(2);

    instrument(fleet.manager, { tracer });
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(ended()).toHaveLength(3);
  });

  test('serves several tracers and meters, each by itself', async () => {
    await using fleet = recordedFleet();
    const [first, second] = [spans(), spans()];
    const stopFirst = instrument(fleet.manager, { tracer: first.tracer });
    instrument(fleet.manager, { tracer: second.tracer });
    await fleet.manager.callTool({ name: 'demo__fail' });
    stopFirst();
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(first.ended()).toHaveLength(1);
    expect(second.ended()).toHaveLength(2);
  });

  test('covers servers that are added and replaced later, and lets go of those removed', async () => {
    await using manager = new McpManager();
    const { tracer, ended } = spans();
    const { meter, value } = measurements();
    instrument(manager, { tracer, meter });
    const { config } = recordedServer();
    manager.addServer('one', config);
    await manager.callTool({ name: 'one__fail' });
    await manager.setServers({ one: { ...config, callTimeoutMs: 5_000 }, two: config });
    await manager.callTool({ name: 'one__fail' });
    await manager.callTool({ name: 'two__fail' });
    const servers = ended().map(({ attributes }) => attributes['mcp_fleet.server.name']);
    expect(servers).toEqual(['one', 'one', 'two']);
    // The first `one` was replaced, with its session.
    expect(await value('mcp.client.session.duration', { 'mcp_fleet.server.name': 'one' })).toBe(1);

    await manager.removeServer('one');
    expect(await value('mcp.client.session.duration', { 'mcp_fleet.server.name': 'one' })).toBe(2);
  });

  test('ends in the middle of a call: its span still ends', async () => {
    await using fleet = recordedFleet();
    const { tracer, ended } = spans();
    const stop = instrument(fleet.manager, { tracer });
    const call = fleet.manager.callTool({ server: 'demo', name: 'fail' });
    stop();
    await call;
    expect(ended()).toHaveLength(1);
  });

  test('of a manager that is closed does nothing', async () => {
    const fleet = recordedFleet();
    await fleet[Symbol.asyncDispose]();
    const { tracer, ended } = spans();
    const { meter, series } = measurements();
    const stop = instrument(fleet.manager, { tracer, meter });
    await expect(fleet.manager.callTool({ name: 'demo__fail' })).rejects.toMatchObject({ code: 'CLOSED' });
    expect(ended()).toEqual([]);
    expect(await series('mcp_fleet.client.calls.queued')).toEqual([]);
    stop();
  });

  test('records calls that end because the manager closes', async () => {
    const fleet = recordedFleet();
    const { tracer, ended } = spans();
    instrument(fleet.manager, { tracer });
    const call = fleet.manager.callTool({ server: 'demo', name: 'hang' }).catch(() => {});
    await fleet[Symbol.asyncDispose]();
    await call;
    expect(ended()[0]?.attributes).toMatchObject({ 'error.type': 'CLOSED' });
  });

  test('finds a global tracer provider that is registered later', async () => {
    await using fleet = recordedFleet();
    instrument(fleet.manager);
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(fleet.sent('tools/call')[0]?.params?._meta).toBeUndefined();
    const { provider, ended } = spans();
    trace.setGlobalTracerProvider(provider);
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(ended().map(({ name }) => name)).toEqual(['tools/call fail']);
    expect(ended()[0]?.instrumentationScope).toMatchObject({ name: 'mcp-fleet' });
  });

  test('passes a trace on where no provider records spans', async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const spanContext = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 };
    await using fleet = recordedFleet();
    instrument(fleet.manager);
    await context.with(trace.setSpanContext(context.active(), spanContext), () =>
      fleet.manager.callTool({ name: 'demo__fail' }),
    );
    expect(fleet.sent('tools/call')[0]?.params?._meta).toEqual({
      traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
    });
  });

  test.each([
    ['no manager', () => instrument(undefined as never), 'manager'],
    ['a client', () => instrument({ name: 'x' } as never), 'manager'],
    ['a wrong tracer', () => instrument(new McpManager(), { tracer: {} as never }), 'options.tracer'],
    ['a wrong meter', () => instrument(new McpManager(), { meter: 'x' as never }), 'options.meter'],
  ])('refuses %s', (_what, wrong, path) => {
    expect(wrong).toThrow(ConfigError);
    expect(wrong).toThrow(expect.objectContaining({ path }));
  });
});
