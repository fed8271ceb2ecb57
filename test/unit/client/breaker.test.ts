import { McpClient, type McpClientEvents, type McpFleetError } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import '../../../src/session/open.js';
import '../../../src/session/transports/streamable-http.js';
import { pass, soon, turns } from './faked-time.js';
import { offering, refused, rejection, type SeenRequest, textOf, watched } from './fakes.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => vi.useRealTimers());

/** A server that is away, answers 500 to what is asked of it, or is well. */
function moody() {
  const fake = fakeServer(offering(['one']));
  const state: { mood: 'well' | 'away' | 'failing' } = { mood: 'well' };
  const seen = watched(fake, ({ method, http }: SeenRequest) => {
    if (state.mood === 'away') refused();
    if (state.mood === 'failing' && http === 'POST' && method !== 'initialize')
      return new Response('x', { status: 500 });
    return undefined;
  });
  return { fake, state, ...seen, posts: () => seen.requests.filter(({ http }) => http === 'POST').length };
}

describe('the circuit of a client', () => {
  test('opens when the server fails, is told by events and in the snapshot, and closes after a ping', async () => {
    const { fake, state, config, count } = moody();
    await using client = new McpClient('a', { ...config, retry: false });
    const events: McpClientEvents['circuit'][] = [];
    client.on('circuit', (event) => events.push(event));
    await soon(client.callTool({ name: 'one' }));
    state.mood = 'failing';
    for (let n = 0; n < 5; n++) {
      expect(client.snapshot().circuit).toBe('closed');
      expect(await soon(rejection(client.callTool({ name: 'one' })))).toMatchObject({
        code: 'OUTCOME_UNKNOWN',
      });
    }
    expect(client.snapshot().circuit).toBe('open');
    state.mood = 'well';
    await pass(6_001);
    expect(client.snapshot().circuit).toBe('closed');
    expect(count('ping')).toBe(1);
    expect(events).toEqual([
      { server: 'a', state: 'open', previous: 'closed' },
      { server: 'a', state: 'half-open', previous: 'open' },
      { server: 'a', state: 'closed', previous: 'half-open' },
    ]);
    expect(textOf(await soon(client.callTool({ name: 'one' })))).toBe('one');
    expect(fake.calls).toHaveLength(2);
    await fake.close();
  });

  test('refuses while it is open, at once and without a request', async () => {
    const { fake, state, config, posts } = moody();
    await using client = new McpClient('a', { ...config, retry: false });
    await soon(client.callTool({ name: 'one' }));
    state.mood = 'failing';
    for (let n = 0; n < 5; n++) await soon(rejection(client.callTool({ name: 'one' })));
    const before = posts();
    const called = client.once('call');
    const startedAt = performance.now();
    const error = (await rejection(client.callTool({ name: 'one' }))) as McpFleetError;
    expect(performance.now()).toBe(startedAt);
    expect(error).toMatchObject({ code: 'CIRCUIT_OPEN', delivery: 'not-sent', server: 'a', retryable: true });
    expect(error.retryAfterMs).toBeGreaterThan(3_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(6_000);
    expect(await called).toMatchObject({ outcome: 'failed', attempts: 0, error });
    expect(await rejection(client.ping())).toMatchObject({ code: 'CIRCUIT_OPEN' });
    expect(posts()).toBe(before);
    await fake.close();
  });

  test('never opens where it is switched off', async () => {
    const { fake, state, config } = moody();
    await using client = new McpClient('a', { ...config, retry: false, circuitBreaker: false });
    await soon(client.callTool({ name: 'one' }));
    state.mood = 'failing';
    for (let n = 0; n < 30; n++)
      expect(await soon(rejection(client.ping()))).toMatchObject({ code: 'HTTP_ERROR', httpStatus: 500 });
    expect(client.snapshot().circuit).toBe('closed');
    await fake.close();
  });

  test('opens as it is configured to', async () => {
    const { fake, state, config } = moody();
    const circuitBreaker = { consecutiveFailures: 2, openMs: 60_000 };
    await using client = new McpClient('a', { ...config, retry: false, circuitBreaker });
    await soon(client.ping());
    state.mood = 'failing';
    for (let n = 0; n < 2; n++) await soon(rejection(client.ping()));
    const error = (await rejection(client.ping())) as McpFleetError;
    expect(error.retryAfterMs).toBeGreaterThan(47_000);
    await fake.close();
  });

  test('opens for a server that was never there, and callers learn why at first', async () => {
    const { fake, state, config } = moody();
    state.mood = 'away';
    await using client = new McpClient('a', { ...config, retry: false });
    const codes: string[] = [];
    for (let n = 0; n < 8; n++) codes.push(((await soon(rejection(client.ping()))) as McpFleetError).code);
    expect(codes.slice(0, 3)).toEqual(['CONNECT_FAILED', 'CONNECT_FAILED', 'CONNECT_FAILED']);
    expect(codes.at(-1)).toBe('CIRCUIT_OPEN');
    await fake.close();
  });
});

describe('the health check of a client', () => {
  test('finds out that the server has gone, reports it, and reconnects when it is back', async () => {
    const { fake, state, config } = moody();
    await using client = new McpClient('a', { ...config, healthCheck: { intervalMs: 1_000, threshold: 2 } });
    const statuses: string[] = [];
    const errors: string[] = [];
    client.on('status', ({ status }) => statuses.push(status));
    client.on('error', ({ during }) => errors.push(during));
    await soon(client.connect());
    state.mood = 'failing';
    await pass(4_000, 100);
    expect(errors.filter((during) => during === 'health').length).toBeGreaterThanOrEqual(2);
    expect(statuses.slice(0, 4)).toEqual(['connecting', 'ready', 'unhealthy', 'reconnecting']);
    state.mood = 'well';
    // Waits before another attempt grow up to a minute.
    await pass(70_000, 1_000);
    expect(client.status).toBe('ready');
    await fake.close();
  });

  test('asks every 30 seconds where nothing is configured, and never where it is off', async () => {
    for (const [settings, least, most] of [
      [{}, 8, 13],
      [{ healthCheck: false as const }, 0, 0],
    ] as const) {
      const { fake, config, count } = moody();
      await using client = new McpClient('a', { ...config, ...settings });
      await soon(client.connect());
      await pass(300_000);
      expect(count('ping')).toBeGreaterThanOrEqual(least);
      expect(count('ping')).toBeLessThanOrEqual(most);
      await fake.close();
    }
  });

  test('asks nothing of a client that is closed', async () => {
    const { fake, config, posts } = moody();
    const client = new McpClient('a', config);
    await soon(client.connect());
    await soon(client.close());
    const before = posts();
    await pass(120_000);
    expect(posts()).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
    await fake.close();
  });
});

describe('an outage of ten minutes', () => {
  const CALLS = 1_000;
  const OUTAGE_MS = 600_000;

  test.each([
    ['nobody listens', 'away', true],
    ['nobody ever listened', 'away', false],
    ['every request fails', 'failing', true],
  ] as const)(
    'in which %s makes no more requests than 1.1 of the calls and ten, and ends by itself',
    async (_what, mood, before) => {
      const { fake, state, config, posts } = moody();
      await using client = new McpClient('a', config);
      if (before) await soon(client.callTool({ name: 'one' }));
      state.mood = mood;
      const base = posts();
      const outcomes: Promise<unknown>[] = [];
      for (let n = 0; n < CALLS; n++) {
        outcomes.push(rejection(client.callTool({ name: 'one' })));
        await vi.advanceTimersByTimeAsync(OUTAGE_MS / CALLS);
        await turns(1);
      }
      const requests = posts() - base;
      expect(requests).toBeLessThanOrEqual(1.1 * CALLS + 10);
      // Some do ask: the server might be back.
      expect(requests).toBeGreaterThan(10);

      state.mood = 'well';
      const wait = client.snapshot().circuit === 'open' ? 72_000 : 5_000;
      await pass(wait + 1_000);
      const codes = new Set(
        (await soon(Promise.all(outcomes))).map((error) => (error as McpFleetError).code),
      );
      for (const code of codes)
        expect([
          'CONNECT_FAILED',
          'CONNECTION_LOST',
          'CIRCUIT_OPEN',
          'OUTCOME_UNKNOWN',
          'HTTP_ERROR',
        ]).toContain(code);
      expect(codes).toContain('CIRCUIT_OPEN');
      expect(client.snapshot()).toMatchObject({ status: 'ready', circuit: 'closed', inFlight: 0, queued: 0 });
      expect(textOf(await soon(client.callTool({ name: 'one' })))).toBe('one');
      expect(fake.calls).toHaveLength(before ? 2 : 1);
      await fake.close();
    },
    60_000,
  );

  test('without a breaker is bounded by the retry budget alone', async () => {
    const { fake, state, config, count } = moody();
    await using client = new McpClient('a', { ...config, circuitBreaker: false, healthCheck: false });
    await soon(client.connect());
    state.mood = 'failing';
    const outcomes: Promise<unknown>[] = [];
    for (let n = 0; n < CALLS; n++) {
      outcomes.push(rejection(client.ping()));
      await vi.advanceTimersByTimeAsync(OUTAGE_MS / CALLS);
      await turns(1);
    }
    await soon(Promise.all(outcomes));
    expect(count('ping')).toBeGreaterThan(CALLS);
    expect(count('ping')).toBeLessThanOrEqual(1.1 * CALLS + 10);
    await fake.close();
  });
});
