import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ResultCache } from '../../../src/calls/result-cache.js';

beforeEach(() => {
  // lru-cache holds on to the real `performance`.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
});
afterEach(() => vi.useRealTimers());

const asked = (n: number) => ['tools/call', 'look', { n }];

test('answers what was asked before, and nothing else', () => {
  const cache = new ResultCache(10);
  cache.set(asked(1), { content: 'one' }, 1_000);
  expect(cache.get(asked(1))).toEqual({ content: 'one' });
  expect(cache.get(asked(2))).toBeUndefined();
  expect(cache.get(['tools/call', 'look', undefined])).toBeUndefined();
  expect(cache.get(['resources/read', 'look', { n: 1 }])).toBeUndefined();
});

test('knows a question by its meaning, not by the order of its keys', () => {
  const cache = new ResultCache(10);
  cache.set(['x', { a: 1, b: { c: 2, d: 3 } }], { content: 'same' }, 1_000);
  expect(cache.get(['x', { b: { d: 3, c: 2 }, a: 1 }])).toEqual({ content: 'same' });
  expect(cache.get(['x', { b: { d: '3', c: 2 }, a: 1 }])).toBeUndefined();
});

test('forgets when the time is up, each result by its own', async () => {
  const cache = new ResultCache(10);
  cache.set(asked(1), { content: 'short' }, 1_000);
  cache.set(asked(2), { content: 'long' }, 5_000);
  await vi.advanceTimersByTimeAsync(999);
  expect(cache.get(asked(1))).toBeDefined();
  await vi.advanceTimersByTimeAsync(2);
  expect(cache.get(asked(1))).toBeUndefined();
  expect(cache.get(asked(2))).toBeDefined();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(cache.get(asked(2))).toBeUndefined();
});

test('being asked does not make a result younger', async () => {
  const cache = new ResultCache(10);
  cache.set(asked(1), { content: 'one' }, 1_000);
  for (let n = 0; n < 11; n++) {
    await vi.advanceTimersByTimeAsync(100);
    cache.get(asked(1));
  }
  expect(cache.get(asked(1))).toBeUndefined();
});

test('keeps so many, and lets go of the one that was asked for least recently', () => {
  const cache = new ResultCache(3);
  for (const n of [1, 2, 3]) cache.set(asked(n), { n }, 1_000);
  cache.get(asked(1));
  cache.set(asked(4), { n: 4 }, 1_000);
  expect([1, 2, 3, 4].map((n) => cache.get<{ n: number }>(asked(n))?.n)).toEqual([1, undefined, 3, 4]);
});

test('hands out copies, and keeps one: nobody can change what others get', () => {
  const cache = new ResultCache(10);
  const result = { content: [{ text: 'original' }] };
  cache.set(asked(1), result, 1_000);
  (result.content[0] as { text: string }).text = 'changed by the first';
  const second = cache.get<typeof result>(asked(1));
  expect(second).toEqual({ content: [{ text: 'original' }] });
  second?.content.push({ text: 'changed by the second' });
  expect(cache.get(asked(1))).toEqual({ content: [{ text: 'original' }] });
});

test('can be cleared', () => {
  const cache = new ResultCache(10);
  cache.set(asked(1), {}, 1_000);
  cache.clear();
  expect(cache.get(asked(1))).toBeUndefined();
});
