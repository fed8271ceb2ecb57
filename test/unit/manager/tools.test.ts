import { ConfigError, McpFleetError, McpManager, UnknownServerError, UnknownToolError } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test } from 'vitest';
import { qualifiedName } from '../../../src/manager/tool-names.js';
import { absent, gate, offering, rejection, text, textOf, tool, watched } from '../client/fakes.js';

describe('listTools', () => {
  test('lists the tools of every server with their qualified name, server and own name', async () => {
    await using one = fakeServer(
      offering([tool('read', { description: 'Reads', annotations: { title: 'R' } })]),
    );
    await using two = fakeServer(offering(['read', 'write.file']));
    await using manager = new McpManager({ servers: { two: two.config, one: one.config } });
    const { tools, failed } = await manager.listTools();
    expect(failed).toEqual([]);
    expect(tools.map(({ name, server, toolName }) => [name, server, toolName])).toEqual([
      ['two__read', 'two', 'read'],
      [qualifiedName({ server: 'two', toolName: 'write.file' }), 'two', 'write.file'],
      ['one__read', 'one', 'read'],
    ]);
    expect(tools[2]).toEqual({
      name: 'one__read',
      server: 'one',
      toolName: 'read',
      description: 'Reads',
      annotations: { title: 'R' },
      inputSchema: { type: 'object' },
    });
  });

  test('lists the others when one server fails', async () => {
    await using well = fakeServer(offering(['one']));
    await using manager = new McpManager({
      servers: { sick: absent(), well: well.config },
    });
    const { tools, failed } = await manager.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['well__one']);
    expect(failed).toMatchObject([{ server: 'sick', error: { code: 'CONNECT_FAILED', server: 'sick' } }]);
    expect(failed[0]?.error).toBeInstanceOf(McpFleetError);
  });

  test('asks only the servers of the filter, in its order, each once', async () => {
    await using fake = fakeServer(offering(['one']));
    const servers = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, fake.config]));
    await using manager = new McpManager({ servers });
    const named = async (server: string | string[]) =>
      (await manager.listTools({ server })).tools.map(({ name }) => name);
    expect(await named('b')).toEqual(['b__one']);
    expect(manager.client('a').status).toBe('idle');
    expect(await named(['c', 'a', 'c'])).toEqual(['c__one', 'a__one']);
    expect(await named([])).toEqual([]);
    expect(await rejection(manager.listTools({ server: ['a', 'nobody'] }))).toBeInstanceOf(
      UnknownServerError,
    );
  });

  test('hands out copies: what one caller does to a tool no other sees', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config } });
    const [first] = (await manager.listTools()).tools;
    if (first !== undefined) first.name = 'changed';
    expect((await manager.listTools()).tools.map(({ name }) => name)).toEqual(['a__one']);
    expect(textOf(await manager.callTool({ name: 'a__one' }))).toBe('one');
  });

  test('names tools anew when a server comes or goes', async () => {
    // Both would be called the same.
    const odd = (name: string) => fakeServer(offering([name]));
    await using one = odd('x y');
    await using two = odd('x y');
    await using manager = new McpManager({ servers: { a: one.config } });
    const names = async () => (await manager.listTools()).tools.map(({ name }) => name);
    const [alone] = await names();
    manager.addServer('b', two.config);
    expect(await names()).toEqual([alone, qualifiedName({ server: 'b', toolName: 'x y' })]);
    await manager.removeServer('a');
    expect(await names()).toEqual([qualifiedName({ server: 'b', toolName: 'x y' })]);
  });

  test('asks again only when told to', async () => {
    const names = ['one'];
    await using fake = fakeServer(offering(names));
    const { config, count } = watched(fake);
    await using manager = new McpManager({ servers: { a: config } });
    await manager.listTools();
    names.push('two');
    expect((await manager.listTools()).tools).toHaveLength(1);
    expect(count('tools/list')).toBe(1);
    expect((await manager.listTools({ fresh: true })).tools).toHaveLength(2);
    expect(count('tools/list')).toBe(2);
  });

  test('rejects with the reason when its caller aborts, however many servers have answered', async () => {
    await using well = fakeServer(offering(['one']));
    await using hung = fakeServer(offering(['two']));
    hung.inject({ kind: 'hang' }, { method: 'tools/list' });
    await using manager = new McpManager({
      servers: { well: well.config, hung: hung.config },
      drainTimeoutMs: 1,
    });
    const controller = new AbortController();
    const listing = rejection(manager.listTools({ signal: controller.signal }));
    await expect.poll(() => manager.client('well').knownTools.length).toBe(1);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await listing).toBe(reason);
  });

  test('reports bad options once per server, not as a success', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config } });
    const { tools, failed } = await manager.listTools({ timeoutMs: -5 });
    expect(tools).toEqual([]);
    expect(failed[0]?.error).toBeInstanceOf(ConfigError);
  });
});

describe('callTool', () => {
  test('finds the server by the qualified name before any list is known', async () => {
    await using fake = fakeServer(offering(['echo'], (name, { args }) => text(`${name} ${args?.x}`)));
    await using manager = new McpManager({ servers: { a: fake.config } });
    const result = await manager.callTool({ name: 'a__echo', arguments: { x: 1 } });
    expect(textOf(result)).toBe('echo 1');
    expect(fake.calls).toEqual([{ tool: 'echo', arguments: { x: 1 } }]);
  });

  test("takes the server's own name when the server is given", async () => {
    await using fake = fakeServer(offering(['a__echo', 'x.y']));
    await using manager = new McpManager({ servers: { a: fake.config, b: fake.config } });
    expect(textOf(await manager.callTool({ server: 'b', name: 'a__echo' }))).toBe('a__echo');
    expect(textOf(await manager.callTool({ server: 'b', name: 'x.y' }))).toBe('x.y');
    expect(await rejection(manager.callTool({ server: 'nobody', name: 'x' }))).toBeInstanceOf(
      UnknownServerError,
    );
  });

  const oddNames = ['files.read', 'größe', 'with space', 'x'.repeat(100), 'ends_0123456789'];
  test.each(oddNames)('finds %s by its qualified name, whether or not a list is known', async (toolName) => {
    await using fake = fakeServer(offering([toolName]));
    const name = qualifiedName({ server: 'a', toolName });
    await using fresh = new McpManager({ servers: { a: fake.config } });
    expect(textOf(await fresh.callTool({ name }))).toBe(toolName);
    await using knowing = new McpManager({ servers: { a: fake.config } });
    await knowing.listTools();
    expect(textOf(await knowing.callTool({ name }))).toBe(toolName);
  });

  test('tells server a_ with tool b from server a with tool _b', async () => {
    await using first = fakeServer(offering(['b'], () => text('first')));
    await using second = fakeServer(offering(['_b'], () => text('second')));
    await using manager = new McpManager({ servers: { a_: first.config, a: second.config } });
    const { tools } = await manager.listTools();
    const outcomes = await manager.callTools(tools.map(({ name }) => ({ name })));
    expect(outcomes.map((outcome) => outcome.ok && textOf(outcome.result))).toEqual(['first', 'second']);
  });

  test('reaches both of two tools whose names collide', async () => {
    const odd = 'we.ird';
    const impostor = qualifiedName({ server: 'a', toolName: odd }).slice('a__'.length);
    await using fake = fakeServer(offering([odd, impostor]));
    await using manager = new McpManager({ servers: { a: fake.config } });
    const { tools } = await manager.listTools();
    expect(new Set(tools.map(({ name }) => name)).size).toBe(2);
    for (const { name, toolName } of tools) expect(textOf(await manager.callTool({ name }))).toBe(toolName);
  });

  test('calls a tool that looks hashed even when no list can be had', async () => {
    await using fake = fakeServer(offering(['plain_0123456789']));
    const { config } = watched(fake, ({ method, id }) =>
      method === 'tools/list' ? Response.json(remoteError(id)) : undefined,
    );
    await using manager = new McpManager({ servers: { a: config } });
    expect(textOf(await manager.callTool({ name: 'a__plain_0123456789' }))).toBe('plain_0123456789');
  });

  test('does not wait longer than it was told for lists that a name may be in', async () => {
    await using fake = fakeServer(offering(['x.y']));
    await using hung = fakeServer(offering([]));
    hung.inject({ kind: 'hang' }, { method: 'initialize', times: Infinity });
    await using manager = new McpManager({
      servers: { a: fake.config, hung: hung.config },
      drainTimeoutMs: 1,
    });
    const name = qualifiedName({ server: 'a', toolName: 'x.y' });
    expect(textOf(await manager.callTool({ name }, { timeoutMs: 200 }))).toBe('x.y');
    expect(await rejection(manager.callTool({ name: 'nobody__x' }, { timeoutMs: 200 }))).toMatchObject({
      code: 'UNKNOWN_TOOL',
    });
  });

  test('of a name that nobody has is answered with the nearest ones', async () => {
    await using one = fakeServer(offering(['read_file', 'write_file']));
    await using two = fakeServer(offering(['search']));
    await using manager = new McpManager({ servers: { files: one.config, web: two.config } });
    for (const name of ['file__read_file', 'read_file', '', 'nobody__search']) {
      const error = await rejection(manager.callTool({ name }));
      expect(error).toBeInstanceOf(UnknownToolError);
      expect(error).toMatchObject({ tool: name, delivery: 'not-sent' });
    }
    expect(await rejection(manager.callTool({ name: 'file__read_file' }))).toMatchObject({
      message: 'No tool "file__read_file"; nearest: files__read_file, files__write_file, web__search',
    });
    expect(await rejection(manager.callTool({ name: 'files__raed_file' }))).toMatchObject({
      server: 'files',
      tool: 'raed_file',
      message: 'Server files has no tool "raed_file"; nearest: read_file, write_file',
    });
    expect(one.calls).toEqual([]);
  });

  test('passes on what the tool is told beside its arguments', async () => {
    await using fake = fakeServer(offering(['echo']));
    const { config, requests } = watched(fake);
    await using manager = new McpManager({ servers: { a: config } });
    await manager.callTool({ name: 'a__echo', arguments: { x: 1 }, _meta: { trace: 't' } });
    const sent = requests.find(({ method }) => method === 'tools/call');
    expect(JSON.parse(String(sent?.init.body)).params).toEqual({
      name: 'echo',
      arguments: { x: 1 },
      _meta: { trace: 't' },
    });
  });
});

describe('callTools', () => {
  test('gives the outcomes in the order of the calls, each with its own call', async () => {
    const doors = [gate(), gate(), gate()];
    await using fake = fakeServer(
      offering(['wait'], async (_name, { args }) => {
        await doors[Number(args?.n)]?.passed;
        return text(String(args?.n));
      }),
    );
    await using manager = new McpManager({ servers: { a: fake.config } });
    const calls = [0, 1, 2].map((n) => ({ name: 'a__wait', arguments: { n } }));
    const running = manager.callTools(calls);
    await expect.poll(() => fake.calls.length).toBe(3);
    for (const door of doors.reverse()) door.open();
    const outcomes = await running;
    expect(outcomes.map((outcome) => outcome.ok && textOf(outcome.result))).toEqual(['0', '1', '2']);
    expect(outcomes.map(({ call }) => call)).toEqual(calls);
    expect(outcomes[0]?.call).toBe(calls[0]);
  });

  test('never rejects: each failure is an outcome, a failure of the tool is a result', async () => {
    await using fake = fakeServer(
      offering(['fine', 'bad'], (name) => ({ ...text(name), isError: name === 'bad' })),
    );
    await using manager = new McpManager({
      servers: { a: fake.config, dead: absent() },
    });
    const outcomes = await manager.callTools([
      { name: 'a__fine' },
      { name: 'a__bad' },
      { name: 'a__nobody' },
      { server: 'nobody', name: 'x' },
      { name: 'dead__fine' },
    ]);
    expect(outcomes).toMatchObject([
      { ok: true },
      { ok: true, result: { isError: true } },
      { ok: false, error: { code: 'UNKNOWN_TOOL' } },
      { ok: false, error: { code: 'UNKNOWN_SERVER' } },
      { ok: false, error: { code: 'CONNECT_FAILED', delivery: 'not-sent' } },
    ]);
    expect(await manager.callTools([])).toEqual([]);
    expect(await manager.callTools([{ name: 'a__fine' }], { timeoutMs: 0 })).toMatchObject([
      { ok: false, error: { code: 'INVALID_CONFIG' } },
    ]);
    await manager.close();
    expect(await manager.callTools([{ name: 'a__fine' }])).toMatchObject([
      { ok: false, error: { code: 'CLOSED' } },
    ]);
  });

  test.each([
    [1, 1],
    [3, 3],
    [100, 10],
    [undefined, 10],
    [0, 1],
    [2.5, 2],
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 10],
  ])('with a concurrency of %s runs at most %i of 10 at a time', async (concurrency, expected) => {
    let running = 0;
    let most = 0;
    await using fake = fakeServer(
      offering(['work'], async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
        return text('done');
      }),
    );
    await using manager = new McpManager({ servers: { a: fake.config } });
    await manager.listTools();
    const calls = Array.from({ length: 10 }, () => ({ name: 'a__work' }));
    const outcomes = await manager.callTools(calls, { ...(concurrency !== undefined && { concurrency }) });
    expect([...outcomes].map((outcome) => outcome?.ok)).toEqual(new Array(10).fill(true));
    expect(most).toBeLessThanOrEqual(expected);
    if (expected > 1) expect(most).toBeGreaterThan(1);
  });

  test('makes an abort the outcome ABORTED of what had not ended, with the reason as its cause', async () => {
    await using fake = fakeServer(
      offering(['quick', 'never'], (name) => (name === 'quick' ? text('done') : new Promise(() => {}))),
    );
    await using manager = new McpManager({ servers: { a: fake.config } });
    await manager.listTools();
    const controller = new AbortController();
    const calls = ['quick', 'never', 'never', 'quick'].map((name) => ({ server: 'a', name }));
    const running = manager.callTools(calls, { signal: controller.signal, concurrency: 2 });
    await expect.poll(() => fake.calls.length).toBe(3);
    const reason = new Error('changed my mind');
    controller.abort(reason);
    const outcomes = await running;
    const aborted = { ok: false, error: { code: 'ABORTED', cause: reason } };
    expect(outcomes).toMatchObject([{ ok: true }, aborted, aborted, aborted]);
    expect(fake.calls).toHaveLength(3);
  });
});

describe('other requests', () => {
  test('go to the server that is named', async () => {
    await using fake = fakeServer((server) => {
      server.registerResource('memo', 'memo://one', {}, (uri) => ({
        contents: [{ uri: uri.href, text: 'Memo' }],
      }));
      server.registerPrompt('greet', {}, () => ({
        messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }],
      }));
    });
    await using other = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config, b: other.config } });
    expect(await manager.listResources()).toEqual({
      resources: [{ server: 'a', name: 'memo', uri: 'memo://one' }],
      failed: [],
    });
    expect(await manager.listResourceTemplates()).toEqual({ resourceTemplates: [], failed: [] });
    expect(await manager.listPrompts()).toEqual({
      prompts: [expect.objectContaining({ server: 'a', name: 'greet' })],
      failed: [],
    });
    expect(await manager.readResource({ server: 'a', uri: 'memo://one' })).toMatchObject({
      contents: [{ text: 'Memo' }],
    });
    expect(await manager.getPrompt({ server: 'a', name: 'greet' })).toMatchObject({
      messages: [{ role: 'user' }],
    });
    expect(await rejection(manager.readResource({ server: 'b', uri: 'memo://one' }))).toMatchObject({
      code: 'UNSUPPORTED',
      server: 'b',
    });
    for (const request of [
      manager.readResource({ server: 'x', uri: 'memo://one' }),
      manager.subscribeResource({ server: 'x', uri: 'memo://one' }),
      manager.unsubscribeResource({ server: 'x', uri: 'memo://one' }),
      manager.getPrompt({ server: 'x', name: 'greet' }),
      manager.complete({
        server: 'x',
        ref: { type: 'ref/prompt', name: 'p' },
        argument: { name: 'a', value: '' },
      }),
    ])
      expect(await rejection(request)).toBeInstanceOf(UnknownServerError);
  });
});

function remoteError(id: unknown): object {
  return { jsonrpc: '2.0', id, error: { code: -32_603, message: 'no list today' } };
}
