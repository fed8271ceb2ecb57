import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RateLimitPause } from '../../../src/calls/rate-limit-pause.js';
import { ConnectionError } from '../../../src/core/errors.js';
import { callOf, ends, thrownBy } from './fakes.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** How long a call of ten minutes waits. */
async function pauseOf(pause: RateLimitPause): Promise<number> {
  const startedAt = performance.now();
  const { deadline } = callOf(600_000);
  let over = false;
  void pause.over(deadline).then(() => {
    over = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  while (!over) await vi.advanceTimersByTimeAsync(500);
  return performance.now() - startedAt;
}

test('lets calls through where nobody was refused', async () => {
  expect(await pauseOf(new RateLimitPause())).toBe(0);
});

test('holds calls until the server wants to be asked again, and no longer', async () => {
  const pause = new RateLimitPause();
  pause.note(ends.limited(8_000));
  await vi.advanceTimersByTimeAsync(3_000);
  expect(await pauseOf(pause)).toBe(5_000);
  expect(await pauseOf(pause)).toBe(0);
});

test('of two times that the server names keeps the later', async () => {
  const pause = new RateLimitPause();
  pause.note(ends.limited(8_000));
  pause.note(ends.limited(1_000));
  expect(await pauseOf(pause)).toBe(8_000);
});

test.each([
  ['a 429 that names no time', ends.limited()],
  ['a 503 that names one', ends.http(503, 8_000)],
  ['a refused connection that names one', ends.refused(8_000)],
])('takes no note of %s', async (_what, error) => {
  const pause = new RateLimitPause();
  pause.note(error);
  expect(await pauseOf(pause)).toBe(0);
});

test.each([86_400_000, Number.POSITIVE_INFINITY])(
  'believes no more than five minutes of %i ms',
  async (asked) => {
    const pause = new RateLimitPause();
    pause.note(ends.limited(asked));
    expect(await pauseOf(pause)).toBe(300_000);
  },
);

test('refuses at once what has no time for the pause, and says for how long', async () => {
  const pause = new RateLimitPause();
  pause.note(ends.limited(8_000));
  await vi.advanceTimersByTimeAsync(500);
  for (const timeoutMs of [100, 7_500]) {
    const error = await thrownBy(pause.over(callOf(timeoutMs).deadline));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({
      code: 'RATE_LIMITED',
      delivery: 'not-sent',
      retryable: true,
      retryAfterMs: 7_500,
    });
  }
  await pause.over(callOf(1).deadline).catch(() => {});
});

test('ends with the call', async () => {
  const pause = new RateLimitPause();
  pause.note(ends.limited(8_000));
  const call = callOf();
  const failed = thrownBy(pause.over(call.deadline));
  const reason = new Error('enough');
  call.abort(reason);
  expect(await failed).toBe(reason);
  expect(vi.getTimerCount()).toBe(0);
});

test('takes no note of its own refusals, which would make it longer', async () => {
  const pause = new RateLimitPause();
  pause.note(ends.limited(8_000));
  await vi.advanceTimersByTimeAsync(2_000);
  await thrownBy(pause.over(callOf(100).deadline));
  expect(await pauseOf(pause)).toBe(6_000);
});
