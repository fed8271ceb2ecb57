import { metrics } from '@opentelemetry/api';
import { type HistogramMetricData, MeterProvider } from '@opentelemetry/sdk-metrics';
import { McpManager } from 'mcp-fleet';
import { instrument } from 'mcp-fleet/telemetry';
import { fakeTokens } from 'mcp-fleet/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { measurements } from '../../fixtures/telemetry.js';
import { recordedFleet, recordedServer } from './stand.js';

const BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const OPERATION = 'mcp.client.operation.duration';
const SESSION = 'mcp.client.session.duration';

afterEach(() => metrics.disable());

function measured(manager: McpManager) {
  const measuring = measurements();
  const stop = instrument(manager, { meter: measuring.meter });
  return { ...measuring, stop };
}

describe('mcp.client.operation.duration', () => {
  test('counts calls in seconds, in the buckets of the conventions', async () => {
    await using fleet = recordedFleet();
    const { metric } = measured(fleet.manager);
    await fleet.manager.callTool({ name: 'demo__echo', arguments: { text: 'hi' } });
    await expect(fleet.manager.callTool({ name: 'demo__hang' }, { timeoutMs: 30 })).rejects.toThrow();
    const found = (await metric(OPERATION)) as HistogramMetricData;
    expect(found.descriptor).toMatchObject({ unit: 's' });
    const [quick, late] = found.dataPoints;
    expect(quick?.value.buckets.boundaries).toEqual(BUCKETS);
    expect(quick?.attributes).toEqual({
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'echo',
      'mcp_fleet.server.name': 'demo',
      'mcp.protocol.version': '2025-11-25',
      'network.transport': 'tcp',
      'network.protocol.name': 'http',
      'server.address': new URL(fleet.config.url).hostname,
      'server.port': 443,
    });
    expect(late?.attributes).toMatchObject({ 'gen_ai.tool.name': 'hang', 'error.type': 'TIMEOUT' });
    expect(late?.value.sum).toBeGreaterThanOrEqual(0.029);
    expect(late?.value.sum).toBeLessThan(20);
  });

  test('tells failures apart, and holds neither URIs nor made-up names', async () => {
    await using fleet = recordedFleet();
    const { series } = measured(fleet.manager);
    const { manager } = fleet;
    await manager.callTool({ name: 'demo__fail' });
    await manager.callTool({ name: 'demo__CANARY' }).catch(() => {});
    await manager.getPrompt({ server: 'demo', name: 'missing' }).catch(() => {});
    await manager.readResource({ server: 'demo', uri: 'note://CANARY' }).catch(() => {});
    const all = await series(OPERATION);
    expect(all.map((one) => (one as Record<string, unknown>)['error.type'])).toEqual([
      'tool_error',
      'UNKNOWN_TOOL',
      '-32602',
      expect.stringMatching(/^-32\d{3}$/),
    ]);
    expect(all[2]).toMatchObject({ 'rpc.response.status_code': '-32602' });
    expect(JSON.stringify(all)).not.toMatch(/CANARY|note:/);
  });

  test('gives codes that a server makes up one series', async () => {
    let code = 1;
    const recorded = recordedServer();
    const fetch: typeof recorded.config.fetch = async (url, init) => {
      const message = typeof init?.body === 'string' ? JSON.parse(init.body) : {};
      if (message.method !== 'prompts/get') return recorded.config.fetch(url, init);
      return Response.json({ jsonrpc: '2.0', id: message.id, error: { code: code++, message: 'no' } });
    };
    await using manager = new McpManager({ servers: { demo: { ...recorded.config, fetch } } });
    const { series } = measured(manager);
    for (let n = 0; n < 5; n++) await manager.getPrompt({ server: 'demo', name: 'greet' }).catch(() => {});
    expect(await series(OPERATION)).toEqual([expect.objectContaining({ 'error.type': '_OTHER', value: 5 })]);
  });

  test('leaves out what the cache answered, which has a counter of its own', async () => {
    await using fleet = recordedFleet({ cache: { resourceTtlMs: 60_000 } });
    const { value } = measured(fleet.manager);
    for (let n = 0; n < 3; n++) await fleet.manager.readResource({ server: 'demo', uri: 'note://private/1' });
    const of = { 'mcp.method.name': 'resources/read' };
    expect(await value(OPERATION, of)).toBe(1);
    expect(await value('mcp_fleet.client.cache.hits', of)).toBe(2);
  });
});

describe('mcp.client.session.duration', () => {
  test('counts each session when it ends, and says why', async () => {
    await using fleet = recordedFleet();
    const { series, metric } = measured(fleet.manager);
    await fleet.manager.connect();
    fleet.server.restart();
    await fleet.manager.ping();
    expect(await series(SESSION)).toEqual([
      expect.objectContaining({ 'error.type': 'CONNECTION_LOST', 'mcp_fleet.server.name': 'demo', value: 1 }),
    ]);
    await fleet.manager.close();
    expect(await series(SESSION)).toEqual([
      expect.objectContaining({ 'error.type': 'CONNECTION_LOST', value: 1 }),
      expect.not.objectContaining({ 'error.type': expect.anything() }),
    ]);
    const found = (await metric(SESSION)) as HistogramMetricData;
    expect(found.dataPoints[0]?.value.buckets.boundaries).toEqual(BUCKETS);
  });

  test('counts the sessions of identities one by one', async () => {
    await using fleet = recordedFleet({ scope: 'identity' });
    const { metric } = measured(fleet.manager);
    await fleet.manager.as('ada').ping();
    await fleet.manager.as('grace').ping();
    await fleet.manager.as('ada').ping();
    await fleet.manager.close();
    const found = (await metric(SESSION)) as HistogramMetricData;
    expect(found.dataPoints.map(({ value }) => value.count)).toEqual([2]);
    expect(found.dataPoints[0]?.attributes).toMatchObject({ 'mcp.protocol.version': '2025-11-25' });
  });

  test('counts from its beginning a session that was there before', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      await using fleet = recordedFleet();
      await fleet.manager.connect();
      vi.setSystemTime(Date.now() + 40_000);
      const { metric } = measured(fleet.manager);
      vi.setSystemTime(Date.now() + 2_000);
      await fleet.manager.close();
      const found = (await metric(SESSION)) as HistogramMetricData;
      expect(found.dataPoints[0]?.value.sum).toBeCloseTo(42, 0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('counters', () => {
  test('count retries', async () => {
    await using fleet = recordedFleet({ retry: { baseDelayMs: 1 } });
    const { value } = measured(fleet.manager);
    await fleet.manager.listTools();
    fleet.server.restart();
    await fleet.manager.callTool({ name: 'demo__fail' });
    const of = { 'mcp_fleet.server.name': 'demo', 'mcp.method.name': 'tools/call' };
    expect(await value('mcp_fleet.client.retries', of)).toBe(1);
  });

  test('count token refreshes by reason, those that failed too', async () => {
    const { config } = recordedServer();
    const auth = fakeTokens('first', new Error('the vault is closed'));
    await using manager = new McpManager({ servers: { guarded: { ...config, auth } } });
    const { series } = measured(manager);
    await manager.connect();
    await manager.refreshTokens();
    expect(await series('mcp_fleet.client.token.refreshes')).toEqual([
      { 'mcp_fleet.server.name': 'guarded', 'mcp_fleet.token.refresh.reason': 'initial', value: 1 },
      {
        'mcp_fleet.server.name': 'guarded',
        'mcp_fleet.token.refresh.reason': 'forced',
        'error.type': 'TOKEN_FAILED',
        value: 1,
      },
    ]);
  });

  test('count the states that a breaker enters', async () => {
    await using fleet = recordedFleet({ retry: false, circuitBreaker: { consecutiveFailures: 1 } });
    const { value } = measured(fleet.manager);
    await fleet.server.close();
    await fleet.manager.ping();
    const open = { 'mcp_fleet.server.name': 'demo', 'mcp_fleet.circuit.state': 'open' };
    expect(await value('mcp_fleet.client.circuit.changes', open)).toBe(1);
    expect(await value('mcp_fleet.client.circuit.state', open)).toBe(1);
    expect(
      await value('mcp_fleet.client.circuit.state', { ...open, 'mcp_fleet.circuit.state': 'closed' }),
    ).toBe(0);
  });
});

describe('gauges', () => {
  test('show calls under way and waiting, circuit and status of each server', async () => {
    await using fleet = recordedFleet({ maxConcurrency: 1 });
    const { value } = measured(fleet.manager);
    await fleet.manager.listTools();
    const caller = new AbortController();
    const calls = Array.from({ length: 3 }, () =>
      fleet.manager.callTool({ name: 'demo__hang' }, { signal: caller.signal }).catch(() => {}),
    );
    const demo = { 'mcp_fleet.server.name': 'demo' };
    await vi.waitFor(async () => {
      expect(await value('mcp_fleet.client.calls.in_flight', demo)).toBe(1);
      expect(await value('mcp_fleet.client.calls.queued', demo)).toBe(2);
    });
    caller.abort();
    await Promise.all(calls);
    expect(await value('mcp_fleet.client.calls.queued', demo)).toBe(0);
    const status = (state: string) => ({ ...demo, 'mcp_fleet.server.status': state });
    expect(await value('mcp_fleet.client.server.status', status('ready'))).toBe(1);
    expect(await value('mcp_fleet.client.server.status', status('failed'))).toBe(0);
  });

  test('say of a server that is removed, and of all when the manager closes, that they are closed', async () => {
    await using fleet = recordedFleet();
    const { manager } = fleet;
    manager.addServer('other', fleet.config);
    const { value } = measured(manager);
    const status = (server: string, of: string) =>
      value('mcp_fleet.client.server.status', {
        'mcp_fleet.server.name': server,
        'mcp_fleet.server.status': of,
      });
    await manager.connect();
    expect([await status('demo', 'ready'), await status('other', 'ready')]).toEqual([1, 1]);
    await manager.removeServer('other');
    expect([await status('demo', 'ready'), await status('other', 'ready')]).toEqual([1, 0]);
    expect(await status('other', 'closed')).toBe(1);
    await manager.close();
    expect([await status('demo', 'ready'), await status('demo', 'closed')]).toEqual([0, 1]);
  });
});

describe('the global meter provider', () => {
  test('is found when it is registered after instrument()', async () => {
    await using fleet = recordedFleet();
    const stop = instrument(fleet.manager);
    await fleet.manager.callTool({ name: 'demo__fail' });
    const { provider, value } = measurements();
    metrics.setGlobalMeterProvider(provider);
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(await value(OPERATION, { 'gen_ai.tool.name': 'fail' })).toBe(1);
    expect(await value('mcp_fleet.client.calls.queued', {})).toBe(0);
    stop();
    await fleet.manager.callTool({ name: 'demo__fail' });
    expect(await value(OPERATION, { 'gen_ai.tool.name': 'fail' })).toBe(1);
  });

  test('gets name and version of the library as scope', async () => {
    const provider = new MeterProvider();
    const getMeter = vi.spyOn(provider, 'getMeter');
    metrics.setGlobalMeterProvider(provider);
    await using fleet = recordedFleet();
    instrument(fleet.manager);
    expect(getMeter.mock.calls).toEqual([['mcp-fleet', expect.stringMatching(/^\d+\.\d+\.\d+/)]]);
  });
});
