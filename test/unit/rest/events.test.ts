import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type RestDoor, restDoor } from '../../fixtures/rest-door.js';

let door: RestDoor;
beforeEach(async () => {
  door = await restDoor();
});
afterEach(async () => {
  vi.useRealTimers();
  await door[Symbol.asyncDispose]();
});

interface Stream {
  /** The next event or comment. */
  next(): Promise<string | undefined>;
  cancel(): Promise<void>;
}

async function listen(query = ''): Promise<Stream> {
  const response = await door.handler(new Request(`http://localhost/events${query}`));
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const frames: string[] = [];
  const next = async () => {
    if (frames.length === 0) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      frames.push(
        ...new TextDecoder()
          .decode(value)
          .split('\n\n')
          .filter((frame) => frame !== ''),
      );
    }
    return frames.shift();
  };
  expect(await next()).toBe(': connected');
  return { next, cancel: () => reader.cancel() };
}

function parsed(frame: string | undefined): { name: string; data: Record<string, unknown> } {
  const [, name = '', data = '{}'] = /^event: (\w+)\ndata: (.*)$/.exec(frame ?? '') ?? [];
  return { name, data: JSON.parse(data) };
}

/** Whether somebody in the handler listens to the manager. */
function listeners(spy: { mock: { calls: unknown[] } }): number {
  return spy.mock.calls.length;
}

test('each event of the manager arrives by its name, as JSON in snake_case', async () => {
  const stream = await listen();
  const names: string[] = [];
  await door.manager.client('math').callTool({ name: 'fail' });
  await door.manager
    .client('gone')
    .connect()
    .catch(() => {});
  door.manager.addServer('more', { url: 'https://more.example/mcp' });
  for (;;) {
    const { name, data } = parsed(await stream.next());
    names.push(name);
    if (name === 'call' && data.method === 'tools/call') {
      expect(data).toEqual({
        server: 'math',
        method: 'tools/call',
        name: 'fail',
        outcome: 'tool_error',
        duration_ms: expect.any(Number),
        attempts: 1,
        cached: false,
      });
    }
    if (name === 'status' && data.server === 'gone' && data.error !== undefined) {
      expect(data.error).toMatchObject({ name: 'ConnectionError', code: 'CONNECT_FAILED', retryable: true });
      expect(data.error).not.toHaveProperty('stack');
    }
    if (name === 'servers') {
      expect(data).toEqual({ added: ['more'], updated: [], removed: [] });
      break;
    }
  }
  expect(new Set(names)).toEqual(new Set(['status', 'refresh', 'call', 'servers']));
  await stream.cancel();
});

test('the filter leaves one server, and the news of it', async () => {
  const stream = await listen('?server_name=gone');
  await door.manager.client('math').callTool({ name: 'fail' });
  door.manager.addServer('more', { url: 'https://more.example/mcp' });
  await door.manager.removeServer('gone');
  const { name, data } = parsed(await stream.next());
  expect([name, data]).toEqual(['servers', { added: [], updated: [], removed: ['gone'] }]);
  expect((await door.ask({ method: 'GET', path: '/events?server_name=nobody' })).status).toBe(404);
  await stream.cancel();
});

test('the filter leaves the names of others out, where one event tells of several', async () => {
  const stream = await listen('?server_name=math');
  const all = await listen();
  const { math } = door;
  await door.manager.setServers({
    math: { ...math.config, callTimeoutMs: 1_000 },
    secret: { url: 'https://secret.example/mcp' },
  });
  const servers = async (from: Stream) => {
    for (;;) {
      const { name, data } = parsed(await from.next());
      if (name === 'servers') return data;
    }
  };
  expect(await servers(stream)).toEqual({ added: [], updated: ['math'], removed: [] });
  expect(await servers(all)).toEqual({ added: ['secret'], updated: ['math'], removed: ['gone'] });
  await stream.cancel();
  await all.cancel();
});

test('heartbeats come while nothing happens', async () => {
  vi.useFakeTimers();
  const stream = await listen();
  await vi.advanceTimersByTimeAsync(15_000);
  expect(await stream.next()).toBe(': heartbeat');
  await stream.cancel();
  expect(vi.getTimerCount()).toBe(0);
});

test('the last reader that goes takes the listening with it', async () => {
  const on = vi.spyOn(door.manager, 'on');
  const [first, second] = [await listen(), await listen()];
  expect(listeners(on)).toBe(10);
  await first.cancel();
  await second.cancel();
  await listen().then((third) => third.cancel());
  expect(listeners(on)).toBe(20);
});

test('the stream ends when the manager has closed', async () => {
  const stream = await listen();
  await door.manager.close();
  const names: string[] = [];
  for (let frame = await stream.next(); frame !== undefined; frame = await stream.next())
    names.push(parsed(frame).name);
  expect(names).toEqual(['status', 'status']);
});

describe('a reader that is too far behind', () => {
  test('is cut off, and others are not', async () => {
    const slow = await listen();
    const quick = await listen();
    let received = 0;
    const reading = (async () => {
      while (parsed(await quick.next()).name !== 'servers') received++;
    })();
    const { math } = door;
    for (let round = 0; round < 3_000; round++) {
      const name = `tool-${round}-${'x'.repeat(100)}`;
      await door.manager
        .client('math')
        .callTool({ name })
        .catch(() => {});
      if (round === 0) expect(math.calls).toEqual([]);
    }
    door.manager.addServer('end', { url: 'https://more.example/mcp' });
    await reading;
    expect(received).toBeGreaterThanOrEqual(3_000);
    await expect(slow.next()).rejects.toThrow('too far behind');
    await quick.cancel();
  });

  test('is not made one by a single large event', async () => {
    const stream = await listen();
    await door.manager
      .client('math')
      .callTool({ name: 'x'.repeat(100_000) })
      .catch(() => {});
    let frame = await stream.next();
    while (frame?.startsWith('event:')) frame = await stream.next();
    expect(frame).toMatch(/^: left out an event call of \d+ bytes$/);
    await stream.cancel();
  });
});

test('a thousand readers are enough', async () => {
  const streams: Response[] = [];
  for (let count = 0; count < 1_000; count++) {
    streams.push(await door.handler(new Request('http://localhost/events')));
  }
  const { status, json, headers } = await door.ask({ method: 'GET', path: '/events' });
  expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'TOO_MANY_LISTENERS', '1']);
  for (const { body } of streams) await body?.cancel();
  expect((await door.ask({ method: 'GET', path: '/events' })).status).toBe(200);
});
