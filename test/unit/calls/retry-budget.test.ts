import { expect, test } from 'vitest';
import { RetryBudget } from '../../../src/calls/retry-budget.js';

/** How often it pays in a row. */
function payments(budget: RetryBudget, afterTimeout: boolean): number {
  let paid = 0;
  while (paid < 1_000 && budget.spend(afterTimeout)) paid++;
  return paid;
}

test('pays for ten retries, or for five after timeouts', () => {
  expect(payments(new RetryBudget(), false)).toBe(10);
  expect(payments(new RetryBudget(), true)).toBe(5);
});

test('pays nothing that it cannot afford, and keeps what it has', () => {
  const budget = new RetryBudget();
  for (let n = 0; n < 9; n++) budget.spend(false);
  expect(budget.spend(true)).toBe(false);
  expect(budget.spend(false)).toBe(true);
  expect(budget.spend(false)).toBe(false);
});

test('earns one retry with ten successes', () => {
  const budget = new RetryBudget();
  payments(budget, false);
  for (let n = 0; n < 9; n++) budget.earn();
  expect(budget.spend(false)).toBe(false);
  budget.earn();
  expect(payments(budget, false)).toBe(1);
});

test('does not grow beyond what it began with', () => {
  const budget = new RetryBudget();
  for (let n = 0; n < 1_000; n++) budget.earn();
  expect(payments(budget, false)).toBe(10);
});

test('keeps attempts below 1.1 of the calls and ten more, however successes and failures mix', () => {
  for (const failing of [0.1, 0.5, 0.9, 1]) {
    const budget = new RetryBudget();
    let retries = 0;
    for (let call = 0; call < 10_000; call++) {
      if (Math.abs(Math.sin(call)) < failing) retries += budget.spend(false) ? 1 : 0;
      else budget.earn();
    }
    expect(retries).toBeLessThanOrEqual(0.1 * 10_000 + 10);
  }
});
