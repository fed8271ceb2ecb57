import { describe, expect, test, vi } from 'vitest';
import { fullJitter, spread } from '../../../src/core/backoff.js';

const ALMOST_ONE = 1 - Number.EPSILON;
const backoff = { baseMs: 100, factor: 2, maxMs: 1_000 };

describe('fullJitter', () => {
  test.each([
    [0, 100],
    [1, 200],
    [2, 400],
    [3, 800],
    [4, 1_000],
    [5_000, 1_000],
  ])('for attempt %i lies between 0 and %i ms', (attempt, longest) => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    expect(fullJitter(backoff, attempt)).toBe(0);
    random.mockReturnValue(0.5);
    expect(fullJitter(backoff, attempt)).toBe(longest / 2);
    random.mockReturnValue(ALMOST_ONE);
    expect(fullJitter(backoff, attempt)).toBeCloseTo(longest, 6);
  });

  test('differs from time to time', () => {
    const waits = new Set(Array.from({ length: 100 }, () => fullJitter(backoff, 3)));
    expect(waits.size).toBeGreaterThan(90);
  });
});

describe('spread', () => {
  test.each([
    [0, 80],
    [0.5, 100],
    [ALMOST_ONE, 120],
  ])('for a draw of %f lies at %f', (draw, expected) => {
    vi.spyOn(Math, 'random').mockReturnValue(draw);
    expect(spread(100, 0.2)).toBeCloseTo(expected, 6);
  });
});
