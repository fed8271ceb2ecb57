import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Rate } from '../../../src/core/rate.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function taken(rate: Rate, times: number): number {
  return Array.from({ length: times }, () => rate.take()).filter(Boolean).length;
}

test('so many at once, and then so many a second', () => {
  const rate = new Rate(10, 2);
  expect(taken(rate, 100)).toBe(10);
  vi.advanceTimersByTime(1_000);
  expect(taken(rate, 100)).toBe(2);
  vi.advanceTimersByTime(499);
  expect(rate.take()).toBe(false);
  vi.advanceTimersByTime(1);
  expect(rate.take()).toBe(true);
});

test('a long rest gives no more than the first burst', () => {
  const rate = new Rate(3, 1);
  vi.advanceTimersByTime(3_600_000);
  expect(taken(rate, 100)).toBe(3);
});
