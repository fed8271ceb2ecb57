import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Deadline } from '../../../src/core/deadline.js';
import { TimeoutError } from '../../../src/core/errors.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('its time', () => {
  test('ends with a TimeoutError that knows how long it was, not before', () => {
    const deadline = new Deadline({ timeoutMs: 1_000 });
    vi.advanceTimersByTime(999);
    expect(deadline.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    const reason = deadline.signal.reason as TimeoutError;
    expect(reason).toBeInstanceOf(TimeoutError);
    expect(reason).toMatchObject({ code: 'TIMEOUT', timeoutMs: 1_000, message: 'No answer within 1000 ms' });
    expect(reason.delivery).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not keep the process alive', () => {
    vi.useRealTimers();
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    using deadline = new Deadline({ timeoutMs: 60_000, maxTotalTimeoutMs: 120_000 });
    expect(timers()).toBe(before);
    deadline.restart();
    expect(timers()).toBe(before);
  });

  test('keeps the process alive where somebody waits', () => {
    vi.useRealTimers();
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const deadline = new Deadline({ timeoutMs: 60_000, holdsProcess: true });
    expect(timers()).toBe(before + 1);
    deadline[Symbol.dispose]();
    expect(timers()).toBe(before);
  });

  test('may be longer than a timer of Node can be', () => {
    using deadline = new Deadline({ timeoutMs: 2 ** 40 });
    vi.advanceTimersByTime(2 ** 31 - 2);
    expect(deadline.signal.aborted).toBe(false);
  });
});

describe("the caller's signal", () => {
  test('ends it with the very reason', () => {
    const caller = new AbortController();
    const deadline = new Deadline({ timeoutMs: 1_000, signal: caller.signal });
    const reason = { why: 'enough' };
    caller.abort(reason);
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.signal.reason).toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('ends it at once when it has aborted already', () => {
    const reason = new Error('enough');
    const deadline = new Deadline({ timeoutMs: 1_000, signal: AbortSignal.abort(reason) });
    expect(deadline.signal.reason).toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('keeps no listener after the time is up', () => {
    const { signal } = new AbortController();
    new Deadline({ timeoutMs: 1_000, signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('that aborts after the time is up changes nothing', () => {
    const caller = new AbortController();
    const deadline = new Deadline({ timeoutMs: 1_000, signal: caller.signal });
    vi.advanceTimersByTime(1_000);
    caller.abort(new Error('too late'));
    expect(deadline.signal.reason).toBeInstanceOf(TimeoutError);
  });
});

describe('restart', () => {
  test('starts the timeout again, from now', () => {
    using deadline = new Deadline({ timeoutMs: 1_000, maxTotalTimeoutMs: 10_000 });
    vi.advanceTimersByTime(900);
    deadline.restart();
    vi.advanceTimersByTime(999);
    expect(deadline.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(deadline.signal.reason).toMatchObject({ timeoutMs: 1_900 });
  });

  test('goes no further than maxTotalTimeoutMs in all', () => {
    using deadline = new Deadline({ timeoutMs: 1_000, maxTotalTimeoutMs: 2_500 });
    for (let elapsedMs = 0; elapsedMs < 2_400; elapsedMs += 400) {
      vi.advanceTimersByTime(400);
      deadline.restart();
    }
    vi.advanceTimersByTime(99);
    expect(deadline.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(deadline.signal.reason).toMatchObject({ code: 'TIMEOUT', timeoutMs: 2_500 });
  });

  test('does nothing without maxTotalTimeoutMs', () => {
    using deadline = new Deadline({ timeoutMs: 1_000 });
    vi.advanceTimersByTime(900);
    deadline.restart();
    vi.advanceTimersByTime(100);
    expect(deadline.signal.aborted).toBe(true);
  });

  test('holds one timer, and none after the end', () => {
    const deadline = new Deadline({ timeoutMs: 1_000, maxTotalTimeoutMs: 10_000 });
    deadline.restart();
    deadline.restart();
    expect(vi.getTimerCount()).toBe(1);
    deadline.abort(new Error('enough'));
    deadline.restart();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the end', () => {
  test('by abort has the very reason, and leaves neither timer nor listener', () => {
    const { signal } = new AbortController();
    const deadline = new Deadline({ timeoutMs: 1_000, signal });
    const reason = new Error('closing');
    deadline.abort(reason);
    expect(deadline.signal.reason).toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('by disposal aborts nothing, and leaves neither timer nor listener', () => {
    const caller = new AbortController();
    const deadline = new Deadline({ timeoutMs: 1_000, signal: caller.signal });
    deadline[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
    vi.advanceTimersByTime(2_000);
    caller.abort();
    expect(deadline.signal.aborted).toBe(false);
  });
});

test("many on one caller's signal are no leak, and nobody is warned of one", async () => {
  vi.useRealTimers();
  const warned = vi.fn();
  process.on('warning', warned);
  const { signal } = new AbortController();
  const deadlines = Array.from({ length: 20 }, () => new Deadline({ timeoutMs: 1_000, signal }));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', warned);
  for (const deadline of deadlines) deadline[Symbol.dispose]();
  expect(warned).not.toHaveBeenCalled();
});
