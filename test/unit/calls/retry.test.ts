import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Repeatability } from '../../../src/calls/delivery.js';
import { RETRY_DEFAULTS, type RetryOptions, withRetries } from '../../../src/calls/retry.js';
import { RetryBudget } from '../../../src/calls/retry-budget.js';
import { type Delivery, McpFleetError } from '../../../src/core/errors.js';
import { callOf, ending, ends, thrownBy } from './fakes.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const OPERATIONS: Repeatability[] = ['read', 'tool', 'idempotent'];

interface Run {
  operation?: Repeatability;
  options?: Partial<Required<RetryOptions>> | false;
  budget?: RetryBudget;
  call?: ReturnType<typeof callOf>;
}

/** Runs attempts that end as told, and lets time pass until all is over. */
async function run(outcomes: unknown[], { operation = 'read', options = {}, ...rest }: Run = {}) {
  const { attempt, times } = ending(...outcomes);
  const { budget = new RetryBudget(), call = callOf() } = rest;
  const policy = { options: options && { ...RETRY_DEFAULTS, ...options }, budget };
  let ended: { value?: unknown; error?: unknown; at: number } | undefined;
  withRetries(attempt, operation, policy, call).then(
    (value) => {
      ended = { value, at: performance.now() };
    },
    (error) => {
      ended = { error, at: performance.now() };
    },
  );
  const startedAt = performance.now();
  for (let ms = 0; ended === undefined && ms <= 120_000; ms += 1_000)
    await vi.advanceTimersByTimeAsync(1_000);
  if (ended === undefined) throw new Error('It has not ended');
  return {
    ...ended,
    attempts: times.length,
    call,
    budget,
    times: times.map((time) => time - startedAt),
    tookMs: ended.at - startedAt,
  };
}

function longestWaits(): void {
  vi.spyOn(Math, 'random').mockReturnValue(1);
}

/** How many retries a budget still affords. */
function left(budget: RetryBudget): number {
  let retries = 0;
  while (budget.spend(false)) retries++;
  return retries;
}

describe('attempts', () => {
  test.each(OPERATIONS)('end with the first that succeeds: %s', async (operation) => {
    expect(await run(['fine'], { operation })).toMatchObject({ value: 'fine', attempts: 1, tookMs: 0 });
    const third = await run([ends.refused(), ends.refused(), 'fine'], { operation });
    expect(third).toMatchObject({ value: 'fine', attempts: 3 });
    expect(third.call.attempts).toBe(3);
  });

  test.each([1, 2, 3, 7])(
    'are %i in all where so many are configured, and the last error comes',
    async (attempts) => {
      const last = ends.refused();
      const outcomes = [...Array.from({ length: attempts - 1 }, () => ends.refused()), last];
      const ended = await run(outcomes, { options: { attempts } });
      expect(ended.attempts).toBe(attempts);
      expect(ended.error).toBe(last);
    },
  );

  test('are one where retries are off', async () => {
    for (const operation of OPERATIONS)
      expect(await run([ends.refused(), 'fine'], { operation, options: false })).toMatchObject({
        attempts: 1,
        error: { code: 'CONNECT_FAILED' },
      });
  });
});

describe('after an end of the kind', () => {
  /** How many attempts are made in all, of at most ten, when each ends in the same way. */
  const cases: [string, () => Error, read: number, tool: number, idempotent: number][] = [
    ['refused', ends.refused, 10, 10, 10],
    ['lost, not sent', () => ends.lost('not-sent'), 10, 10, 10],
    ['lost, unknown', ends.lost, 10, 1, 2],
    ['503', () => ends.http(503), 10, 1, 2],
    ['timeout, not sent', () => ends.timeout('not-sent'), 6, 6, 6],
    ['timeout, unknown', () => ends.timeout('unknown'), 6, 1, 2],
    ['timeout of which nothing is known', () => ends.timeout(), 6, 1, 2],
    ['421', () => ends.http(421), 10, 10, 10],
    ['429', ends.limited, 10, 10, 10],
    ['forgotten session', ends.forgotten, 10, 2, 10],
    ['401', ends.unauthorized, 1, 1, 1],
    ['403', ends.forbidden, 1, 1, 1],
    ['-32602', ends.badArguments, 1, 1, 1],
    ['an answer', ends.remote, 1, 1, 1],
    ['CIRCUIT_OPEN', ends.open, 1, 1, 1],
    ['QUEUE_FULL', ends.full, 1, 1, 1],
    ['not retryable', () => ends.http(400), 1, 1, 1],
    ['the host’s own', () => new Error('mine'), 1, 1, 1],
    ['a TypeError, which fetch throws too', () => new TypeError('fetch failed'), 1, 1, 1],
  ];

  describe.each(cases)('"%s"', (_what, error, ...expected) => {
    test.each(OPERATIONS.map((operation, n) => [operation, expected[n]] as const))(
      'there are for %s %i attempts in all',
      async (operation, attempts) => {
        const ended = await run([error()], { operation, options: { attempts: 10, baseDelayMs: 1 } });
        expect(ended.attempts).toBe(attempts);
      },
    );
  });

  test('not retryable, no retry follows even where the delivery would allow it', async () => {
    for (const delivery of ['not-sent', 'rejected', 'unknown'] as const) {
      const failure = new McpFleetError('HTTP_ERROR', 'x', { delivery, retryable: false });
      expect(await run([failure, 'fine'])).toMatchObject({ attempts: 1, error: failure });
    }
  });

  test.each([
    ['a text', 'boom'],
    ['nothing', undefined],
    ['an object', { some: 'thing' }],
  ])('thrown, %s comes back unchanged', async (_what, thrown) => {
    const attempt = vi.fn(() => Promise.reject(thrown));
    const policy = { options: RETRY_DEFAULTS, budget: new RetryBudget() };
    expect(await thrownBy(withRetries(attempt, 'read', policy, callOf()))).toBe(thrown);
    expect(attempt).toHaveBeenCalledOnce();
  });

  test('unknown, an idempotent call is not sent again even if the first attempts were not sent', async () => {
    const outcomes = [ends.refused(), ends.lost()];
    expect((await run(outcomes, { operation: 'idempotent', options: { attempts: 9 } })).attempts).toBe(2);
  });
});

describe('the wait before a retry', () => {
  test('is at most base · 2^n, capped', async () => {
    longestWaits();
    const options = { attempts: 7, baseDelayMs: 100, maxDelayMs: 1_000 };
    const { times } = await run([ends.refused()], { options });
    const waits = times.slice(1).map((time, n) => Math.round(time - (times[n] ?? 0)));
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  test('is anything between nothing and that', async () => {
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    expect((await run([ends.refused()])).tookMs).toBeLessThan(3);
    random.mockReturnValue(0.5);
    expect((await run([ends.refused()])).times.map(Math.round)).toEqual([0, 50, 150]);
  });

  test('grows from 100 ms up to 20 s unless configured', () => {
    expect(RETRY_DEFAULTS).toEqual({ attempts: 3, baseDelayMs: 100, maxDelayMs: 20_000 });
  });

  test('is what the server asks for where that is longer', async () => {
    longestWaits();
    expect((await run([ends.http(503, 7_000), 'fine'])).times.map(Math.round)).toEqual([0, 7_000]);
    expect((await run([ends.http(503, 30), 'fine'])).times.map(Math.round)).toEqual([0, 100]);
    expect((await run([ends.limited(2_000), 'fine'], { operation: 'tool' })).times.map(Math.round)).toEqual([
      0, 2_000,
    ]);
  });

  test.each([
    ['is longer than what is left', 10_000],
    ['is just as long', 5_000],
    ['is endless', Number.POSITIVE_INFINITY],
  ])(
    'that the server asks for and that %s ends the call at once, and costs nothing',
    async (_what, asked) => {
      const failure = ends.http(503, asked);
      const ended = await run([failure, 'fine'], { call: callOf(5_000) });
      expect(ended).toMatchObject({ attempts: 1, tookMs: 0, error: failure });
      expect(ended.error).toMatchObject({ retryAfterMs: asked });
      expect(left(ended.budget)).toBe(10);
    },
  );

  test('that would end after the deadline is not begun', async () => {
    longestWaits();
    const ended = await run([ends.refused()], {
      call: callOf(5_000),
      options: { attempts: 9, baseDelayMs: 2_000, maxDelayMs: 60_000 },
    });
    // 0 and 2,000; the next would be at 6,000.
    expect(ended).toMatchObject({ attempts: 2, error: { code: 'CONNECT_FAILED' } });
    expect(ended.tookMs).toBeLessThan(2_001);
  });

  test('ends with an abort, whose reason the caller gets at once', async () => {
    longestWaits();
    const call = callOf();
    const reason = { why: 'enough' };
    const { attempt, times } = ending(ends.refused(10_000), 'fine');
    const policy = { options: RETRY_DEFAULTS, budget: new RetryBudget() };
    const failed = thrownBy(withRetries(attempt, 'read', policy, call));
    await vi.advanceTimersByTimeAsync(3_000);
    call.abort(reason);
    expect(await failed).toBe(reason);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(times).toHaveLength(1);
  });

  test('leaves no timer behind', async () => {
    const call = callOf();
    await run([ends.refused(), 'fine'], { call });
    call.deadline[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is not begun when the call has ended meanwhile', async () => {
    const call = callOf();
    const attempt = vi.fn(async () => {
      call.abort(new Error('enough'));
      throw ends.refused();
    });
    const policy = { options: RETRY_DEFAULTS, budget: new RetryBudget() };
    await thrownBy(withRetries(attempt, 'read', policy, call));
    expect(attempt).toHaveBeenCalledOnce();
    expect(left(policy.budget)).toBe(10);
  });
});

describe('the budget', () => {
  test('is earned by what succeeds, and spent by each retry', async () => {
    const budget = new RetryBudget();
    while (budget.spend(false));
    for (let n = 0; n < 19; n++) await run(['fine'], { budget });
    expect((await run([ends.refused(), 'fine'], { budget })).attempts).toBe(2);
    // 19 − 10 + 1: one more.
    expect((await run([ends.refused()], { budget })).attempts).toBe(2);
    expect((await run([ends.refused()], { budget })).attempts).toBe(1);
  });

  test('is spent twice as fast after timeouts', async () => {
    const { budget } = await run([ends.timeout('not-sent')], { options: { attempts: 4 } });
    expect(left(budget)).toBe(4);
  });

  test('that is spent ends the call with its error', async () => {
    const budget = new RetryBudget();
    left(budget);
    const failure = ends.http(503);
    expect(await run([failure, 'fine'], { budget })).toMatchObject({
      attempts: 1,
      error: failure,
      tookMs: 0,
    });
  });

  test('bounds 429 and 421 too', async () => {
    for (const failure of [ends.limited(), ends.http(421)]) {
      const budget = new RetryBudget();
      left(budget);
      expect((await run([failure, 'fine'], { budget, operation: 'tool' })).attempts).toBe(1);
    }
  });
});

describe('a session that the server forgot', () => {
  test.each(OPERATIONS)('costs %s one resend at once, without budget or backoff', async (operation) => {
    longestWaits();
    const budget = new RetryBudget();
    left(budget);
    const ended = await run([ends.forgotten(), 'fine'], { operation, budget, options: { attempts: 1 } });
    expect(ended).toMatchObject({ value: 'fine', attempts: 2, tookMs: 0 });
  });

  test('is made up for where retries are off: it was refused, and no new attempt at the same session', async () => {
    const ended = await run([ends.forgotten(), ends.forgotten(), 'fine'], { options: false });
    expect(ended).toMatchObject({ attempts: 2, error: { code: 'CONNECTION_LOST', delivery: 'rejected' } });
  });

  test('for the second time in one call is the end of a tool call: what was forgotten may have run', async () => {
    const ended = await run([ends.forgotten(), ends.forgotten(), 'fine'], { operation: 'tool' });
    expect(ended).toMatchObject({ attempts: 2, error: { code: 'CONNECTION_LOST', delivery: 'rejected' } });
  });

  test('for the second time in one read is a retry as others are', async () => {
    longestWaits();
    const ended = await run([ends.forgotten(), ends.forgotten(), 'fine'], { operation: 'read' });
    expect(ended).toMatchObject({ value: 'fine', attempts: 3 });
    expect(ended.times.map(Math.round)).toEqual([0, 0, 200]);
    expect(left(ended.budget)).toBe(9);
    const broke = new RetryBudget();
    left(broke);
    expect((await run([ends.forgotten(), ends.forgotten()], { budget: broke })).attempts).toBe(2);
  });
});

describe('what is known of the request as a whole', () => {
  test.each<[Delivery[], Delivery]>([
    [['not-sent', 'not-sent', 'not-sent'], 'not-sent'],
    [['not-sent', 'unknown', 'not-sent'], 'unknown'],
    [['unknown', 'not-sent', 'not-sent'], 'unknown'],
    [['unknown', 'unknown', 'not-sent'], 'unknown'],
  ])('after %j is %s', async (deliveries, whole) => {
    const { call, attempts } = await run(deliveries.map((delivery) => ends.lost(delivery)));
    expect(attempts).toBe(3);
    expect(call.delivery).toBe(whole);
  });

  test('after a refusal and no more is that it was refused', async () => {
    const { call } = await run([ends.forgotten(), ends.refused(), ends.refused()]);
    expect(call.delivery).toBe('rejected');
  });
});
