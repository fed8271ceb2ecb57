import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { McpManager } from 'mcp-fleet';
import { instrument } from 'mcp-fleet/telemetry';
import { fakeTokens } from 'mcp-fleet/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { spans } from '../../fixtures/telemetry.js';
import { recordedFleet } from './stand.js';

beforeEach(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterEach(() => {
  context.disable();
  trace.disable();
});

describe('a tool call', () => {
  test('is a client span with the names of the conventions', async () => {
    await using fleet = recordedFleet();
    const { ended } = listening(fleet.manager);
    await fleet.manager.callTool({ name: 'demo__echo', arguments: { text: 'hi' } });
    const [span] = ended();
    expect(span).toMatchObject({ name: 'tools/call echo', kind: SpanKind.CLIENT });
    expect(span?.status.code).toBe(SpanStatusCode.UNSET);
    expect(span?.attributes).toEqual({
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'echo',
      'mcp_fleet.server.name': 'demo',
      'mcp.protocol.version': '2025-11-25',
      'mcp.session.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'jsonrpc.request.id': String(fleet.sent('tools/call')[0]?.id),
      'network.transport': 'tcp',
      'network.protocol.name': 'http',
      'server.address': new URL(fleet.config.url).hostname,
      'server.port': 443,
    });
  });

  test('is a child of what is active where it is called, and the parent of what happens in it', async () => {
    const seen: unknown[] = [];
    await using fleet = recordedFleet({
      interceptors: [
        (next) => (call) => {
          seen.push(trace.getActiveSpan()?.spanContext().spanId);
          return next(call);
        },
      ],
    });
    const { tracer, ended } = listening(fleet.manager);
    await tracer.startActiveSpan('request', async (parent) => {
      const calls = ['a', 'b'].map((text) => ({ name: 'demo__echo', arguments: { text } }));
      await fleet.manager.callTools(calls);
      parent.end();
    });
    const [first, second, parent] = ended();
    expect(parent?.name).toBe('request');
    for (const span of [first, second]) {
      expect(span?.parentSpanContext?.spanId).toBe(parent?.spanContext().spanId);
      expect(span?.spanContext().traceId).toBe(parent?.spanContext().traceId);
    }
    expect(seen.sort()).toEqual([first, second].map((span) => span?.spanContext().spanId).sort());
  });

  test('keeps its parent when it had to wait for its turn', async () => {
    await using fleet = recordedFleet({ maxConcurrency: 1 });
    const { tracer, ended } = listening(fleet.manager);
    const parents = ['one', 'two', 'three'].map((name) =>
      tracer.startActiveSpan(name, async (span) => {
        await fleet.manager.callTool({ name: 'demo__echo', arguments: { text: name } });
        return span;
      }),
    );
    const expected = (await Promise.all(parents)).map((span) => span.spanContext().spanId);
    expect(ended().map((span) => span.parentSpanContext?.spanId)).toEqual(expected);
  });

  test('that is answered from the cache says so, and names no request', async () => {
    await using fleet = recordedFleet({ cache: { resourceTtlMs: 60_000 } });
    const { ended } = listening(fleet.manager);
    await fleet.manager.readResource({ server: 'demo', uri: 'note://private/1' });
    await fleet.manager.readResource({ server: 'demo', uri: 'note://private/1' });
    const [asked, known] = ended();
    expect(asked?.attributes).not.toHaveProperty('mcp_fleet.cached');
    expect(known?.attributes).toMatchObject({ 'mcp_fleet.cached': true });
    expect(known?.attributes).not.toHaveProperty('jsonrpc.request.id');
  });
});

describe('other requests', () => {
  test('have their method as name, prompts their own name too', async () => {
    await using fleet = recordedFleet();
    const { ended } = listening(fleet.manager);
    const { manager } = fleet;
    await manager.listTools();
    await manager.getPrompt({ server: 'demo', name: 'greet', arguments: { name: 'Ada' } });
    await manager.readResource({ server: 'demo', uri: 'note://private/1' });
    await manager.ping();
    expect(ended().map(({ name }) => name)).toEqual([
      'tools/list',
      'prompts/get greet',
      'resources/read',
      'ping',
    ]);
    expect(ended()[1]?.attributes).toMatchObject({ 'gen_ai.prompt.name': 'greet' });
    for (const { attributes } of ended()) expect(attributes).not.toHaveProperty('gen_ai.operation.name');
    expect(ended()[0]?.attributes['jsonrpc.request.id']).toBe(String(fleet.sent('tools/list')[0]?.id));
  });

  test('that are none of MCP have no span', async () => {
    await using fleet = recordedFleet({});
    const { config } = fleet;
    await using manager = new McpManager({
      servers: { guarded: { ...config, auth: fakeTokens('t1', 't2') } },
    });
    const { ended } = listening(manager);
    expect(await manager.refreshTokens()).toMatchObject({ refreshed: ['guarded'] });
    expect(ended()).toEqual([]);
  });
});

describe('a failure', () => {
  test('of the tool is tool_error', async () => {
    await using fleet = recordedFleet();
    expect(await failing(fleet.manager, () => fleet.manager.callTool({ name: 'demo__fail' }))).toEqual({
      name: 'tools/call fail',
      status: { code: SpanStatusCode.ERROR },
      type: 'tool_error',
      rpc: undefined,
    });
  });

  test('that the server reports has its code of JSON-RPC', async () => {
    await using fleet = recordedFleet();
    const failed = await failing(fleet.manager, () =>
      fleet.manager.getPrompt({ server: 'demo', name: 'missing' }),
    );
    expect(failed).toEqual({
      name: 'prompts/get missing',
      status: { code: SpanStatusCode.ERROR },
      type: '-32602',
      rpc: '-32602',
    });
  });

  test('of the connection has the code of its error, and the address that was tried', async () => {
    await using fleet = recordedFleet({ retry: false });
    await fleet.server.close();
    const { ended } = listening(fleet.manager);
    await fleet.manager.callTool({ name: 'demo__echo' }).catch(() => {});
    expect(ended()[0]?.attributes).toMatchObject({
      'error.type': 'CONNECT_FAILED',
      'server.address': new URL(fleet.config.url).hostname,
    });
    expect(ended()[0]?.attributes).not.toHaveProperty('mcp.protocol.version');
  });

  test('by the deadline is TIMEOUT, by the caller ABORTED', async () => {
    await using fleet = recordedFleet();
    await fleet.manager.listTools();
    const { manager } = fleet;
    const late = await failing(manager, () => manager.callTool({ name: 'demo__hang' }, { timeoutMs: 20 }));
    expect(late).toMatchObject({ type: 'TIMEOUT' });
    const caller = new AbortController();
    const aborted = failing(manager, () =>
      manager.callTool({ name: 'demo__hang' }, { signal: caller.signal }),
    );
    await vi.waitFor(() => expect(fleet.sent('tools/call')).toHaveLength(2));
    caller.abort();
    expect(await aborted).toMatchObject({ type: 'ABORTED', status: { code: SpanStatusCode.ERROR } });
  });

  test('for want of the tool leaves the made-up name out of the name of the span', async () => {
    await using fleet = recordedFleet();
    const failed = await failing(fleet.manager, () => fleet.manager.callTool({ name: 'demo__made-up-7f3a' }));
    expect(failed).toMatchObject({ name: 'tools/call', type: 'UNKNOWN_TOOL' });
  });

  test('that was made good by another attempt counts the attempts', async () => {
    await using fleet = recordedFleet({ retry: { baseDelayMs: 1 } });
    await fleet.manager.listTools();
    const { ended } = listening(fleet.manager);
    fleet.server.restart();
    await fleet.manager.callTool({ name: 'demo__echo', arguments: { text: 'hi' } });
    const { attributes } = ended()[0] ?? {};
    expect(attributes).toMatchObject({ 'mcp_fleet.attempts': 2 });
    expect(attributes).not.toHaveProperty('error.type');
    // The one that was answered.
    expect(attributes?.['jsonrpc.request.id']).toBe(String(fleet.sent('tools/call').at(-1)?.id));
  });
});

test('arguments, results, URIs and texts of errors are in no span', async () => {
  await using fleet = recordedFleet();
  const { ended } = listening(fleet.manager);
  const { manager } = fleet;
  await manager.callTool({ name: 'demo__echo', arguments: { text: 'CANARY-argument' } });
  await manager.callTool({ name: 'demo__echo', arguments: { text: 7, CANARY: 1 } });
  await manager.readResource({ server: 'demo', uri: 'note://private/1' });
  await manager.readResource({ server: 'demo', uri: 'note://CANARY' }).catch(() => {});
  await manager.getPrompt({ server: 'demo', name: 'greet', arguments: { name: 'CANARY' } });
  await manager.getPrompt({ server: 'demo', name: 'greet' }).catch(() => {});
  expect(ended()).toHaveLength(6);
  const written = JSON.stringify(
    ended().map(({ name, attributes, events, status }) => [name, attributes, events, status]),
  );
  expect(written).not.toMatch(/CANARY|note:|Hello|a note|it failed|expected/i);
});

test('a span processor that throws fails no call', async () => {
  const throws = () => {
    throw new Error('a bad processor');
  };
  const provider = new BasicTracerProvider({
    spanProcessors: [
      { onStart: throws, onEnd: throws, forceFlush: async () => {}, shutdown: async () => {} },
    ],
  });
  await using fleet = recordedFleet();
  instrument(fleet.manager, { tracer: provider.getTracer('bad') });
  const result = await fleet.manager.callTool({ name: 'demo__echo', arguments: { text: 'hi' } });
  expect(result.content).toEqual([{ type: 'text', text: 'hi' }]);
});

function listening(manager: McpManager) {
  const listener = spans();
  instrument(manager, { tracer: listener.tracer });
  return listener;
}

/** What the span of a call that fails says. */
async function failing(manager: McpManager, call: () => Promise<unknown>) {
  const { tracer, ended } = spans();
  const stop = instrument(manager, { tracer });
  await call().catch(() => {});
  stop();
  expect(ended()).toHaveLength(1);
  const [span] = ended();
  return {
    name: span?.name,
    status: span?.status,
    type: span?.attributes['error.type'],
    rpc: span?.attributes['rpc.response.status_code'],
  };
}
