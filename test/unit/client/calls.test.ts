import { CallToolRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import {
  type CallHandler,
  type CallInterceptor,
  ConfigError,
  McpClient,
  McpFleetError,
  OutcomeUnknownError,
  RemoteError,
  TimeoutError,
  UnknownToolError,
} from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { gate, offering, rejection, text, textOf, tool, watched } from './fakes.js';

afterEach(() => {
  vi.useRealTimers();
});

const never = () => new Promise<never>(() => {});

describe('interceptors', () => {
  test('surround the call in their order, the first outermost', async () => {
    const trace: string[] = [];
    const tracing =
      (name: string): CallInterceptor =>
      (next) =>
      async (call) => {
        trace.push(`${name} in`);
        const result = await next(call);
        trace.push(`${name} out`);
        return result;
      };
    await using fake = fakeServer(
      offering(['one'], () => {
        trace.push('tool');
        return text('done');
      }),
    );
    await using client = new McpClient('a', { ...fake.config, interceptors: [tracing('x'), tracing('y')] });
    await client.callTool({ name: 'one' });
    expect(trace).toEqual(['x in', 'y in', 'tool', 'y out', 'x out']);
  });

  test('see the call, the server, the tool as listed, and a signal', async () => {
    await using fake = fakeServer(offering([tool('one', { description: 'First' })]));
    const seen: unknown[] = [];
    const look: CallInterceptor = (next) => (call) => {
      seen.push(call);
      return next(call);
    };
    await using client = new McpClient('a', { ...fake.config, interceptors: [look] });
    await client.callTool({ name: 'one', arguments: { x: 1 }, _meta: { m: 1 } });
    expect(seen).toEqual([
      {
        name: 'one',
        arguments: { x: 1 },
        _meta: { m: 1 },
        server: 'a',
        signal: expect.any(AbortSignal),
        tool: tool('one', { description: 'First' }),
      },
    ]);
  });

  test('may change the arguments and the result', async () => {
    await using fake = fakeServer(offering(['one'], (_name, { args }) => text(`got ${args?.x}`)));
    const change: CallInterceptor = (next) => async (call) => {
      const result = await next({ ...call, arguments: { x: Number(call.arguments?.x) * 2 } });
      return text(`${textOf(result)}!`);
    };
    await using client = new McpClient('a', { ...fake.config, interceptors: [change] });
    expect(textOf(await client.callTool({ name: 'one', arguments: { x: 21 } }))).toBe('got 42!');
  });

  test('may rename the call, to a tool that exists and that callers may use', async () => {
    await using fake = fakeServer(offering(['old', 'new', 'hidden']));
    const rename =
      (name: string): CallInterceptor =>
      (next) =>
      (call) =>
        next({ ...call, name });
    const client = (name: string) =>
      new McpClient('a', {
        ...fake.config,
        tools: { deny: ['hidden'] },
        interceptors: [rename(name)],
      });
    await using fine = client('new');
    expect(textOf(await fine.callTool({ name: 'old' }))).toBe('new');
    await using denied = client('hidden');
    expect(await rejection(denied.callTool({ name: 'old' }))).toBeInstanceOf(UnknownToolError);
    await using unknown = client('nobody');
    expect(await rejection(unknown.callTool({ name: 'old' }))).toMatchObject({ tool: 'nobody' });
    expect(fake.calls.map(({ tool: name }) => name)).toEqual(['new']);
  });

  test('may answer themselves, and then nothing is sent', async () => {
    await using fake = fakeServer(offering(['one']));
    await using client = new McpClient('a', {
      ...fake.config,
      interceptors: [() => async () => text('mine')],
    });
    expect(textOf(await client.callTool({ name: 'one' }))).toBe('mine');
    expect(fake.calls).toEqual([]);
  });

  test('may send a call again', async () => {
    let n = 0;
    await using fake = fakeServer(offering(['one'], () => ({ ...text(String(++n)), isError: n < 3 })));
    const again: CallInterceptor = (next) => async (call) => {
      let result = await next(call);
      while (result.isError) result = await next(call);
      return result;
    };
    await using client = new McpClient('a', { ...fake.config, interceptors: [again] });
    expect(textOf(await client.callTool({ name: 'one' }))).toBe('3');
    expect(fake.calls).toHaveLength(3);
  });

  test.each([
    ['an error', new Error('not today')],
    ['a text', 'not today'],
    ['nothing', undefined],
  ])('throw %s to the caller just as it is, and the event says so', async (_what, thrown) => {
    await using fake = fakeServer(offering(['one']));
    const refuse: CallInterceptor = () => () => {
      throw thrown;
    };
    await using client = new McpClient('a', { ...fake.config, interceptors: [refuse] });
    const told = client.once('call');
    expect(await rejection(client.callTool({ name: 'one' }))).toBe(thrown);
    expect(await told).toMatchObject({ outcome: 'failed', error: { code: 'ABORTED' } });
    expect((await told).error?.cause).toBe(thrown);
    expect(fake.calls).toEqual([]);
  });

  test('see the error of a call, and may turn it into a result', async () => {
    await using fake = fakeServer(offering(['one']));
    const { config } = watched(fake, ({ method }) =>
      method === 'tools/call' ? new Response('busy', { status: 503 }) : undefined,
    );
    const seen: unknown[] = [];
    const rescue: CallInterceptor = (next) => (call) =>
      next(call).catch((error) => {
        seen.push(error);
        return text('rescued');
      });
    await using client = new McpClient('a', { ...config, interceptors: [rescue] });
    expect(textOf(await client.callTool({ name: 'one' }))).toBe('rescued');
    expect(seen).toMatchObject([{ code: 'HTTP_ERROR', httpStatus: 503, delivery: 'unknown' }]);
  });

  describe('that hang end with the call, which says what is known', () => {
    const cases: [string, 'not-sent' | 'unknown' | 'answered', CallInterceptor, (() => Promise<never>)?][] = [
      ['before they send', 'not-sent', () => never],
      [
        'after the answer came',
        'answered',
        (next) => async (call) => {
          await next(call);
          return never();
        },
      ],
      ['while the tool runs', 'unknown', (next: CallHandler) => (call) => next(call), never],
      [
        'while the tool runs, deaf to its error',
        'unknown',
        (next) => (call) => next(call).catch(never),
        never,
      ],
      [
        'while the tool runs, with a signal of their own',
        'unknown',
        (next) => (call) => next({ ...call, signal: new AbortController().signal }),
        never,
      ],
    ];
    const run = (run?: () => Promise<never>) => offering(['one'], run ?? text);

    test.each(cases)('%s: by its deadline', async (_what, delivery, interceptor, runs) => {
      await using fake = fakeServer(run(runs));
      await using client = new McpClient('a', { ...fake.config, interceptors: [interceptor] });
      await client.listTools();
      const error = await rejection(client.callTool({ name: 'one' }, { timeoutMs: 150 }));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ code: 'TIMEOUT', delivery, server: 'a' });
      expect(fake.calls).toHaveLength(delivery === 'not-sent' ? 0 : 1);
    });

    test.each(cases)('%s: by close', async (_what, delivery, interceptor, runs) => {
      await using fake = fakeServer(run(runs));
      const client = new McpClient('a', { ...fake.config, interceptors: [interceptor] });
      await client.listTools();
      const calling = rejection(client.callTool({ name: 'one' }));
      await new Promise((resolve) => setTimeout(resolve, 50));
      await client.close({ drainTimeoutMs: 1 });
      expect(await calling).toMatchObject({ code: 'CLOSED', delivery, server: 'a' });
    });

    test.each(cases)(
      '%s: by their caller, with the very reason',
      async (_what, _delivery, interceptor, runs) => {
        await using fake = fakeServer(run(runs));
        await using client = new McpClient('a', { ...fake.config, interceptors: [interceptor] });
        await client.listTools();
        for (const reason of [new Error('enough'), new McpFleetError('TIMEOUT', 'mine')]) {
          const controller = new AbortController();
          const told = client.once('call');
          const calling = rejection(client.callTool({ name: 'one' }, { signal: controller.signal }));
          await new Promise((resolve) => setTimeout(resolve, 20));
          controller.abort(reason);
          expect(await calling).toBe(reason);
          expect(await told).toMatchObject({ outcome: 'aborted' });
        }
      },
    );
  });
});

describe('the caller of a tool', () => {
  test.each([
    [{ timeoutMs: 0 }, 'options.timeoutMs'],
    [{ timeoutMs: -1 }, 'options.timeoutMs'],
    [{ timeoutMs: Number.NaN }, 'options.timeoutMs'],
    [{ timeoutMs: '5' }, 'options.timeoutMs'],
    [{ timeoutMs: 2 ** 31 }, 'options.timeoutMs'],
    [{ maxTotalTimeoutMs: 0 }, 'options.maxTotalTimeoutMs'],
    [{ signal: {} }, 'options.signal'],
    [{ signal: null }, 'options.signal'],
    [{ signal: new AbortController() }, 'options.signal'],
  ])('is told of bad options by rejection: %j', async (options, path) => {
    await using fake = fakeServer(offering(['one']));
    const { config, requests } = watched(fake);
    await using client = new McpClient('a', config);
    const error = await rejection(client.callTool({ name: 'one' }, options as never));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ path });
    expect(await rejection(client.ping(options as never))).toBeInstanceOf(ConfigError);
    expect(requests).toEqual([]);
  });

  test('gets the reason of an abort, be it an error of ours or none at all', async () => {
    await using fake = fakeServer(offering(['one'], never));
    await using client = new McpClient('a', fake.config);
    await client.listTools();
    for (const reason of [
      new McpFleetError('REMOTE_ERROR', 'of another call'),
      new TimeoutError(1, 'mine'),
      'text',
      0,
    ]) {
      const controller = new AbortController();
      const told = client.once('call');
      const calling = rejection(client.callTool({ name: 'one' }, { signal: controller.signal }));
      await expect.poll(() => client.snapshot().inFlight).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      controller.abort(reason);
      expect(await calling).toBe(reason);
      expect(await told).toMatchObject({ outcome: 'aborted' });
    }
  });

  test('of a list is told how many requests it took, shared or not', async () => {
    await using fake = fakeServer(offering(['one']));
    let refusals = 1;
    const { config } = watched(fake, ({ method }) =>
      method === 'tools/list' && refusals-- > 0 ? new Response('busy', { status: 503 }) : undefined,
    );
    await using client = new McpClient('a', config);
    const told: unknown[] = [];
    client.on('call', ({ method, attempts }) => told.push([method, attempts]));
    await Promise.all([client.listTools(), client.listTools()]);
    expect(told).toEqual([
      ['tools/list', 2],
      ['tools/list', 2],
    ]);
  });

  test('may make many calls with one signal, and read long lists, without a warning', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    await using fake = fakeServer(
      offering(['one'], () => new Promise((resolve) => setTimeout(() => resolve(text('x')), 20))),
    );
    const { config } = watched(fake, ({ method, id, init }) => {
      if (method !== 'tools/list') return undefined;
      const page = Number(JSON.parse(String(init.body)).params?.cursor ?? 0);
      const result = {
        tools: [tool(page === 0 ? 'one' : `t${page}`)],
        ...(page < 40 && { nextCursor: `${page + 1}` }),
      };
      return Response.json({ jsonrpc: '2.0', id, result });
    });
    await using client = new McpClient('a', config);
    const { signal } = new AbortController();
    expect(await client.listTools()).toHaveLength(41);
    await Promise.all(Array.from({ length: 40 }, () => client.callTool({ name: 'one' }, { signal })));
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  test('that has given up before does not even connect', async () => {
    await using fake = fakeServer(offering(['one']));
    const { config, requests } = watched(fake);
    await using client = new McpClient('a', config);
    const reason = new Error('changed my mind');
    expect(await rejection(client.callTool({ name: 'one' }, { signal: AbortSignal.abort(reason) }))).toBe(
      reason,
    );
    expect(requests).toEqual([]);
  });

  test('hears of progress; a listener that throws is an error event and harms nothing', async () => {
    await using fake = fakeServer(({ server }) => {
      server.registerCapabilities({ tools: {} });
      server.setRequestHandler(CallToolRequestSchema, async (_request, { _meta, sendNotification }) => {
        const progressToken = _meta?.progressToken ?? 'none';
        for (const progress of [1, 2, 3]) {
          const params = { progressToken, progress, total: 3, message: `step ${progress}` };
          await sendNotification({ method: 'notifications/progress', params });
        }
        return text('done');
      });
    });
    await using client = new McpClient('a', fake.config);
    const errors: unknown[] = [];
    client.on('error', ({ during }) => errors.push(during));
    const heard: unknown[] = [];
    const onProgress = (progress: unknown) => {
      heard.push(progress);
      if (heard.length === 2) throw new Error('boom');
    };
    expect(textOf(await client.callTool({ name: 'one' }, { onProgress }))).toBe('done');
    expect(heard).toEqual([1, 2, 3].map((progress) => ({ progress, total: 3, message: `step ${progress}` })));
    // Its tools cannot be listed, which is told first.
    expect(errors).toEqual(['catalog', 'listener']);
  });
});

describe('a tool', () => {
  test('that is not in the list is unknown, with the nearest names', async () => {
    await using fake = fakeServer(offering(['read_file', 'write_file', 'search', 'delete']));
    await using client = new McpClient('a', fake.config);
    const error = await rejection(client.callTool({ name: 'raed_file' }));
    expect(error).toBeInstanceOf(UnknownToolError);
    expect(error).toMatchObject({
      message: 'Server a has no tool "raed_file"; nearest: read_file, write_file, delete',
      tool: 'raed_file',
      server: 'a',
      delivery: 'not-sent',
    });
    expect(fake.calls).toEqual([]);
  });

  test('that is unknown makes the list be read again only when it is older than five seconds', async () => {
    const names = ['one'];
    await using fake = fakeServer(offering(names));
    const { config, count } = watched(fake);
    await using client = new McpClient('a', config);
    await client.listTools();
    const readAt = performance.now();
    names.push('two');
    expect(await rejection(client.callTool({ name: 'two' }))).toBeInstanceOf(UnknownToolError);
    expect(count('tools/list')).toBe(1);
    vi.spyOn(performance, 'now').mockReturnValue(readAt + 5_001);
    expect(textOf(await client.callTool({ name: 'two' }))).toBe('two');
    expect(count('tools/list')).toBe(2);
    await client.callTool({ name: 'one' });
    expect(count('tools/list')).toBe(2);
  });

  test('that the filter hides is neither listed nor called, nor named', async () => {
    await using fake = fakeServer(offering(['read', 'delete']));
    await using client = new McpClient('a', { ...fake.config, tools: { deny: ['delete'] } });
    expect((await client.listTools()).map(({ name }) => name)).toEqual(['read']);
    expect(client.snapshot().tools).toBe(1);
    const error = await rejection(client.callTool({ name: 'delete' }));
    expect(error).toMatchObject({
      code: 'UNKNOWN_TOOL',
      message: 'Server a has no tool "delete"; nearest: read',
    });
    expect(fake.calls).toEqual([]);
  });

  describe('of a server whose list cannot be had', () => {
    const broken = (fake: ReturnType<typeof fakeServer>) =>
      watched(fake, ({ method, id }) =>
        method === 'tools/list'
          ? Response.json({ jsonrpc: '2.0', id, error: { code: -32_603, message: 'broken list' } })
          : undefined,
      );

    test('is called all the same, without its description, and the list is not asked for again', async () => {
      await using fake = fakeServer(offering(['one']));
      const { config, count } = broken(fake);
      const seen: unknown[] = [];
      const look: CallInterceptor = (next) => (call) => {
        seen.push(call.tool);
        return next(call);
      };
      await using client = new McpClient('a', { ...config, interceptors: [look] });
      const told = client.once('error');
      expect(textOf(await client.callTool({ name: 'one' }))).toBe('one');
      expect(await told).toMatchObject({ during: 'catalog', error: { code: 'REMOTE_ERROR', server: 'a' } });
      await client.callTool({ name: 'one' });
      expect(count('tools/list')).toBe(1);
      expect(seen).toEqual([undefined, undefined]);
    });

    test('is not called when the filter hides it', async () => {
      await using fake = fakeServer(offering(['one']));
      await using client = new McpClient('a', { ...broken(fake).config, tools: { deny: ['one'] } });
      expect(await rejection(client.callTool({ name: 'one' }))).toBeInstanceOf(UnknownToolError);
      expect(fake.calls).toEqual([]);
    });

    test('is called within the deadline of the call, which the list must not use up unseen', async () => {
      await using fake = fakeServer(offering(['one']));
      fake.inject({ kind: 'hang' }, { method: 'tools/list' });
      await using client = new McpClient('a', fake.config);
      expect(await rejection(client.callTool({ name: 'one' }, { timeoutMs: 150 }))).toMatchObject({
        code: 'TIMEOUT',
        delivery: 'not-sent',
      });
    });
  });

  test('that a JSON-RPC error answers gives that error, and says that it was answered', async () => {
    const errors: Record<string, [number, string]> = {
      invalid: [-32_602, 'bad arguments'],
      own: [-32_000, 'no quota'],
    };
    await using fake = fakeServer(offering(Object.keys(errors)));
    const { config } = watched(fake, ({ method, id, init }) => {
      if (method !== 'tools/call') return undefined;
      const [code, message] = errors[JSON.parse(String(init.body)).params.name] ?? [0, ''];
      return Response.json({ jsonrpc: '2.0', id, error: { code, message, data: { hint: 1 } } });
    });
    await using client = new McpClient('a', config);
    const invalid = await rejection(client.callTool({ name: 'invalid' }));
    expect(invalid).toBeInstanceOf(RemoteError);
    expect(invalid).toMatchObject({
      code: 'REMOTE_ERROR',
      rpcCode: -32_602,
      message: 'bad arguments',
      data: { hint: 1 },
      delivery: 'answered',
      server: 'a',
    });
    expect(await rejection(client.callTool({ name: 'own' }))).toMatchObject({
      rpcCode: -32_000,
      delivery: 'answered',
    });
  });

  test('is answered by a result with an error that is null', async () => {
    await using fake = fakeServer(offering(['one']));
    const { config } = watched(fake, ({ method, id }) =>
      method === 'tools/call'
        ? Response.json({ jsonrpc: '2.0', id: String(id), result: text('fine'), error: null })
        : undefined,
    );
    await using client = new McpClient('a', config);
    expect(textOf(await client.callTool({ name: 'one' }))).toBe('fine');
  });

  test('whose answer is larger than allowed may have run, and the next call works', async () => {
    await using fake = fakeServer(
      offering(['big', 'small'], (name) => text(name === 'big' ? 'x'.repeat(50_000) : name)),
    );
    await using client = new McpClient('a', { ...fake.config, maxResponseBytes: 10_000 });
    const error = await rejection(client.callTool({ name: 'big' }));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({ delivery: 'unknown', cause: { code: 'RESPONSE_TOO_LARGE' } });
    expect((error as Error).message).toContain('maxResponseBytes (10000)');
    expect(textOf(await client.callTool({ name: 'small' }))).toBe('small');
  });

  test.each([
    ['no body at all', () => new Response(null, { headers: { 'content-type': 'application/json' } })],
    ['no JSON', () => new Response('{', { headers: { 'content-type': 'application/json' } })],
    ['HTML', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
    ['no content type', () => new Response(new Uint8Array([1]))],
    ['202 to a request', () => new Response(null, { status: 202 })],
    ['JSON of something else', () => Response.json({ ok: true })],
    ['an empty batch', () => Response.json([])],
    [
      'an answer to another request',
      () => Response.json({ jsonrpc: '2.0', id: 999, result: { content: [] } }),
    ],
  ])(
    'that is answered with %s gives a typed error at once',
    async (_what, answer: (id: unknown) => Response) => {
      await using fake = fakeServer(offering(['one']));
      const { config } = watched(fake, ({ method, id }) =>
        method === 'tools/call' ? answer(id) : undefined,
      );
      await using client = new McpClient('a', config);
      await client.listTools();
      const error = await rejection(client.callTool({ name: 'one' }, { timeoutMs: 1_000 }));
      expect(error).toBeInstanceOf(McpFleetError);
      expect(error).toMatchObject({ delivery: 'unknown', code: 'OUTCOME_UNKNOWN' });
    },
  );

  test.each<[string, object, object]>([
    ['neither a result nor an error', {}, { code: 'PROTOCOL_ERROR' }],
    ['an error that is a text', { error: 'boom' }, { code: 'REMOTE_ERROR', message: 'boom' }],
    ['an error without a message', { error: { code: 1 } }, { code: 'REMOTE_ERROR', rpcCode: 1 }],
    [
      'an error beside no result',
      { result: null, error: { code: 1, message: 'no' } },
      { code: 'REMOTE_ERROR' },
    ],
  ])('that is answered with %s was answered, and the error says so', async (_what, members, expected) => {
    await using fake = fakeServer(offering(['one']));
    const { config } = watched(fake, ({ method, id }) =>
      method === 'tools/call' ? Response.json({ jsonrpc: '2.0', id, ...members }) : undefined,
    );
    await using client = new McpClient('a', config);
    const error = await rejection(client.callTool({ name: 'one' }));
    expect(error).toMatchObject({ delivery: 'answered', ...expected });
    expect(client.snapshot().circuit).toBe('closed');
  });

  test.each<[string, unknown]>([
    ['a text', 'fine'],
    ['its content alone', [{ type: 'text', text: 'fine' }]],
    ['content that is a text', { content: 'fine' }],
  ])('whose result is %s has its result', async (_what, result) => {
    await using fake = fakeServer(offering(['one']));
    const { config } = watched(fake, ({ method, id }) =>
      method === 'tools/call' ? Response.json({ jsonrpc: '2.0', id, result }) : undefined,
    );
    await using client = new McpClient('a', config);
    expect(textOf(await client.callTool({ name: 'one' }))).toBe('fine');
  });
});

describe('calls under way', () => {
  test('are counted, and their last success is noted', async () => {
    const { passed, open } = gate();
    await using fake = fakeServer(
      offering(['slow'], async () => {
        await passed;
        return text('done');
      }),
    );
    await using client = new McpClient('a', fake.config);
    expect(client.snapshot()).toMatchObject({ inFlight: 0 });
    expect(client.snapshot()).not.toHaveProperty('lastOkAt');
    const calls = [1, 2].map(() => client.callTool({ name: 'slow' }));
    await expect.poll(() => fake.calls.length).toBe(2);
    expect(client.snapshot().inFlight).toBe(2);
    open();
    await Promise.all(calls);
    expect(client.snapshot().inFlight).toBe(0);
    expect(Date.parse(client.snapshot().lastOkAt ?? '')).toBeLessThanOrEqual(Date.now());
  });
});
