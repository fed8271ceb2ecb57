import { McpManager, type ServerDefaults } from 'mcp-fleet';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type NewerTasks, newerTasks } from '../servers/newer-tasks.js';
import { type OlderTasks, olderTasks } from '../servers/older-tasks.js';

const handlers: ServerDefaults['handlers'] = {
  elicitation: async () => ({ action: 'accept', content: { name: 'Ann' } }),
};

let newer: NewerTasks;
let older: OlderTasks;
let manager: McpManager;

beforeAll(async () => {
  [newer, older] = await Promise.all([newerTasks(), olderTasks()]);
  manager = new McpManager({ servers: { newer: { url: newer.url }, older: { url: older.url } }, handlers });
  expect((await manager.connect()).failed).toEqual([]);
});
afterAll(async () => {
  await manager.close();
  await Promise.all([newer.close(), older.close()]);
});

test('tools say that they run as tasks, whichever revision the server speaks', async () => {
  const { tools } = await manager.listTools();
  expect(new Set(tools.map(({ execution }) => execution?.taskSupport))).toEqual(new Set(['required']));
  expect(manager.snapshot().servers.map(({ protocolVersion }) => protocolVersion)).toEqual([
    '2026-07-28',
    '2025-11-25',
  ]);
});

describe.each(['newer', 'older'] as const)('a call that becomes a task of the %s revision', (server) => {
  const run = (name: string, args: Record<string, unknown> = {}, options = {}) =>
    manager.callTool({ server, name, arguments: args }, options);
  const text = (words: string) => [{ type: 'text', text: words }];
  const cancelled = () =>
    server === 'newer'
      ? newer.cancelled.length
      : older.store.getAllTasks().filter(({ status }) => status === 'cancelled').length;

  test('answers with its result, and tells its state as progress', async () => {
    const progress: { message?: string }[] = [];
    const options = { onProgress: (each: { message?: string }) => progress.push(each) };
    expect((await run('build', { what: 'a house' }, options)).content).toEqual(text('built a house'));
    expect(progress.length).toBeGreaterThan(1);
    expect([progress.at(0)?.message, progress.at(-1)?.message]).toEqual(['working', 'completed']);
  });

  test('is one call for events', async () => {
    const outcomes: unknown[] = [];
    const off = manager.client(server).on('call', ({ method, name, outcome, attempts }) => {
      outcomes.push({ method, name, outcome, attempts });
    });
    await run('build');
    expect(outcomes).toEqual([{ method: 'tools/call', name: 'build', outcome: 'ok', attempts: 1 }]);
    off();
  });

  test('gets what its task asks for', async () => {
    expect((await run('asks')).content).toEqual(text('for Ann'));
  });

  test('is cancelled at the server when nobody waits any more', async () => {
    const before = cancelled();
    const leave = new AbortController();
    const call = run('never', {}, { signal: leave.signal, onProgress: () => leave.abort('enough') });
    await expect(call).rejects.toBe('enough');
    await vi.waitFor(() => expect(cancelled()).toBe(before + 1));
  });

  test('is cancelled at the server when it takes too long', async () => {
    const before = cancelled();
    await expect(run('never', {}, { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      delivery: 'unknown',
    });
    await vi.waitFor(() => expect(cancelled()).toBe(before + 1));
  });

  test('runs beside others', async () => {
    const calls = Array.from({ length: 20 }, (_, n) => run('build', { what: `number ${n}` }));
    const results = await Promise.all(calls);
    expect(results.map(({ content }) => content)).toEqual(results.map((_, n) => text(`built number ${n}`)));
  });
});

test('a task of the newer revision is asked for by name, and may come after a question', async () => {
  const { content } = await manager.callTool({ server: 'newer', name: 'asks-first' });
  expect(content).toEqual([{ type: 'text', text: 'for Ann' }]);
  const gets = newer.requests.filter(({ method }) => method === 'tasks/get');
  expect(gets.at(-1)?.headers['mcp-method']).toBe('tasks/get');
  const encoded = Buffer.from(String(gets.at(-1)?.params.taskId)).toString('base64');
  expect(gets.at(-1)?.headers['mcp-name']).toBe(`=?base64?${encoded}?=`);
});

test('a task that fails gives the error that the call would have met', async () => {
  await expect(manager.callTool({ server: 'newer', name: 'fails' })).rejects.toMatchObject({
    code: 'REMOTE_ERROR',
    rpcCode: 7,
    message: expect.stringContaining('It broke'),
    delivery: 'answered',
  });
  // MCP 2025-11-25: a tool that answers with `isError` fails its task, and `tasks/result` is what it would have answered.
  expect(await manager.callTool({ server: 'older', name: 'fails' })).toMatchObject({
    isError: true,
    content: [{ type: 'text', text: 'no' }],
  });
});
