import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sourceOf } from './contexts.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a plain string', () => {
  test('is asked for on every request', async () => {
    const { source, questions } = sourceOf((_context, count) => `token-${count}`);
    expect(await source.get()).toEqual({ token: 'token-1' });
    expect(await source.get()).toEqual({ token: 'token-2' });
    expect(questions.map(({ reason, previous }) => [reason, previous])).toEqual([
      ['initial', undefined],
      ['initial', undefined],
    ]);
    expect(vi.getTimerCount()).toBe(0);
    expect(source.expiresAt).toBeUndefined();
  });

  test('never reaches another caller, not even the first time', async () => {
    const user = new AsyncLocalStorage<string>();
    const { source } = sourceOf(async () => {
      await Promise.resolve();
      return `token-of-${user.getStore()}`;
    });
    const names = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const tokens = await Promise.all(names.map((name) => user.run(name, () => source.get())));
    expect(tokens).toEqual(names.map((name) => ({ token: `token-of-${name}` })));
    const again = await Promise.all(names.map((name) => user.run(name, () => source.get())));
    expect(again).toEqual(tokens);
  });

  test('may be asked for by many at the same time without a warning', async () => {
    const warned = vi.fn();
    process.on('warning', warned);
    const { source } = sourceOf(async () => 'token');
    await source.get();
    await Promise.all(Array.from({ length: 100 }, () => source.get()));
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warned);
    expect(warned).not.toHaveBeenCalled();
  });

  test('is asked for by all at the same time once it is known to be plain', async () => {
    const { source } = sourceOf(async (_context, count) => {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return `token-${count}`;
    });
    const all = Promise.all(Array.from({ length: 20 }, () => source.get()));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(new Set((await all).map((token) => token?.token)).size).toBe(20);
  });

  test('is asked for again at once after a failure', async () => {
    const { source } = sourceOf((_context, count) => {
      if (count === 2) throw new Error('no user');
      return 'token';
    });
    await source.get();
    await expect(source.get()).rejects.toMatchObject({ code: 'TOKEN_FAILED' });
    expect(await source.get()).toEqual({ token: 'token' });
  });

  test('is an event only when it changes', async () => {
    const { source, events } = sourceOf((_context, count) => (count < 3 ? 'old' : 'new'));
    for (let request = 0; request < 5; request++) await source.get();
    expect(events).toEqual([{ reason: 'initial' }, { reason: 'initial' }]);
    await source.refresh();
    expect(events.at(-1)).toEqual({ reason: 'forced' });
  });
});

test('no token at all is asked about on every request', async () => {
  const { source, questions, events } = sourceOf((_context, count) => (count < 3 ? undefined : 'token'));
  expect(await source.get()).toBeUndefined();
  expect(await source.get()).toBeUndefined();
  expect(await source.get()).toEqual({ token: 'token' });
  expect(questions).toHaveLength(3);
  expect(events).toEqual([{ reason: 'initial' }]);
});

test('a provider may change its mind in either direction', async () => {
  const { source, questions } = sourceOf((_context, count) =>
    count === 2 ? { token: 'kept', expiresAt: Date.now() + 3_600_000 } : `plain-${count}`,
  );
  expect(await source.get()).toEqual({ token: 'plain-1' });
  expect(await source.get()).toMatchObject({ token: 'kept' });
  expect(await source.get()).toMatchObject({ token: 'kept' });
  await source.refresh();
  expect(await source.get()).toEqual({ token: 'plain-4' });
  expect(questions).toHaveLength(4);
});

describe('after a 401', () => {
  test('a plain string is asked for once more', async () => {
    const { source, questions } = sourceOf((_context, count) => `token-${count}`);
    const used = await source.get();
    expect(await source.rejected(used, { error: 'invalid_token' })).toEqual({ token: 'token-2' });
    expect(questions[1]).toMatchObject({
      reason: 'rejected',
      previous: { token: 'token-1' },
      challenge: { error: 'invalid_token' },
    });
  });

  test('an unchanged one is not sent again, and is asked about once a minute', async () => {
    const { source, questions } = sourceOf(() => 'same');
    const used = await source.get();
    for (let second = 0; second < 60; second++) {
      expect(await source.rejected(used, undefined)).toBeUndefined();
      await vi.advanceTimersByTimeAsync(999);
    }
    expect(questions).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1_000);
    await source.rejected(used, undefined);
    expect(questions).toHaveLength(3);
  });

  test('one user does not use up the questions of another', async () => {
    const user = new AsyncLocalStorage<string>();
    const { source } = sourceOf((context) => `${context.reason}-${user.getStore()}`);
    for (const name of ['a', 'b', 'c', 'd']) {
      const used = await user.run(name, () => source.get());
      const next = await user.run(name, () => source.rejected(used, undefined));
      expect(next).toEqual({ token: `rejected-${name}` });
    }
  });
});
