import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TokenContext } from '../../../src/auth/token-provider.js';
import { TokenSource } from '../../../src/auth/token-source.js';
import { AuthError, ConnectionError } from '../../../src/core/errors.js';
import { KnownSecrets } from '../../../src/core/known-secrets.js';
import { numberedTokens, SERVER_URL, sourceOf, tokenContext } from './contexts.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

beforeEach(() => {
  vi.useFakeTimers();
  // No jitter: what is spread lies in the middle.
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => void vi.useRealTimers());

describe('a first token', () => {
  test('is asked for with all that a provider may want to know', async () => {
    const fetch = vi.fn();
    const getToken = vi.fn(async (_context: TokenContext) => undefined);
    await new TokenSource({
      provider: { getToken },
      server: 'docs',
      url: SERVER_URL,
      fetch,
      onRefresh: () => {},
    }).get();
    expect(getToken).toHaveBeenCalledExactlyOnceWith({
      server: 'docs',
      url: SERVER_URL,
      reason: 'initial',
      previous: undefined,
      challenge: undefined,
      fetch,
      signal: expect.any(AbortSignal),
    });
  });

  test('is asked for once, however many want it', async () => {
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    const tokens = await Promise.all(Array.from({ length: 100 }, () => source.get()));
    expect(new Set(tokens.map((token) => token?.token))).toEqual(new Set(['token-1']));
    expect(questions).toHaveLength(1);
  });

  test('is asked for even if the first who wanted it gives up', async () => {
    const { source, questions } = sourceOf(async (_context, count) => {
      await sleep(1_000);
      return { token: `token-${count}`, expiresAt: Date.now() + HOUR };
    });
    const controller = new AbortController();
    const first = source.get(controller.signal);
    const second = source.get();
    controller.abort(new Error('not I'));
    await expect(first).rejects.toThrow('not I');
    expect(questions[0]?.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await second).toMatchObject({ token: 'token-1' });
    expect(questions).toHaveLength(1);
  });

  test('is not asked for on behalf of somebody who has given up already', async () => {
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    await expect(source.get(AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late');
    expect(questions).toHaveLength(0);
  });
});

describe('a token that is kept', () => {
  test('is replaced in the background before it expires, without anybody waiting', async () => {
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    const first = await source.get();
    await vi.advanceTimersByTimeAsync(55 * MINUTE - 1);
    expect(questions).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(questions).toHaveLength(2);
    expect(questions[1]).toMatchObject({ reason: 'expiring' });
    expect(questions[1]?.previous).toBe(first);
    expect(await source.get()).toMatchObject({ token: 'token-2' });
  });

  test.each([
    [0, 56],
    [1, 54],
  ])('is replaced earlier or later in each process: random %d, minute %d', async (random, minute) => {
    vi.mocked(Math.random).mockReturnValue(random);
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    await source.get();
    await vi.advanceTimersByTimeAsync(minute * MINUTE - 10);
    expect(questions).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20);
    expect(questions).toHaveLength(2);
  });

  test('that is short-lived is replaced after three quarters of its life', async () => {
    const { source, questions } = sourceOf(numberedTokens(MINUTE));
    await source.get();
    await vi.advanceTimersByTimeAsync(45_000 - 1);
    expect(questions).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(questions).toHaveLength(2);
  });

  test('without expiresAt is believed to live for five minutes', async () => {
    const { source, questions } = sourceOf((_context, count) => ({ token: `token-${count}` }));
    await source.get();
    await vi.advanceTimersByTimeAsync(225_000 - 1);
    expect(questions).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(questions).toHaveLength(2);
    expect(source.expiresAt).toBeUndefined();
  });

  test.each([
    ['for ever', Number.POSITIVE_INFINITY],
    ['for 100 days', Date.UTC(2027, 2, 1)],
  ])('and lives %s does not make timers run wild', async (_how, expiresAt) => {
    vi.setSystemTime(Date.UTC(2026, 10, 21));
    const { source, questions } = sourceOf(() => ({ token: 'lasting', expiresAt }));
    await source.get();
    await vi.advanceTimersByTimeAsync(60 * 24 * HOUR);
    expect(await source.get()).toMatchObject({ token: 'lasting' });
    expect(questions).toHaveLength(1);
  });

  test('and lives for milliseconds does not keep the background busy', async () => {
    const { source, questions } = sourceOf(numberedTokens(10));
    await source.get();
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(questions).toHaveLength(1);
  });

  test('that came expired serves those who waited for it', async () => {
    const { source, questions } = sourceOf((_context, count) => ({
      token: `token-${count}`,
      expiresAt: Date.now() - 1,
    }));
    expect(await source.get()).toMatchObject({ token: 'token-1' });
    expect(await source.get()).toMatchObject({ token: 'token-2' });
    expect(questions[1]?.reason).toBe('expiring');
  });

  test('is not replaced in the async context of whoever asked first', async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const { source } = sourceOf((context, count) => {
      seen.push(request.getStore());
      return numberedTokens(HOUR)(context, count);
    });
    await request.run('first request', () => source.get());
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(seen).toEqual(['first request', undefined]);
  });

  test('does not expire because the wall clock is set', async () => {
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    await source.get();
    vi.setSystemTime(Date.now() + 10 * HOUR);
    expect(await source.get()).toMatchObject({ token: 'token-1' });
    expect(questions).toHaveLength(1);
  });

  test('tells when it expires', async () => {
    const { source } = sourceOf(numberedTokens(HOUR));
    expect(source.expiresAt).toBeUndefined();
    await source.get();
    expect(source.expiresAt).toBe(Date.now() + HOUR);
  });
});

describe('while the provider fails', () => {
  const failingAfter =
    (successes: number, error: () => unknown) => (_context: TokenContext, count: number) => {
      if (count > successes) throw error();
      return { token: `token-${count}`, expiresAt: Date.now() + HOUR };
    };
  const outage = () => new ConnectionError('CONNECT_FAILED', 'away', { retryable: true });
  const refusal = () => new AuthError('TOKEN_FAILED', 'invalid_client', { retryable: false });

  test('a valid token outlives an outage of ten minutes, with few requests', async () => {
    vi.mocked(Math.random).mockRestore();
    for (let round = 0; round < 20; round++) {
      const { source, questions } = sourceOf(failingAfter(1, outage));
      await source.get();
      await vi.advanceTimersByTimeAsync(49 * MINUTE);
      for (let second = 0; second < 600; second++) {
        expect(await source.get()).toMatchObject({ token: 'token-1' });
        await vi.advanceTimersByTimeAsync(1_000);
      }
      expect(questions.length).toBeGreaterThan(2);
      expect(questions.length).toBeLessThanOrEqual(1 + 30);
      source.close();
    }
  });

  test('ten minutes without a token cost at most 30 requests, however many ask', async () => {
    vi.mocked(Math.random).mockRestore();
    for (let round = 0; round < 50; round++) {
      const { source, questions } = sourceOf(failingAfter(0, outage));
      for (let second = 0; second < 600; second++) {
        await source.get().catch(() => {});
        await vi.advanceTimersByTimeAsync(1_000);
      }
      expect(questions.length).toBeLessThanOrEqual(30);
    }
  });

  test('the background goes on trying until it works', async () => {
    const { source, questions, events } = sourceOf((_context, count) => {
      if (count === 2 || count === 3) throw outage();
      return { token: `token-${count}`, expiresAt: Date.now() + HOUR };
    });
    await source.get();
    await vi.advanceTimersByTimeAsync(55 * MINUTE);
    expect(questions).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(625);
    expect(questions).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1_250);
    expect(questions).toHaveLength(4);
    expect(await source.get()).toMatchObject({ token: 'token-4' });
    expect(events.map(({ error }) => error?.code)).toEqual([
      undefined,
      'TOKEN_FAILED',
      'TOKEN_FAILED',
      undefined,
    ]);
  });

  test('the last seconds of a token are used, too', async () => {
    const { source } = sourceOf(failingAfter(1, outage));
    await source.get();
    await vi.advanceTimersByTimeAsync(HOUR - 1);
    expect(await source.get()).toMatchObject({ token: 'token-1' });
    await vi.advanceTimersByTimeAsync(1);
    await expect(source.get()).rejects.toMatchObject({ code: 'TOKEN_FAILED' });
  });

  test('who comes after the expiry hears so at once, and when to come back', async () => {
    const { source, questions } = sourceOf(failingAfter(0, outage));
    const error = await source.get().catch((thrown) => thrown);
    expect(error).toBeInstanceOf(AuthError);
    expect(error).toMatchObject({
      code: 'TOKEN_FAILED',
      server: 'docs',
      delivery: 'not-sent',
      retryable: true,
      retryAfterMs: 625,
    });
    await vi.advanceTimersByTimeAsync(400);
    await expect(source.get()).rejects.toMatchObject({ retryable: true, retryAfterMs: 225 });
    expect(questions).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(225);
    await expect(source.get()).rejects.toMatchObject({ retryAfterMs: 1_250 });
    expect(questions).toHaveLength(2);
  });

  test('what cannot be repaired by waiting is remembered for a minute', async () => {
    const { source, questions } = sourceOf(failingAfter(0, refusal));
    await expect(source.get()).rejects.toMatchObject({ retryable: false });
    await vi.advanceTimersByTimeAsync(MINUTE - 1);
    await expect(source.get()).rejects.toMatchObject({ retryable: false });
    expect(questions).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await expect(source.get()).rejects.toMatchObject({ retryable: false });
    expect(questions).toHaveLength(2);
  });

  test.each([
    [30_000, 30_000],
    [365 * 24 * HOUR, 5 * MINUTE],
  ])('a wait of %d ms that it asks for is kept for %d ms', async (retryAfterMs, keptMs) => {
    const busy = () => new AuthError('TOKEN_FAILED', 'busy', { retryable: true, retryAfterMs });
    const { source, questions } = sourceOf(failingAfter(0, busy));
    await source.get().catch(() => {});
    await vi.advanceTimersByTimeAsync(keptMs - 1);
    await source.get().catch(() => {});
    expect(questions).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await source.get().catch(() => {});
    expect(questions).toHaveLength(2);
  });

  test('a success forgets the failures', async () => {
    const { source } = sourceOf((_context, count) => {
      if (count !== 3) throw outage();
      return { token: 'token', expiresAt: Date.now() + 1 };
    });
    for (const waitMs of [625, 1_250]) {
      await expect(source.get()).rejects.toMatchObject({ retryAfterMs: waitMs });
      await vi.advanceTimersByTimeAsync(waitMs);
    }
    await source.get();
    await vi.advanceTimersByTimeAsync(1);
    await expect(source.get()).rejects.toMatchObject({ retryAfterMs: 625 });
  });
});

describe('a provider that misbehaves', () => {
  test.each<[string, unknown]>([
    ['a number', 7],
    ['null', null],
    ['an empty string', ''],
    ['a string with a line break', 'opensesame\r\nx: y'],
    ['an object without a token', {}],
    ['an object with an unusable token', { token: 'open sesame' }],
    ['an expiry that is no number', { token: 'opensesame', expiresAt: 'soon' }],
    ['an expiry in seconds', { token: 'opensesame', expiresAt: 1_763_000_000 }],
    ['scopes that are no list', { token: 'opensesame', scopes: 'read' }],
  ])('by answering %s', async (_what, answer) => {
    const { source } = sourceOf(() => answer as string);
    const error = await source.get().catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'TOKEN_FAILED', retryable: false, cause: expect.any(Error) });
    expect(JSON.stringify(error) + String(error.cause)).not.toContain('sesame');
  });

  test('by throwing something secret', async () => {
    const thrown = new Error('token opensesame');
    const { source } = sourceOf(() => {
      throw thrown;
    });
    const error = await source.get().catch((caught) => caught);
    expect(error).toMatchObject({ code: 'TOKEN_FAILED', retryable: true });
    expect(error.message).not.toContain('sesame');
    expect(error.cause).toBe(thrown);
  });

  test('by never answering: it gets 30 seconds, its callers as long as they like', async () => {
    const { source, questions } = sourceOf(() => new Promise<never>(() => {}));
    const patient = source.get();
    const impatient = source.get(AbortSignal.timeout(1));
    await expect(impatient).rejects.toMatchObject({ name: 'TimeoutError' });
    const outcome = expect(patient).rejects.toMatchObject({ code: 'TOKEN_FAILED', retryable: true });
    await vi.advanceTimersByTimeAsync(30_000);
    await outcome;
    expect(questions[0]?.signal.aborted).toBe(true);
  });
});

describe('refresh', () => {
  test('fetches a token at once', async () => {
    const { source, questions, events } = sourceOf(numberedTokens(HOUR));
    await source.get();
    await source.refresh();
    expect(await source.get()).toMatchObject({ token: 'token-2' });
    expect(questions[1]).toMatchObject({ reason: 'forced', previous: { token: 'token-1' } });
    expect(events[1]).toEqual({ reason: 'forced', expiresAt: Date.now() + HOUR });
  });

  test('waits for no backoff, and says what went wrong', async () => {
    const { source, questions } = sourceOf(() => {
      throw new AuthError('TOKEN_FAILED', 'invalid_client', { retryable: false });
    });
    await source.get().catch(() => {});
    await expect(source.refresh()).rejects.toMatchObject({ code: 'TOKEN_FAILED', retryable: false });
    expect(questions).toHaveLength(2);
  });

  test('that fails leaves the token that is there', async () => {
    const { source } = sourceOf((_context, count) => {
      if (count > 1) throw new Error('away');
      return { token: 'token-1', expiresAt: Date.now() + HOUR };
    });
    await source.get();
    await expect(source.refresh()).rejects.toMatchObject({ cause: { message: 'away' } });
    expect(await source.get()).toMatchObject({ token: 'token-1' });
  });
});

describe('close', () => {
  test('ends waits and questions, and no timer is left', async () => {
    const { source, questions, events } = sourceOf(() => new Promise<never>(() => {}));
    const waiting = source.get();
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
    await vi.advanceTimersByTimeAsync(0);
    source.close();
    source.close();
    await outcome;
    expect(questions[0]?.signal.aborted).toBe(true);
    expect(events).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('ends the background work', async () => {
    const { source, questions } = sourceOf(numberedTokens(HOUR));
    await source.get();
    source.close();
    expect(vi.getTimerCount()).toBe(0);
    await expect(source.get()).rejects.toMatchObject({ code: 'CLOSED', server: 'docs' });
    await expect(source.refresh()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(questions).toHaveLength(1);
  });
});

describe('events', () => {
  test('tell of each request once', async () => {
    const { source, events } = sourceOf(numberedTokens(HOUR));
    await Promise.all([source.get(), source.get()]);
    await vi.advanceTimersByTimeAsync(55 * MINUTE);
    expect(events).toEqual([
      { reason: 'initial', expiresAt: Date.now() + 5 * MINUTE },
      { reason: 'expiring', expiresAt: Date.now() + HOUR },
    ]);
  });

  test('harm nobody when their listener throws', async () => {
    const source = new TokenSource({
      provider: { getToken: async () => ({ token: 'sesame' }) },
      server: 'docs',
      url: SERVER_URL,
      onRefresh: () => {
        throw new Error('listener');
      },
    });
    expect(await source.get()).toEqual({ token: 'sesame' });
  });
});

test('the tokens in use now and before are known, for stripping them from texts', async () => {
  const secrets = new KnownSecrets();
  let count = 0;
  const getToken = async () => numberedTokens(HOUR)(tokenContext(), ++count);
  const onRefresh = () => {};
  const source = new TokenSource({
    provider: { getToken },
    server: 'docs',
    url: SERVER_URL,
    secrets,
    onRefresh,
  });
  expect(secrets.redact('token-1 and token-2')).toBe('token-1 and token-2');
  await source.get();
  await source.refresh();
  expect(secrets.redact('token-1 and token-2')).toBe('[redacted] and [redacted]');
});

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
