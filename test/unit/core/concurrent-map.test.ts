import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { concurrentMap } from '../../../src/core/concurrent-map.js';

test('gives outcomes in the order of the items, whatever ends first', async () => {
  const rounds = [5, 0, 3, 1];
  const ended: number[] = [];
  const outcomes = await concurrentMap(rounds, 4, async (round) => {
    for (let i = 0; i < round; i++) await setImmediate();
    ended.push(round);
    return `after ${round}`;
  });
  expect(ended).toEqual([0, 1, 3, 5]);
  expect(outcomes).toEqual(['after 5', 'after 0', 'after 3', 'after 1']);
});

test.each([
  [1, 1],
  [3, 3],
  [100, 10],
])('with a limit of %i works on %i of 10 at the same time', async (limit, expected) => {
  let running = 0;
  let most = 0;
  await concurrentMap(
    Array.from({ length: 10 }, (_, i) => i),
    limit,
    async () => {
      running++;
      most = Math.max(most, running);
      await setImmediate();
      running--;
    },
  );
  expect(most).toBe(expected);
});

test('goes on with the next item as soon as one has ended', async () => {
  const started: string[] = [];
  let release = () => {};
  const blocked = new Promise<void>((resolve) => {
    release = resolve;
  });
  const all = concurrentMap(['slow', 'b', 'c', 'd'], 2, async (item) => {
    started.push(item);
    if (item === 'slow') await blocked;
  });
  await setImmediate();
  expect(started).toEqual(['slow', 'b', 'c', 'd']);
  release();
  await all;
});

test('works on each item once', async () => {
  const seen: number[] = [];
  const items = Array.from({ length: 50 }, (_, i) => i);
  await concurrentMap(items, 7, async (item) => {
    await setImmediate();
    seen.push(item);
  });
  expect(seen.sort((a, b) => a - b)).toEqual(items);
});

test('gives nothing for nothing', async () => {
  expect(await concurrentMap([], 3, async () => 1)).toEqual([]);
});

test('rejects with the error of the work', async () => {
  const failure = new Error('failed');
  const mapped = concurrentMap([1, 2, 3], 2, async (item) => {
    if (item === 2) throw failure;
    return item;
  });
  await expect(mapped).rejects.toBe(failure);
});
