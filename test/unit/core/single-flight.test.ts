import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { SingleFlight } from '../../../src/core/single-flight.js';

/** Work whose ends are in our hands, in the order of its starts. */
function work() {
  const ends: { resolve(value: string): void; reject(error: Error): void }[] = [];
  const start = vi.fn(
    () =>
      new Promise<string>((resolve, reject) => {
        ends.push({ resolve, reject });
      }),
  );
  return { start, ends };
}

describe('run', () => {
  test('shares one piece of work among all who come while it runs', async () => {
    const flight = new SingleFlight<string>();
    const { start, ends } = work();
    const callers = [flight.run(start), flight.run(start), flight.run(start)];
    await setImmediate();
    callers.push(flight.run(start));
    ends[0]?.resolve('done');
    expect(await Promise.all(callers)).toEqual(['done', 'done', 'done', 'done']);
    expect(start).toHaveBeenCalledTimes(1);
  });

  test('shares the error too', async () => {
    const flight = new SingleFlight<string>();
    const { start, ends } = work();
    const callers = [flight.run(start), flight.run(start)];
    const failure = new Error('failed');
    ends[0]?.reject(failure);
    await expect(callers[0]).rejects.toBe(failure);
    await expect(callers[1]).rejects.toBe(failure);
  });

  test.each(['success', 'failure'])('begins anew after a %s', async (how) => {
    const flight = new SingleFlight<string>();
    const { start, ends } = work();
    const first = flight.run(start);
    if (how === 'success') ends[0]?.resolve('first');
    else ends[0]?.reject(new Error('failed'));
    await first.catch(() => {});
    const second = flight.run(start);
    expect(start).toHaveBeenCalledTimes(2);
    ends[1]?.resolve('second');
    await expect(second).resolves.toBe('second');
  });

  test("ends a caller's wait with its reason, and leaves the work to the others", async () => {
    const flight = new SingleFlight<string>();
    const { start, ends } = work();
    const impatient = new AbortController();
    const reason = new Error('enough');
    const [leaving, staying] = [flight.run(start, impatient.signal), flight.run(start)];
    impatient.abort(reason);
    await expect(leaving).rejects.toBe(reason);
    ends[0]?.resolve('done');
    await expect(staying).resolves.toBe('done');
  });

  test('goes on when everybody has left, and its failure is then nobody’s', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const flight = new SingleFlight<string>();
    const { start, ends } = work();
    const reason = new Error('enough');
    const controller = new AbortController();
    const leaving = flight.run(start, controller.signal);
    controller.abort(reason);
    await expect(leaving).rejects.toBe(reason);
    await expect(flight.run(start, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(start).toHaveBeenCalledTimes(1);
    ends[0]?.reject(new Error('failed'));
    await setImmediate();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test("leaves no listener on a caller's signal", async () => {
    const flight = new SingleFlight<string>();
    const { start, ends } = work();
    const { signal } = new AbortController();
    const waiting = flight.run(start, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    ends[0]?.resolve('done');
    await waiting;
    await setImmediate();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('settled', () => {
  test('resolves at once when nothing runs', async () => {
    await new SingleFlight().settled();
  });

  test.each(['resolve', 'reject'] as const)('waits for what runs until it %ss', async (how) => {
    const flight = new SingleFlight<string>();
    const { start, ends } = work();
    flight.run(start).catch(() => {});
    const settled = vi.fn();
    void flight.settled().then(settled);
    await setImmediate();
    expect(settled).not.toHaveBeenCalled();
    if (how === 'resolve') ends[0]?.resolve('done');
    else ends[0]?.reject(new Error('failed'));
    await setImmediate();
    expect(settled).toHaveBeenCalledOnce();
  });
});
