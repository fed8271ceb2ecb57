import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { InFlight } from '../../../src/calls/in-flight.js';
import { Deadline } from '../../../src/core/deadline.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const reason = new Error('closing');

function entered(inFlight: InFlight): Deadline {
  const deadline = new Deadline({ timeoutMs: 60_000 });
  inFlight.enter(deadline);
  return deadline;
}

test('size counts the calls under way', () => {
  const inFlight = new InFlight();
  expect(inFlight.size).toBe(0);
  const [a, b] = [entered(inFlight), entered(inFlight)];
  expect(inFlight.size).toBe(2);
  inFlight.leave(a);
  inFlight.leave(a);
  expect(inFlight.size).toBe(1);
  inFlight.leave(b);
  expect(inFlight.size).toBe(0);
});

describe('drain', () => {
  test('ends at once when nothing is under way', async () => {
    await new InFlight().drain(10_000, reason);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('ends when the last call has left, and aborts none', async () => {
    const inFlight = new InFlight();
    const [a, b] = [entered(inFlight), entered(inFlight)];
    const drained = vi.fn();
    void inFlight.drain(10_000, reason).then(drained);
    inFlight.leave(a);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(drained).not.toHaveBeenCalled();
    inFlight.leave(b);
    await vi.advanceTimersByTimeAsync(0);
    expect(drained).toHaveBeenCalledOnce();
    expect(a.signal.aborted).toBe(false);
    expect(b.signal.aborted).toBe(false);
  });

  test('aborts what is left with the very reason when the time is up, not before', async () => {
    const inFlight = new InFlight();
    const [left, a, b] = [entered(inFlight), entered(inFlight), entered(inFlight)];
    inFlight.leave(left);
    const drained = vi.fn();
    void inFlight.drain(10_000, reason).then(drained);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(a.signal.aborted).toBe(false);
    expect(drained).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(a.signal.reason).toBe(reason);
    expect(b.signal.reason).toBe(reason);
    expect(left.signal.aborted).toBe(false);
    expect(drained).toHaveBeenCalledOnce();
  });

  test('with no time aborts in the next turn', async () => {
    const inFlight = new InFlight();
    const deadline = entered(inFlight);
    const drained = inFlight.drain(0, reason);
    await vi.advanceTimersByTimeAsync(1);
    await drained;
    expect(deadline.signal.reason).toBe(reason);
  });

  test('may be asked for twice at the same time', async () => {
    const inFlight = new InFlight();
    const deadline = entered(inFlight);
    const drained = Promise.all([inFlight.drain(10_000, reason), inFlight.drain(10_000, reason)]);
    inFlight.leave(deadline);
    await drained;
    expect(deadline.signal.aborted).toBe(false);
  });

  test('leaves no timer behind', async () => {
    const inFlight = new InFlight();
    const deadline = entered(inFlight);
    const drained = inFlight.drain(10_000, reason);
    deadline[Symbol.dispose]();
    inFlight.leave(deadline);
    await drained;
    expect(vi.getTimerCount()).toBe(0);
  });
});
