import { createServer } from 'node:http';
import { text as bodyOf } from 'node:stream/consumers';
import { InMemoryTaskStore } from '@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { McpClient, type McpFleetError } from 'mcp-fleet';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { listenOnLoopback } from '../fixtures/loopback.js';

const text = (words: string) => [{ type: 'text' as const, text: words }];

describe('a tool that has to be called as a task (2025-11-25)', () => {
  const store = new InMemoryTaskStore();
  afterEach(() => store.cleanup());

  /** A server of the SDK whose tool works in the background for a while. */
  function config() {
    const transport = async () => {
      const server = new McpServer(
        { name: 'older', version: '1.0.0' },
        {
          capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
          taskStore: store,
        },
      );
      server.experimental.tasks.registerToolTask(
        'build',
        { description: 'Takes long', execution: { taskSupport: 'required' } },
        {
          async createTask({ taskStore }) {
            const task = await taskStore.createTask({ ttl: 60_000, pollInterval: 100 });
            setTimeout(() => {
              taskStore.storeTaskResult(task.taskId, 'completed', { content: text('built') }).catch(() => {});
            }, 250);
            return { task };
          },
          getTask: async ({ taskId, taskStore }) => taskStore.getTask(taskId),
          getTaskResult: async ({ taskId, taskStore }) => (await taskStore.getTaskResult(taskId)) as never,
        },
      );
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      await server.connect(theirs);
      return ours;
    };
    return { type: 'custom', transport } as const;
  }

  test('gives its result to a plain call, and tells its state meanwhile', async () => {
    await using client = new McpClient('older', config());
    const [tool] = await client.listTools();
    expect(tool?.execution).toEqual({ taskSupport: 'required' });
    const states = new Set<unknown>();
    const result = await client.callTool(
      { name: 'build' },
      { onProgress: ({ message }) => states.add(message) },
    );
    expect(result.content).toEqual(text('built'));
    expect([...states]).toEqual(['working', 'completed']);
  });

  test('is cancelled with its call', async () => {
    await using client = new McpClient('older', config());
    const leave = new AbortController();
    const call = client.callTool({ name: 'build' }, { signal: leave.signal });
    setTimeout(() => leave.abort('enough'), 150);
    await expect(call).rejects.toBe('enough');
    await vi.waitFor(async () => {
      const { tasks } = await store.listTasks();
      expect(tasks.map(({ status }) => status)).toContain('cancelled');
    });
  });
});

/** A server with the tasks extension of 2026-07-28 (SEP-2663), whose tasks go through these states. */
async function taskServer(states: readonly Record<string, unknown>[]) {
  const requests: { method: string; params: Record<string, unknown>; name: unknown }[] = [];
  let state = 0;
  const resultOf = (method: string): Record<string, unknown> | undefined => {
    switch (method) {
      case 'server/discover': {
        const extensions = { 'io.modelcontextprotocol/tasks': {} };
        return { supportedVersions: ['2026-07-28'], capabilities: { tools: {}, extensions } };
      }
      case 'tools/list':
        return { tools: [{ name: 'build', inputSchema: { type: 'object' } }] };
      case 'tools/call':
        return { resultType: 'task', taskId: 't/1', status: 'working', pollIntervalMs: 100 };
      case 'tasks/get':
        return { taskId: 't/1', pollIntervalMs: 100, ...states[Math.min(state++, states.length - 1)] };
      case 'tasks/update':
      case 'tasks/cancel':
        return {};
      default:
        return undefined;
    }
  };
  const server = createServer(async (request, response) => {
    const { id, method, params } = JSON.parse(await bodyOf(request));
    requests.push({ method, params, name: request.headers['mcp-name'] });
    const result = resultOf(method);
    response.writeHead(result === undefined ? 404 : 200, { 'content-type': 'application/json' });
    const error = { code: -32_601, message: 'Method not found' };
    response.end(
      JSON.stringify({
        jsonrpc: '2.0',
        id,
        ...(result === undefined ? { error } : { result: { resultType: 'complete', ...result } }),
      }),
    );
  });
  const loopback = await listenOnLoopback(server);
  return {
    config: { url: `http://127.0.0.1:${loopback.port}/mcp` },
    requests,
    sent: (method: string) => requests.filter((request) => request.method === method),
    [Symbol.asyncDispose]: loopback.close,
  };
}

describe('a call that becomes a task (2026-07-28)', () => {
  test('gives its result, and tells its state meanwhile', async () => {
    await using server = await taskServer([
      { status: 'working', statusMessage: 'half' },
      { status: 'completed', result: { content: text('built') } },
    ]);
    await using client = new McpClient('newer', server.config);
    const messages: unknown[] = [];
    const result = await client.callTool(
      { name: 'build' },
      { onProgress: ({ message }) => messages.push(message) },
    );
    expect(result.content).toEqual(text('built'));
    expect(messages).toEqual(['working', 'half', 'completed']);
    const [call] = server.sent('tools/call');
    expect(call?.params._meta).toMatchObject({
      'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
    });
    expect(server.sent('tasks/get').map(({ name }) => name)).toEqual(['t/1', 't/1']);
  });

  test('gets what it asks for, once', async () => {
    const asks = {
      status: 'input_required',
      inputRequests: { who: { method: 'elicitation/create', params: { message: 'Who?' } } },
    };
    await using server = await taskServer([
      asks,
      asks,
      { status: 'completed', result: { content: text('built') } },
    ]);
    const elicitation = vi.fn(async () => ({ action: 'accept' as const, content: { name: 'Ann' } }));
    await using client = new McpClient('newer', { ...server.config, handlers: { elicitation } });
    expect((await client.callTool({ name: 'build' })).content).toEqual(text('built'));
    expect(elicitation).toHaveBeenCalledOnce();
    expect(server.sent('tasks/update').map(({ params }) => params)).toMatchObject([
      { taskId: 't/1', inputResponses: { who: { action: 'accept', content: { name: 'Ann' } } } },
    ]);
  });

  test('that fails is that error, and ran once', async () => {
    await using server = await taskServer([
      { status: 'failed', error: { code: 7, message: 'It broke', data: { at: 3 } } },
    ]);
    await using client = new McpClient('newer', server.config);
    const error = await client.callTool({ name: 'build' }).catch((thrown: McpFleetError) => thrown);
    expect(error).toMatchObject({ code: 'REMOTE_ERROR', rpcCode: 7, delivery: 'answered', data: { at: 3 } });
    expect(server.sent('tools/call')).toHaveLength(1);
  });

  test('that never ends is cancelled at the deadline', async () => {
    await using server = await taskServer([{ status: 'working' }]);
    await using client = new McpClient('newer', server.config);
    const error = await client
      .callTool({ name: 'build' }, { timeoutMs: 400 })
      .catch((thrown: McpFleetError) => thrown);
    expect(error).toMatchObject({ code: 'TIMEOUT', delivery: 'unknown' });
    await vi.waitFor(() => expect(server.sent('tasks/cancel')).toHaveLength(1));
  });
});
