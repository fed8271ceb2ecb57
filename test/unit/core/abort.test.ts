import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { abortable, settlesWithin, wait } from '../../../src/core/abort.js';

const reason = new Error('enough');

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

/** Timers that keep this process alive. */
function keepingAlive(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

test('the count of timers that keep the process alive sees one', () => {
  const before = keepingAlive();
  const timer = setTimeout(() => {}, 60_000);
  expect(keepingAlive()).toBe(before + 1);
  clearTimeout(timer);
});

describe('abortable', () => {
  test('is the promise itself where there is no signal', () => {
    const promise = Promise.resolve(1);
    expect(abortable(promise, undefined)).toBe(promise);
  });

  test('settles as the promise does', async () => {
    const { signal } = new AbortController();
    const failure = new Error('failed');
    await expect(abortable(Promise.resolve(1), signal)).resolves.toBe(1);
    await expect(abortable(Promise.reject(failure), signal)).rejects.toBe(failure);
  });

  test('rejects with the very reason when the signal aborts', async () => {
    const controller = new AbortController();
    const waiting = abortable(new Promise(() => {}), controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test('rejects with the reason of a signal that has aborted, even where the promise is settled', async () => {
    await expect(abortable(Promise.resolve(1), AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test.each(['before', 'after'])('keeps a failure of the work %s the abort to itself', async (when) => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const controller = new AbortController();
    if (when === 'before') controller.abort(reason);
    let fail = (_error: Error) => {};
    const work = new Promise((_resolve, reject) => {
      fail = reject;
    });
    const waiting = abortable(work, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    fail(new Error('too late'));
    await setImmediate();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test('leaves no listener on the signal', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const pending = abortable(new Promise(() => {}), signal);
    expect(listenersOf(signal)).toBe(1);
    await abortable(Promise.resolve(1), signal);
    await abortable(Promise.reject(reason), signal).catch(() => {});
    expect(listenersOf(signal)).toBe(1);
    controller.abort(reason);
    await pending.catch(() => {});
    expect(listenersOf(signal)).toBe(0);
  });
});

describe('wait', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('resolves after its time, not before', async () => {
    const done = vi.fn();
    void wait(1_000).then(done);
    await vi.advanceTimersByTimeAsync(999);
    expect(done).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(done).toHaveBeenCalledOnce();
  });

  test('rejects with the very reason when aborted, and holds no timer', async () => {
    const controller = new AbortController();
    const waiting = wait(1_000, controller.signal);
    expect(vi.getTimerCount()).toBe(1);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
    expect(listenersOf(controller.signal)).toBe(0);
  });

  test('rejects at once when the signal has aborted, and starts no timer', async () => {
    await expect(wait(1_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('leaves no listener on the signal', async () => {
    const { signal } = new AbortController();
    const waiting = wait(1_000, signal);
    expect(listenersOf(signal)).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    await waiting;
    expect(listenersOf(signal)).toBe(0);
  });

  test('does not keep the process alive', async () => {
    vi.useRealTimers();
    const before = keepingAlive();
    const controller = new AbortController();
    const waiting = wait(60_000, controller.signal);
    expect(keepingAlive()).toBe(before);
    controller.abort(reason);
    await waiting.catch(() => {});
  });
});

describe('settlesWithin', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test.each([
    ['resolves', () => Promise.resolve(false)],
    ['rejects', () => Promise.reject(reason)],
  ])('is true for a promise that %s in time, and holds no timer', async (_how, start) => {
    await expect(settlesWithin(start(), 1_000)).resolves.toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is false when the time is up, not before', async () => {
    const told = vi.fn();
    void settlesWithin(new Promise(() => {}), 1_000).then(told);
    await vi.advanceTimersByTimeAsync(999);
    expect(told).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(told).toHaveBeenCalledExactlyOnceWith(false);
  });

  test('keeps a later failure of the promise to itself', async () => {
    let fail = (_error: Error) => {};
    const promise = new Promise((_resolve, reject) => {
      fail = reject;
    });
    const answer = settlesWithin(promise, 1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(answer).resolves.toBe(false);
    vi.useRealTimers();
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    fail(reason);
    await setImmediate();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test('does not keep the process alive', async () => {
    vi.useRealTimers();
    const before = keepingAlive();
    let done = () => {};
    const answer = settlesWithin(
      new Promise<void>((resolve) => {
        done = resolve;
      }),
      60_000,
    );
    expect(keepingAlive()).toBe(before);
    done();
    await answer;
  });
});
