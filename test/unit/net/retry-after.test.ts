import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseRetryAfter } from '../../../src/net/retry-after.js';

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-11-06T08:49:00Z') }));
afterEach(() => void vi.useRealTimers());

test.each([
  ['0', 0],
  ['120', 120_000],
  [' 3 ', 3_000],
  ['Fri, 06 Nov 2026 08:49:37 GMT', 37_000],
  ['Friday, 06-Nov-26 08:49:37 GMT', 37_000],
  ['Fri, 06 Nov 2026 08:00:00 GMT', 0],
])('%j is a wait', (header, ms) => {
  expect(parseRetryAfter(header)).toBe(ms);
});

test.each([null, '', 'soon', '-1', '1.5', 'in 5', '99999999999999999999', 'Fri, junk'])(
  '%j says nothing',
  (header) => {
    expect(parseRetryAfter(header)).toBeUndefined();
  },
);
