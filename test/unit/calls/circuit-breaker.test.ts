import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  BREAKER_DEFAULTS,
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
} from '../../../src/calls/circuit-breaker.js';
import { CircuitOpenError } from '../../../src/core/errors.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A breaker whose probes the test ends by hand. */
function breaker(options: CircuitBreakerOptions = {}) {
  const changes: string[] = [];
  const probes: { succeed(): void; fail(): void }[] = [];
  const made = new CircuitBreaker(
    { ...BREAKER_DEFAULTS, ...options },
    {
      probe: () =>
        new Promise<void>((resolve, reject) => {
          probes.push({ succeed: resolve, fail: () => reject(new Error('still away')) });
        }),
      onState: (state, previous) => changes.push(`${previous} → ${state}`),
    },
  );
  const times = (n: number, event: 'succeeded' | 'failed') => {
    for (let i = 0; i < n; i++) made[event]();
  };
  return { made, changes, probes, times };
}

/** Lets the outcome of a probe, which is told by promise, arrive. */
const arrive = () => vi.advanceTimersByTimeAsync(0);
const withoutSpread = () => vi.spyOn(Math, 'random').mockReturnValue(0.5);

describe('a closed breaker', () => {
  test('lets calls through, and says nothing of waiting', () => {
    const { made } = breaker();
    expect(() => made.admit()).not.toThrow();
    expect(made).toMatchObject({ state: 'closed', retryAfterMs: undefined });
  });

  test.each([1, 3, 5])('opens at %i failures in a row, not before', (consecutiveFailures) => {
    const { made, changes, times } = breaker({ consecutiveFailures });
    times(consecutiveFailures - 1, 'failed');
    expect(made.state).toBe('closed');
    made.failed();
    expect(made.state).toBe('open');
    expect(changes).toEqual(['closed → open']);
  });

  test('does not count in a row what a success interrupts', () => {
    const { made, times } = breaker({ minimumCalls: 1_000 });
    for (let n = 0; n < 20; n++) {
      times(4, 'failed');
      made.succeeded();
    }
    expect(made.state).toBe('closed');
    times(5, 'failed');
    expect(made.state).toBe('open');
  });

  test('counts in a row without regard to time', async () => {
    const { made } = breaker();
    for (let n = 0; n < 5; n++) {
      made.failed();
      await vi.advanceTimersByTimeAsync(600_000);
    }
    expect(made.state).not.toBe('closed');
  });

  test('opens when half of ten calls fail, and not with fewer calls', () => {
    const { made, times } = breaker({ consecutiveFailures: 100 });
    times(5, 'succeeded');
    times(4, 'failed');
    expect(made.state).toBe('closed');
    made.failed();
    expect(made.state).toBe('open');
  });

  test('does not open when less than half fail', () => {
    const { made, times } = breaker({ consecutiveFailures: 100 });
    for (let n = 0; n < 50; n++) {
      times(2, 'succeeded');
      made.failed();
    }
    expect(made.state).toBe('closed');
  });

  test('forgets what is older than the window', async () => {
    const { made, times } = breaker({ consecutiveFailures: 100 });
    times(9, 'failed');
    await vi.advanceTimersByTimeAsync(30_000);
    made.failed();
    expect(made.state).toBe('closed');
    times(9, 'failed');
    expect(made.state).toBe('open');
  });

  test('still knows what is younger than nine tenths of the window', async () => {
    const { made, times } = breaker({ consecutiveFailures: 100 });
    times(9, 'failed');
    await vi.advanceTimersByTimeAsync(27_000);
    made.failed();
    expect(made.state).toBe('open');
  });

  test('is not moved by a sign of life', () => {
    const { made, changes, probes } = breaker();
    made.signOfLife();
    expect(changes).toEqual([]);
    expect(probes).toHaveLength(0);
  });
});

describe('an open breaker', () => {
  function open(options?: CircuitBreakerOptions) {
    const one = breaker(options);
    one.times(5, 'failed');
    return one;
  }

  test('refuses at once, and says when to come back', async () => {
    withoutSpread();
    const { made } = open();
    expect(made.retryAfterMs).toBe(5_000);
    await vi.advanceTimersByTimeAsync(1_200);
    expect(() => made.admit()).toThrow(CircuitOpenError);
    expect(made.refusal()).toMatchObject({
      code: 'CIRCUIT_OPEN',
      delivery: 'not-sent',
      retryable: true,
      retryAfterMs: 3_800,
    });
  });

  test('asks the server when the time is up, with nobody’s call', async () => {
    withoutSpread();
    const { made, probes, changes } = open();
    await vi.advanceTimersByTimeAsync(4_999);
    expect(probes).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(probes).toHaveLength(1);
    expect(made).toMatchObject({ state: 'half-open', retryAfterMs: 0 });
    expect(() => made.admit()).toThrow(CircuitOpenError);
    probes[0]?.succeed();
    await arrive();
    expect(() => made.admit()).not.toThrow();
    expect(changes).toEqual(['closed → open', 'open → half-open', 'half-open → closed']);
  });

  test.each([
    [0, 0.8],
    [1, 1.2],
  ])(
    'stays open twice as long after each probe that fails, up to the longest, ± 20 %% (%d)',
    async (random, share) => {
      vi.spyOn(Math, 'random').mockReturnValue(random);
      const { made, probes } = open();
      const lasted: number[] = [];
      for (let n = 0; n < 7; n++) {
        const openedAt = performance.now();
        expect(made.state).toBe('open');
        while (probes.length === n) await vi.advanceTimersByTimeAsync(500);
        lasted.push(performance.now() - openedAt);
        probes[n]?.fail();
        await arrive();
      }
      expect(lasted).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000].map((ms) => ms * share));
    },
  );

  test('begins with the shortest time again once it was closed, and with no failures', async () => {
    withoutSpread();
    const { made, probes, times } = open();
    await vi.advanceTimersByTimeAsync(5_000);
    probes[0]?.fail();
    await arrive();
    expect(made.retryAfterMs).toBe(10_000);
    await vi.advanceTimersByTimeAsync(10_000);
    probes[1]?.succeed();
    await arrive();
    times(4, 'failed');
    expect(made.state).toBe('closed');
    made.failed();
    expect(made.retryAfterMs).toBe(5_000);
  });

  test('asks at once at a sign of life, and only once', async () => {
    withoutSpread();
    const { made, probes } = open();
    made.signOfLife();
    made.signOfLife();
    expect(made.state).toBe('half-open');
    expect(probes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(probes).toHaveLength(1);
    probes[0]?.fail();
    await arrive();
    expect(made.retryAfterMs).toBe(10_000);
  });

  test('is not moved by how calls end that were under way', async () => {
    const { made, times, changes } = open();
    times(20, 'succeeded');
    times(20, 'failed');
    made.signOfLife();
    times(20, 'succeeded');
    times(20, 'failed');
    expect(changes).toEqual(['closed → open', 'open → half-open']);
  });

  test('does not keep the process alive', () => {
    const original = globalThis.setTimeout;
    const unref = vi.fn();
    vi.stubGlobal('setTimeout', (...args: Parameters<typeof setTimeout>) => {
      const timer = original(...args);
      timer.unref = () => {
        unref();
        return timer;
      };
      return timer;
    });
    open();
    expect(unref).toHaveBeenCalledOnce();
  });

  test('that is stopped asks no more, and leaves no timer', async () => {
    const { made, probes } = open();
    made.stop();
    expect(vi.getTimerCount()).toBe(0);
    made.signOfLife();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(probes).toHaveLength(0);
  });

  test.each(['succeed', 'fail'] as const)(
    'that is stopped while it asks does not care for the answer: %s',
    async (end) => {
      const { made, probes, changes } = open();
      made.signOfLife();
      made.stop();
      probes[0]?.[end]();
      await arrive();
      expect(made.state).toBe('half-open');
      expect(changes).toHaveLength(2);
      expect(vi.getTimerCount()).toBe(0);
    },
  );
});

// ── Against a plain model ─────────────────────────────────────────────────────

type Event =
  | { kind: 'success' | 'failure' | 'life' | 'probe succeeds' | 'probe fails' }
  | { kind: 'time'; ms: number }
  | { kind: 'random'; value: number };

/** The same rules in the plainest way: every outcome with its time, nothing thrown away, no timers. */
class Model {
  state: CircuitState = 'closed';
  until = 0;
  times = 0;
  probes = 0;
  readonly #outcomes: { at: number; success: boolean }[] = [];
  #inARow = 0;

  constructor(
    readonly options: Required<CircuitBreakerOptions>,
    readonly random: () => number,
  ) {}

  apply(event: Event, now: number): void {
    switch (event.kind) {
      case 'success':
      case 'failure':
        this.#outcome(event.kind === 'success', now);
        break;
      case 'life':
        if (this.state === 'open') this.#halfOpen();
        break;
      case 'probe succeeds':
        if (this.state === 'half-open') this.#close();
        break;
      case 'probe fails':
        if (this.state === 'half-open') this.#open(now, this.times + 1);
        break;
      case 'time':
        if (this.state === 'open' && now >= this.until) this.#halfOpen();
    }
  }

  #outcome(success: boolean, now: number): void {
    if (this.state !== 'closed') return;
    this.#outcomes.push({ at: now, success });
    this.#inARow = success ? 0 : this.#inARow + 1;
    if (success) return;
    const { consecutiveFailures, minimumCalls, failureRatio, windowMs } = this.options;
    const slot = (at: number) => Math.floor(at / (windowMs / 10));
    const counted = this.#outcomes.filter(({ at }) => slot(now) - slot(at) < 10);
    const failures = counted.filter(({ success: well }) => !well).length;
    const tooMany = counted.length >= minimumCalls && failures >= failureRatio * counted.length;
    if (this.#inARow >= consecutiveFailures || tooMany) this.#open(now, 0);
  }

  #open(now: number, times: number): void {
    const { openMs, maxOpenMs } = this.options;
    this.state = 'open';
    this.times = times;
    this.until = now + Math.round(Math.min(maxOpenMs, openMs * 2 ** times) * (0.8 + 0.4 * this.random()));
  }

  #close(): void {
    this.state = 'closed';
    this.#inARow = 0;
    this.#outcomes.length = 0;
  }

  #halfOpen(): void {
    this.state = 'half-open';
    this.probes++;
  }
}

const optionsArb = fc.record({
  consecutiveFailures: fc.integer({ min: 1, max: 12 }),
  failureRatio: fc.constantFrom(0.1, 0.25, 0.5, 0.75, 1),
  minimumCalls: fc.integer({ min: 1, max: 12 }),
  windowMs: fc.constantFrom(1_000, 10_000, 30_000),
  openMs: fc.constantFrom(100, 5_000),
  maxOpenMs: fc.constantFrom(100, 20_000, 60_000),
});

const eventArb: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('failure' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('success' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 400, max: 80_000 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('probe succeeds' as const, 'probe fails' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('life' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('random' as const),
      value: fc.constantFrom(0, 0.25, 0.5, 0.999),
    }),
  },
);

describe('a breaker with any history', () => {
  test('is what the plain model is', async () => {
    const seen = { open: 0, 'half-open': 0, closed: 0 };
    await fc.assert(
      fc.asyncProperty(
        optionsArb,
        fc.array(eventArb, { minLength: 1, maxLength: 40, size: 'max' }),
        async (options, events) => {
          let random = 0.5;
          vi.spyOn(Math, 'random').mockImplementation(() => random);
          const { made, probes, changes } = breaker(options);
          const model = new Model(options, () => random);
          let ended = 0;
          for (const event of events) {
            if (event.kind === 'random') {
              random = event.value;
              continue;
            }
            if (event.kind === 'success') made.succeeded();
            if (event.kind === 'failure') made.failed();
            if (event.kind === 'life') made.signOfLife();
            if (event.kind === 'probe succeeds') probes[ended]?.succeed();
            if (event.kind === 'probe fails') probes[ended]?.fail();
            if (event.kind.startsWith('probe') && ended < probes.length) ended++;
            if (event.kind === 'time') await vi.advanceTimersByTimeAsync(event.ms);
            else await arriveSoon();

            const before = model.state;
            const now = performance.now();
            model.apply(event, now);
            const open = model.state === 'open';
            const leftMs = made.retryAfterMs;
            expect({
              state: made.state,
              lets: lets(made),
              waits: open ? Math.abs((leftMs ?? Number.NaN) - (model.until - now)) <= 1 : leftMs,
              // One at a time, and none that nobody waits for.
              probes: probes.length,
              probing: probes.length - ended,
            }).toEqual({
              state: model.state,
              lets: model.state === 'closed',
              waits: open ? true : model.state === 'closed' ? undefined : 0,
              probes: model.probes,
              probing: model.state === 'half-open' ? 1 : 0,
            });
            if (before === model.state) continue;
            seen[model.state]++;
            expect(changes.at(-1)).toBe(`${before} → ${model.state}`);
            if (!open) continue;
            const longest = Math.min(options.maxOpenMs, options.openMs * 2 ** model.times);
            expect(leftMs).toBeGreaterThanOrEqual(Math.floor(longest * 0.8));
            expect(leftMs).toBeLessThanOrEqual(Math.ceil(longest * 1.2));
          }
          made.stop();
          expect(vi.getTimerCount()).toBe(0);
        },
      ),
      { numRuns: 2_000 },
    );
    // The histories went everywhere.
    expect(seen.open).toBeGreaterThan(1_000);
    expect(seen['half-open']).toBeGreaterThan(500);
    expect(seen.closed).toBeGreaterThan(200);
  }, 60_000);

  /** Promises only: no timer is due. */
  async function arriveSoon(): Promise<void> {
    for (let n = 0; n < 3; n++) await Promise.resolve();
  }

  function lets(made: CircuitBreaker): boolean {
    try {
      made.admit();
      return true;
    } catch (error) {
      if (error instanceof CircuitOpenError) return false;
      throw error;
    }
  }
});
