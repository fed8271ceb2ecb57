import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AuthError, ConnectionError, type McpFleetError } from '../../../../src/core/errors.js';
import { ServerStream } from '../../../../src/session/transports/server-stream.js';
import { gate } from '../../client/fakes.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type Reading = { onEventId(id: string): void; onRetry(ms: number): void };
type Answer = (count: number) => Response | Promise<Response>;

/** A stream that is running, with the times at which it was opened. */
function stream(open: Answer, read: (reading: Reading, count: number) => Promise<void> = async () => {}) {
  const controller = new AbortController();
  const begin = Date.now();
  const openedAt: number[] = [];
  const lastEventIds: (string | undefined)[] = [];
  const gone: ConnectionError[] = [];
  const forgotten: ConnectionError[] = [];
  const failed: McpFleetError[] = [];
  let reads = 0;
  new ServerStream({
    open: async (lastEventId) => {
      openedAt.push(Date.now() - begin);
      lastEventIds.push(lastEventId);
      return open(openedAt.length);
    },
    read: (_response, onEventId, onRetry) => read({ onEventId, onRetry }, ++reads),
    gone: (reason) => gone.push(reason),
    forgotten: (reason) => forgotten.push(reason),
    failed: (error) => failed.push(error),
    signal: controller.signal,
  }).start();
  return { openedAt, lastEventIds, gone, forgotten, failed, controller };
}

const open = () => new Response('', { headers: { 'content-type': 'text/event-stream' } });
const status = (code: number) => new Response(null, { status: code });
const unreachable = () =>
  Promise.reject(new ConnectionError('CONNECT_FAILED', 'refused', { retryable: true }));
/** Open at first, and then what `answer` says. */
const after = (answer: () => Response | Promise<Response>) => (count: number) =>
  count === 1 ? open() : answer();

/** The most openings in any 30 seconds. */
function densest(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 30_000).length));
}

describe('the stream of a server', () => {
  test('is opened again a second after it ends', async () => {
    const { openedAt, controller } = stream(open, (_reading, count) =>
      count === 1 ? Promise.resolve() : new Promise(() => {}),
    );
    await vi.advanceTimersByTimeAsync(100_000);
    expect(openedAt).toEqual([0, 1_000]);
    controller.abort();
  });

  test.each([
    ['ends at once', async () => {}],
    ['breaks at once', async () => Promise.reject(new Error('reset'))],
    ['asks to be opened again at once', async ({ onRetry }: Reading) => onRetry(0)],
    ['asks to be opened again after 100 ms', async ({ onRetry }: Reading) => onRetry(100)],
  ])('that %s is opened at most 6 times in any 30 seconds, and for ever', async (_what, read) => {
    const { openedAt, controller } = stream(open, read);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(densest(openedAt)).toBeLessThanOrEqual(6);
    expect(openedAt.length).toBeGreaterThan(40);
    expect(openedAt.at(-1)).toBeGreaterThan(250_000);
    controller.abort();
  });

  test('that is now refused, now open, is opened at most 6 times in any 30 seconds, too', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const { openedAt, controller } = stream((count) => (count % 2 === 1 ? open() : status(503)));
    await vi.advanceTimersByTimeAsync(300_000);
    expect(densest(openedAt)).toBeLessThanOrEqual(6);
    controller.abort();
  });

  test.each([
    [100, 100],
    [5_000, 5_000],
    [300_000, 300_000],
    [99, 1_000],
    [0, 1_000],
    [-5, 1_000],
    [300_001, 1_000],
    [99_999_999_999, 1_000],
    [Number.NaN, 1_000],
  ])('that asks for a wait of %d ms gets one of %i ms', async (asked, wait) => {
    const { openedAt, controller } = stream(open, async ({ onRetry }, count) => {
      onRetry(asked);
      if (count > 1) await new Promise(() => {});
    });
    await vi.advanceTimersByTimeAsync(400_000);
    expect(openedAt).toEqual([0, wait]);
    controller.abort();
  });

  test('goes on after the last event it had', async () => {
    const { lastEventIds, controller } = stream(open, async ({ onEventId }, count) => {
      if (count === 1) for (const id of ['1', '2']) onEventId(id);
      if (count === 3) await new Promise(() => {});
    });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(lastEventIds).toEqual([undefined, '2', '2']);
    controller.abort();
  });

  test.each([400, 401, 403, 404, 405, 406, 500, 503])(
    'is not offered by a server that answers the first time with %i, and nothing is made of it',
    async (code) => {
      const { openedAt, gone, failed } = stream(() => status(code));
      await vi.advanceTimersByTimeAsync(600_000);
      expect(openedAt).toEqual([0]);
      expect(gone).toEqual([]);
      expect(failed).toEqual([]);
    },
  );

  test('is not one of another media type', async () => {
    const { openedAt, gone, failed } = stream(() => Response.json({}));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(openedAt).toEqual([0]);
    expect([...gone, ...failed]).toEqual([]);
  });

  test.each([
    [400, 'gone'],
    [404, 'forgotten'],
  ] as const)(
    'that is answered with %i once it was open means that the session is %s',
    async (code, what) => {
      const { openedAt, failed, ...told } = stream(after(() => status(code)));
      await vi.advanceTimersByTimeAsync(600_000);
      expect(openedAt).toHaveLength(2);
      expect(told[what]).toMatchObject([{ code: 'CONNECTION_LOST', retryable: true }]);
      expect(told[what][0]?.message).toContain(`HTTP ${code}`);
      expect([...told.gone, ...told.forgotten]).toHaveLength(1);
      expect(failed).toEqual([]);
    },
  );

  test.each([401, 403])(
    'that is answered with %i once it was open is given up; requests may work',
    async (code) => {
      const { openedAt, gone, failed } = stream(after(() => status(code)));
      await vi.advanceTimersByTimeAsync(600_000);
      expect(openedAt).toHaveLength(2);
      expect(gone).toEqual([]);
      expect(failed).toHaveLength(1);
      expect(failed[0]).toBeInstanceOf(AuthError);
    },
  );

  test('that is answered with 405 once it was open is not opened again, and nothing is made of it', async () => {
    const { openedAt, gone, failed } = stream(after(() => status(405)));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(openedAt).toHaveLength(2);
    expect([...gone, ...failed]).toEqual([]);
  });

  test.each([500, 503, 429])(
    'that is answered with %i once it was open is tried again, ever more seldom',
    async (code) => {
      vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
      const { openedAt, gone, failed, controller } = stream(after(() => status(code)));
      await vi.advanceTimersByTimeAsync(600_000);
      const waits = openedAt.slice(1).map((at, n) => at - (openedAt[n] ?? 0));
      expect(waits.length).toBeGreaterThan(8);
      expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
      expect(waits.at(-1)).toBeGreaterThan(50_000);
      expect([...gone, ...failed]).toEqual([]);
      controller.abort();
    },
  );

  test('that cannot be reached twice in a row means that the server is gone', async () => {
    const { openedAt, gone } = stream(after(unreachable));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(openedAt).toHaveLength(3);
    expect(gone).toMatchObject([
      { code: 'CONNECTION_LOST', retryable: true, cause: { code: 'CONNECT_FAILED' } },
    ]);
  });

  test('that cannot be reached now and then is opened again', async () => {
    const { openedAt, gone, controller } = stream((count) => (count % 2 === 1 ? open() : unreachable()));
    await vi.advanceTimersByTimeAsync(200_000);
    expect(openedAt.length).toBeGreaterThan(10);
    expect(gone).toEqual([]);
    controller.abort();
  });

  test('for which no token can be had is given up', async () => {
    const refusal = new AuthError('TOKEN_FAILED', 'no token');
    const { gone, failed, openedAt } = stream(after(() => Promise.reject(refusal)));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(openedAt).toHaveLength(2);
    expect(failed).toEqual([refusal]);
    expect(gone).toEqual([]);
  });

  test.each([
    ['while it is opened', () => new Promise<Response>(() => {}), async () => {}],
    ['while it is read', open, () => new Promise<void>(() => {})],
    ['while it waits', open, async () => {}],
    ['while it waits to be tried again', after(() => status(503)), async () => {}],
  ])('is left alone once the session has ended %s', async (_what, answer, read) => {
    const { openedAt, gone, failed, controller } = stream(answer as Answer, read);
    await vi.advanceTimersByTimeAsync(500);
    controller.abort(new Error('closed'));
    const before = openedAt.length;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(openedAt).toHaveLength(before);
    expect([...gone, ...failed]).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that fails because the session ended makes nothing of it', async () => {
    const { passed, open: fail } = gate();
    const { gone, failed, controller } = stream(async () => {
      await passed;
      throw new Error('aborted');
    });
    controller.abort(new Error('closed'));
    fail();
    await vi.advanceTimersByTimeAsync(600_000);
    expect([...gone, ...failed]).toEqual([]);
  });
});
