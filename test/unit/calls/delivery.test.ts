import { describe, expect, test } from 'vitest';
import {
  RETRY_RULES,
  type Repeatability,
  type RetryRule,
  resendOfRejected,
  worseDelivery,
} from '../../../src/calls/delivery.js';
import type { Delivery, McpFleetError } from '../../../src/core/errors.js';
import { ends } from './fakes.js';

/** The table of design/calls.md, "Delivery". */
const EXPECTED: [Repeatability, Delivery, RetryRule][] = [
  ['read', 'not-sent', 'retry'],
  ['read', 'rejected', 'by reason'],
  ['read', 'unknown', 'retry'],
  ['read', 'answered', 'never'],
  ['tool', 'not-sent', 'retry'],
  ['tool', 'rejected', 'by reason'],
  ['tool', 'unknown', 'never'],
  ['tool', 'answered', 'never'],
  ['idempotent', 'not-sent', 'retry'],
  ['idempotent', 'rejected', 'by reason'],
  ['idempotent', 'unknown', 'once'],
  ['idempotent', 'answered', 'never'],
];

test.each(EXPECTED)('%s, %s: %s', (operation, delivery, rule) => {
  expect(RETRY_RULES[operation][delivery]).toBe(rule);
});

test('the table has no other cells', () => {
  const cells = Object.values(RETRY_RULES).flatMap((row) => Object.keys(row));
  expect(cells).toHaveLength(EXPECTED.length);
});

describe('what was rejected before it ran', () => {
  test.each<[string, McpFleetError, ReturnType<typeof resendOfRejected>]>([
    ['404 to a session id', ends.forgotten(), 'after a new session'],
    ['421', ends.http(421), 'within the budget'],
    ['429', ends.limited(), 'within the budget'],
    ['401', ends.unauthorized(), 'never'],
    ['403', ends.forbidden(), 'never'],
    ['-32602', ends.badArguments(), 'never'],
    ['another status', ends.http(400), 'never'],
  ])('by %s is sent again: %s', (_what, error, resend) => {
    expect(resendOfRejected(error)).toBe(resend);
  });
});

describe('of two deliveries', () => {
  const order: Delivery[] = ['not-sent', 'rejected', 'unknown', 'answered'];
  const pairs = order.flatMap((a, i) => order.map((b, j) => [a, b, order[Math.max(i, j)]] as const));

  test.each(pairs)('%s and %s, %s counts', (a, b, worse) => {
    expect(worseDelivery(a, b)).toBe(worse);
  });

  test.each(order)('%s counts beside nothing', (delivery) => {
    expect(worseDelivery(delivery, undefined)).toBe(delivery);
    expect(worseDelivery(undefined, delivery)).toBe(delivery);
  });

  test('nothing is known where nothing is known of either', () => {
    expect(worseDelivery(undefined, undefined)).toBeUndefined();
  });
});
