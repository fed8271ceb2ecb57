import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type McpFleetError, RemoteError } from '../../../../src/core/errors.js';
import type { Answer } from '../../../../src/session/reading/message.js';
import type { SessionRequestOptions } from '../../../../src/session/session.js';
import { Listening } from '../../../../src/session/stateless/listening.js';
import { connectionLost } from '../../../../src/session/transports/connection-lost.js';

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(1);
});
afterEach(() => vi.useRealTimers());

const NEVER = new AbortController().signal;
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

interface Opened {
  readonly id: number;
  readonly filter: object;
  readonly options: SessionRequestOptions;
  answer(answer: Answer): void;
  drop(error: unknown): void;
}

/** A listening with the test in the place of the server, which acknowledges all by itself unless told otherwise. */
function listening(acknowledge: (opened: Opened) => object | undefined = ({ filter }) => filter) {
  const opened: Opened[] = [];
  const told: unknown[] = [];
  const made = new Listening({
    observer: {
      listChanged: (kind) => told.push(kind),
      resourceUpdated: (uri) => told.push(uri),
      error: (error) => told.push(error),
    },
    listen: (filter, options) =>
      new Promise((resolve, reject) => {
        const id = opened.length;
        const stream = { id, filter, options, answer: resolve, drop: reject };
        opened.push(stream);
        options.observation?.sent({ method: 'subscriptions/listen', id, sessionId: undefined });
        options.signal.addEventListener('abort', () => reject(options.signal.reason));
        const notifications = acknowledge(stream);
        if (notifications !== undefined) queueMicrotask(() => says(id, notifications));
      }),
  });
  const says = (id: unknown, notifications?: unknown) =>
    made.acknowledged(ACKNOWLEDGED, {
      _meta: { 'io.modelcontextprotocol/subscriptionId': id },
      notifications,
    });
  const open = () => opened.filter(({ options }) => !options.signal.aborted);
  return { made, opened, told, says, open };
}

describe('a stream that is not wanted any more', () => {
  const { signal } = new AbortController();

  test('is not left open by a subscription that ended before it was there', async () => {
    const { made, open } = listening();
    const subscribing = made.subscribe('file:///a', signal);
    await made.unsubscribe('file:///a', signal);
    await subscribing.catch(() => {});
    await vi.advanceTimersByTimeAsync(0);
    expect(open()).toEqual([]);
  });

  test('is not left open by a subscription that the server does not have', async () => {
    const { made, open } = listening(() => ({}));
    await expect(made.subscribe('file:///a', signal)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    await vi.advanceTimersByTimeAsync(0);
    expect(open()).toEqual([]);
  });

  test('says what the one in its place says, too', async () => {
    const { made } = listening();
    const by = (id: unknown) => ({ _meta: { 'io.modelcontextprotocol/subscriptionId': id } });
    await made.subscribe('file:///a', signal);
    expect(made.isRepeated(by(0))).toBe(false);
    await made.subscribe('file:///b', signal);
    expect([by('0'), by(0), by(1), by(7), by(undefined), {}].map((one) => made.isRepeated(one))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('what a server tells by itself', () => {
  test('is asked for in one stream, when lists are read together', async () => {
    const { made, opened } = listening();
    expect(made.hears('tools')).toBe(false);
    made.want('tools');
    made.want('prompts');
    made.want('tools');
    await vi.advanceTimersByTimeAsync(20);
    expect(opened.map(({ filter }) => filter)).toEqual([
      { toolsListChanged: true, promptsListChanged: true },
    ]);
    expect([made.hears('tools'), made.hears('resources')]).toEqual([true, false]);
  });

  test('is asked for in one stream, when a resource is subscribed to just after lists were read', async () => {
    const { made, opened } = listening();
    made.want('tools');
    await made.subscribe('file:///a', NEVER);
    await vi.advanceTimersByTimeAsync(20);
    expect(opened.map(({ filter }) => filter)).toEqual([
      { toolsListChanged: true, resourceSubscriptions: ['file:///a'] },
    ]);
    made.want('prompts');
    await vi.advanceTimersByTimeAsync(20);
    expect(opened).toHaveLength(2);
  });

  test('goes on in the stream before, until the next one is acknowledged', async () => {
    const { made, opened, says, open } = listening(({ id, filter }) => (id === 0 ? filter : undefined));
    await made.subscribe('file:///a', NEVER);
    const second = made.subscribe('file:///b', NEVER);
    await vi.advanceTimersByTimeAsync(0);
    expect(open().map(({ id }) => id)).toEqual([0, 1]);
    says('1', opened[1]?.filter);
    await second;
    expect(open().map(({ id }) => id)).toEqual([1]);
    expect(opened[1]?.filter).toEqual({ resourceSubscriptions: ['file:///a', 'file:///b'] });
  });

  test('is asked for by many at once', async () => {
    const { made, opened, open } = listening();
    const uris = Array.from({ length: 20 }, (_, at) => `file:///${at}`);
    made.want('tools');
    await Promise.all(uris.map((uri) => made.subscribe(uri, NEVER)));
    await vi.advanceTimersByTimeAsync(100_000);
    expect([opened.length, open().length]).toEqual([1, 1]);
    expect(opened[0]?.filter).toEqual({ toolsListChanged: true, resourceSubscriptions: uris });
  });

  test('ends with the last thing that is wanted', async () => {
    const { made, open } = listening();
    await made.subscribe('file:///a', NEVER);
    await made.unsubscribe('file:///a', NEVER);
    await made.unsubscribe('file:///a', NEVER);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(open()).toEqual([]);
  });

  test('is not what the server does not acknowledge', async () => {
    const { made } = listening(() => ({}));
    await expect(made.subscribe('file:///a', NEVER)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      delivery: 'answered',
    });
  });

  test.each<unknown>([undefined, null, 7, {}, [], { toString: 0, valueOf: 0 }])(
    'is not acknowledged under the id %j',
    async (id) => {
      const { made, says } = listening(() => undefined);
      const subscribed = made.subscribe('file:///a', NEVER).catch((error: McpFleetError) => error.code);
      says(id, { resourceSubscriptions: ['file:///a'] });
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await subscribed).toBe('TIMEOUT');
    },
  );

  test('is waited for as long as the caller waits', async () => {
    const { made } = listening(() => undefined);
    const controller = new AbortController();
    const subscribed = made.subscribe('file:///a', controller.signal);
    controller.abort('enough');
    await expect(subscribed).rejects.toBe('enough');
  });

  test('is asked for no more once it was refused, and that is reported', async () => {
    const { made, opened, told } = listening(() => undefined);
    made.want('tools');
    await vi.advanceTimersByTimeAsync(20);
    opened[0]?.answer({ error: { code: -32_601, message: 'Method not found' } });
    await vi.advanceTimersByTimeAsync(1_000_000);
    made.want('prompts');
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(opened).toHaveLength(1);
    expect(told).toMatchObject([{ code: 'UNSUPPORTED', cause: expect.any(RemoteError) }]);
  });
});

describe('a stream that ends', () => {
  test.each<[string, (stream: Opened) => void]>([
    ['by its answer', (stream) => stream.answer({ result: {} })],
    ['by a broken connection', (stream) => stream.drop(connectionLost('reset'))],
    ['by an error', (stream) => stream.answer({ error: { code: 1, message: 'x' } })],
  ])('%s is opened again, and what may have been missed counts as changed', async (_how, end) => {
    const { made, opened, told } = listening();
    made.want('tools');
    await vi.advanceTimersByTimeAsync(20);
    await made.subscribe('file:///a', NEVER);
    end(opened.at(-1) as Opened);
    await vi.advanceTimersByTimeAsync(999);
    const before = opened.length;
    await vi.advanceTimersByTimeAsync(1);
    expect(opened.length).toBe(before + 1);
    expect(opened.at(-1)?.filter).toEqual({ toolsListChanged: true, resourceSubscriptions: ['file:///a'] });
    expect(told).toEqual(['tools', 'file:///a']);
  });

  test('again and again is opened ever later', async () => {
    const { made, opened } = listening((stream) => {
      queueMicrotask(() => queueMicrotask(() => stream.answer({ result: {} })));
      return stream.filter;
    });
    made.want('tools');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opened.length).toBeLessThan(10);
    const before = opened.length;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(opened.length - before).toBeLessThan(80);
  });

  test('after a while without fault begins with the shortest wait', async () => {
    const { made, opened } = listening();
    made.want('tools');
    await vi.advanceTimersByTimeAsync(20);
    for (let time = 0; time < 5; time++) {
      await vi.advanceTimersByTimeAsync(30_000);
      opened.at(-1)?.drop(connectionLost('reset'));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(opened).toHaveLength(6);
  });

  test('is not opened again after the end of the session', async () => {
    const { made, opened, open } = listening();
    made.want('tools');
    await vi.advanceTimersByTimeAsync(20);
    made.close(new Error('closed'));
    made.want('prompts');
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect([opened.length, open().length]).toEqual([1, 0]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
