import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HEALTH_DEFAULTS, HealthCheck, type HealthCheckOptions } from '../../../src/client/health-check.js';

beforeEach(() => {
  vi.useFakeTimers();
  spreadOf(0);
});
afterEach(() => vi.useRealTimers());

/** Of −1 to 1 of the spread. */
function spreadOf(share: number): void {
  vi.spyOn(Math, 'random').mockReturnValue((share + 1) / 2);
}

/** A check of the session "one", of which the test says how each ping ends: in the end, well. */
function check(options: HealthCheckOptions = {}) {
  const pings: { session: string; timeoutMs: number; at: number }[] = [];
  const told: string[] = [];
  const errors: unknown[] = [];
  const state: { session: string | undefined; isBusy: boolean; answer: () => Promise<void> } = {
    session: 'one',
    isBusy: false,
    answer: async () => {},
  };
  const made = new HealthCheck<string>(
    { ...HEALTH_DEFAULTS, ...options },
    {
      session: () => state.session,
      isBusy: () => state.isBusy,
      ping: (session, timeoutMs) => {
        pings.push({ session, timeoutMs, at: performance.now() - startedAt });
        return state.answer();
      },
      well: (session) => told.push(`${session} is well`),
      missed: (session, error, tooOften) => {
        told.push(`${session} missed${tooOften ? ' too often' : ''}`);
        errors.push(error);
      },
    },
  );
  const startedAt = performance.now();
  return { made, pings, told, errors, state, times: () => pings.map(({ at }) => at) };
}

const away = () => Promise.reject(new Error('away'));
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('looks every 30 seconds for 5 seconds, and gives up after two misses, unless configured', () => {
  expect(HEALTH_DEFAULTS).toEqual({ intervalMs: 30_000, timeoutMs: 5_000, threshold: 2 });
});

describe('a server that nobody hears of', () => {
  test('is pinged once in each interval', async () => {
    const { made, pings, times, told } = check({ timeoutMs: 4_000 });
    made.start();
    await pass(29_999);
    expect(pings).toEqual([]);
    await pass(60_001);
    expect(times()).toEqual([30_000, 60_000, 90_000]);
    expect(pings[0]).toMatchObject({ session: 'one', timeoutMs: 4_000 });
    expect(told).toEqual(['one is well', 'one is well', 'one is well']);
  });

  test.each([
    [-1, 24_000],
    [-0.5, 27_000],
    [1, 36_000],
  ])('is pinged after the interval ± 20 %% (%d): %i ms', async (share, ms) => {
    spreadOf(share);
    const { made, times } = check();
    made.start();
    await pass(2 * ms);
    expect(times()).toEqual([ms, 2 * ms]);
  });

  test('is not pinged while a ping is under way', async () => {
    const { made, pings, state } = check();
    state.answer = () => new Promise(() => {});
    made.start();
    await pass(600_000);
    expect(pings).toHaveLength(1);
  });
});

describe('a server that was heard of', () => {
  test('is not pinged as long as that goes on', async () => {
    const { made, pings } = check();
    made.start();
    for (let n = 0; n < 60; n++) {
      await pass(10_000);
      made.heard();
    }
    expect(pings).toEqual([]);
  });

  test('is pinged an interval after the last time, not after the last look', async () => {
    const { made, times } = check();
    made.start();
    await pass(20_000);
    made.heard();
    await pass(40_000);
    expect(times()).toEqual([50_000]);
  });
});

describe('a server that misses', () => {
  test('is told of at each miss, and too often at the threshold', async () => {
    const { made, told, errors, state } = check({ threshold: 3 });
    state.answer = away;
    made.start();
    await pass(90_000);
    expect(told).toEqual(['one missed', 'one missed', 'one missed too often']);
    expect(errors[0]).toMatchObject({ message: 'away' });
  });

  test.each([1, 2])('is given up after %i misses where so many are configured', async (threshold) => {
    const { made, told, state } = check({ threshold });
    state.answer = away;
    made.start();
    await pass(30_000 * threshold);
    expect(told.map((each) => each.endsWith('too often'))).toEqual(
      Array.from({ length: threshold }, (_, n) => n === threshold - 1),
    );
  });

  test('and then answers has missed nothing', async () => {
    const { made, told, state } = check();
    made.start();
    for (const answer of [away, async () => {}, away, async () => {}]) {
      state.answer = answer;
      await pass(30_000);
    }
    expect(told).toEqual(['one missed', 'one is well', 'one missed', 'one is well']);
  });

  test('and is then heard of otherwise has missed nothing', async () => {
    const { made, told, state } = check();
    state.answer = away;
    made.start();
    await pass(30_000);
    made.heard();
    await pass(30_000);
    expect(told).toEqual(['one missed', 'one missed']);
  });

  test('is looked at again although it was pinged lately', async () => {
    const { made, times, state } = check({ threshold: 5 });
    state.answer = away;
    made.start();
    await pass(90_000);
    expect(times()).toEqual([30_000, 60_000, 90_000]);
  });
});

describe('a session', () => {
  test('that ends is not pinged any more', async () => {
    const { made, pings } = check();
    made.start();
    await pass(10_000);
    made.stop();
    expect(vi.getTimerCount()).toBe(0);
    await pass(600_000);
    expect(pings).toEqual([]);
  });

  test('that ends while it is pinged is not looked at again', async () => {
    const { made, pings, state } = check();
    let fail = (_error: Error) => {};
    state.answer = () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      });
    made.start();
    await pass(30_000);
    made.stop();
    state.session = undefined;
    fail(new Error('closed'));
    await pass(600_000);
    expect(pings).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that follows another begins without misses, and one check at a time', async () => {
    const { made, told, times, state } = check();
    state.answer = away;
    made.start();
    await pass(30_000);
    made.stop();
    await pass(1_000);
    state.session = 'two';
    made.start();
    await pass(30_000);
    expect(told).toEqual(['one missed', 'two missed']);
    expect(times()).toEqual([30_000, 61_000]);
    expect(vi.getTimerCount()).toBe(1);
  });

  test('is not blamed for a ping of the one before it', async () => {
    const { made, told, state } = check();
    let fail = (_error: Error) => {};
    state.answer = () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      });
    made.start();
    await pass(30_000);
    made.stop();
    state.session = 'two';
    made.start();
    fail(new Error('closed'));
    state.answer = away;
    await pass(30_000);
    expect(told.filter((each) => each.startsWith('two'))).toEqual(['two missed']);
  });

  test('that is not there is not pinged', async () => {
    const { made, pings, state } = check();
    state.session = undefined;
    made.start();
    await pass(600_000);
    expect(pings).toEqual([]);
  });
});

test('checks do not keep the process alive', async () => {
  const original = globalThis.setTimeout;
  const timers: { unref: boolean }[] = [];
  vi.stubGlobal('setTimeout', (...args: Parameters<typeof setTimeout>) => {
    const timer = original(...args);
    const note = { unref: false };
    timers.push(note);
    timer.unref = () => {
      note.unref = true;
      return timer;
    };
    return timer;
  });
  const { made, pings } = check();
  made.start();
  await pass(60_000);
  expect(pings).toHaveLength(2);
  expect(timers.map(({ unref }) => unref)).toEqual([true, true, true]);
});

describe('a server that works on calls', () => {
  test('is not pinged: it need not answer, and its calls have deadlines of their own', async () => {
    const { made, pings, state } = check();
    state.isBusy = true;
    made.start();
    await pass(300_000);
    expect(pings).toEqual([]);
    state.isBusy = false;
    await pass(30_000);
    expect(pings).toHaveLength(1);
  });

  test('has missed nothing when a call came while it was pinged', async () => {
    const { made, told, state } = check();
    state.answer = async () => {
      state.isBusy = true;
      throw new Error('away');
    };
    made.start();
    await pass(120_000);
    expect(told).toEqual([]);
  });
});
