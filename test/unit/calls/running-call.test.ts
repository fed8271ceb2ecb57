import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RunningCall } from '../../../src/calls/running-call.js';
import { Deadline } from '../../../src/core/deadline.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('begins with nothing sent, nothing known, and nothing made up for', () => {
  const call = new RunningCall(new Deadline({ timeoutMs: 1_000 }));
  expect(call).toMatchObject({ attempts: 0, resentToNewSession: false, cached: false });
  expect(call.delivery).toBeUndefined();
});

test('ends when its deadline does', async () => {
  const deadline = new Deadline({ timeoutMs: 1_000 });
  const call = new RunningCall(deadline);
  expect(call.signal).toBe(deadline.signal);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(call.signal.aborted).toBe(true);
});
