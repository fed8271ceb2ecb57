import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { withBearer } from '../../../src/auth/bearer-fetch.js';
import { TokenSources } from '../../../src/auth/token-sources.js';
import { ConnectionError } from '../../../src/core/errors.js';
import type { HttpFetch } from '../../../src/net/http.js';
import { SERVER_URL } from './contexts.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('requests at the moment of expiry', () => {
  test.each([
    ['in the margin before it', HOUR - 1],
    ['at it', HOUR],
    ['long after it, as after a sleep of the machine', 10 * HOUR],
  ])('%s: 100 cause one token request, and all succeed', async (_when, afterMs) => {
    const { request, questions } = stand();
    await request();
    // The background is asleep, as the machine is.
    vi.spyOn(performance, 'now').mockReturnValue(performance.now() + afterMs);
    const statuses = await Promise.all(Array.from({ length: 100 }, () => request()));
    expect(statuses).toEqual(new Array(100).fill(200));
    expect(questions()).toBe(2);
  });

  test('across a clock that jumps: none', async () => {
    const { request, questions } = stand();
    await request();
    for (const jump of [10 * HOUR, -20 * HOUR]) {
      vi.setSystemTime(Date.now() + jump);
      expect(await Promise.all(Array.from({ length: 100 }, () => request()))).toEqual(
        new Array(100).fill(200),
      );
    }
    expect(questions()).toBe(1);
  });
});

test('ten minutes without the authorization server, with a valid token: no request fails, at most 30 token requests', async () => {
  let away = false;
  const { request, questions } = stand({
    before: () => {
      if (away) throw new ConnectionError('CONNECT_FAILED', 'away', { retryable: true });
    },
  });
  await request();
  await vi.advanceTimersByTimeAsync(49 * MINUTE);
  away = true;
  const failed: unknown[] = [];
  for (let second = 0; second < 600; second++) {
    await Promise.all(Array.from({ length: 5 }, () => request().catch((error) => failed.push(error))));
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(failed).toEqual([]);
  expect(questions()).toBeGreaterThan(2);
  expect(questions()).toBeLessThanOrEqual(30);
});

test.each(['POST', 'GET', 'both'])(
  'a server that refuses every token causes at most two token requests a minute, on %s',
  async (method) => {
    const { request, questions } = stand({ accepts: () => false });
    const minutes: number[] = [];
    for (let minute = 0; minute < 10; minute++) {
      const before = questions();
      for (let second = 0; second < 60; second++) {
        const methods = method === 'both' ? ['POST', 'GET'] : [method];
        for (const one of methods) expect(await request(one)).toBe(401);
        await vi.advanceTimersByTimeAsync(1_000);
      }
      minutes.push(questions() - before);
    }
    expect(Math.max(...minutes)).toBeLessThanOrEqual(2);
    expect(Math.min(...minutes)).toBeGreaterThan(0);
  },
);

/** A server behind tokens that live for an hour. */
function stand({
  accepts = (_token: string) => true,
  before = () => {},
}: {
  accepts?: (token: string) => boolean;
  before?: () => void;
} = {}) {
  let asked = 0;
  const sources = new TokenSources({
    provider: {
      async getToken() {
        asked++;
        before();
        await Promise.resolve();
        return { token: `token-${asked}`, expiresAt: Date.now() + HOUR };
      },
    },
    server: 'docs',
    url: SERVER_URL,
    onRefresh: () => {},
  });
  const server: HttpFetch = async (_url, request) =>
    new Response(null, { status: accepts(request?.headers?.authorization ?? '') ? 200 : 401 });
  const fetch = withBearer(server, sources, SERVER_URL.origin);
  return {
    questions: () => asked,
    request: async (method = 'POST') => (await fetch(SERVER_URL, { method })).status,
  };
}
