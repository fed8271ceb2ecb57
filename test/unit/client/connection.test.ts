import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Connection } from '../../../src/client/connection.js';
import { NEXT_STATUSES, type ServerStatus } from '../../../src/client/status.js';
import { Deadline } from '../../../src/core/deadline.js';
import {
  AuthError,
  CircuitOpenError,
  ConnectionError,
  type McpFleetError,
} from '../../../src/core/errors.js';
import type { StopSignal } from '../../../src/core/stop-signal.js';
import type { Session } from '../../../src/session/session.js';
import { rejection } from './fakes.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const NEVER = new AbortController().signal;
const TIMES = {
  connectTimeoutMs: 1_000,
  firstStart: { waitMs: 1_000, attemptMs: 1_000 },
  lastWords: () => '',
  isWanted: () => true,
  failedForMs: 30_000,
};

interface Attempt {
  signal: StopSignal;
  succeed(): FakeSession;
  fail(error: unknown): void;
}
type FakeSession = Session & { lose(reason?: McpFleetError): void; closes: number };

/** A connection whose attempts the test ends by hand, or by `answer` at once. */
function connection(answer?: (attempt: Attempt) => void, times: Partial<typeof TIMES> = {}) {
  const attempts: Attempt[] = [];
  const statuses: string[] = [];
  const errors: (McpFleetError | undefined)[] = [];
  const outcomes: (McpFleetError | undefined)[] = [];
  const made = new Connection({
    ...TIMES,
    ...times,
    onAttempt: (failure) => outcomes.push(failure),
    onStatus({ status, previous, error }) {
      expect(NEXT_STATUSES[previous]).toContain(status);
      expect(statuses.length === 0 ? 'idle' : statuses.at(-1)).toBe(previous);
      statuses.push(status);
      errors.push(error);
    },
    open: ({ closed }, signal) =>
      new Promise<Session>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        const attempt: Attempt = {
          signal,
          succeed() {
            const session = {
              closes: 0,
              async close() {
                session.closes++;
              },
              lose: (reason = lost()) => closed(reason),
            } as unknown as FakeSession;
            resolve(session);
            return session;
          },
          fail: reject,
        };
        attempts.push(attempt);
        answer?.(attempt);
      }),
  });
  return { made, attempts, statuses, errors, outcomes };
}

const lost = () => new ConnectionError('CONNECTION_LOST', 'gone', { delivery: 'unknown', retryable: true });
const away = (retryAfterMs?: number) =>
  new ConnectionError('CONNECT_FAILED', 'away', { retryable: true, retryAfterMs });
const locked = () => new AuthError('UNAUTHORIZED', 'locked');

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

describe('a connection', () => {
  test('is idle until somebody asks, and opened once for all who do', async () => {
    const { made, attempts, statuses } = connection();
    expect(made.status).toBe('idle');
    expect(attempts).toHaveLength(0);
    const asked = Promise.all([made.ready(NEVER), made.connect(NEVER), made.ready(NEVER)]);
    expect(attempts).toHaveLength(1);
    const session = attempts[0]?.succeed();
    expect(await asked).toEqual([session, session, session]);
    expect(statuses).toEqual(['connecting', 'ready']);
    expect(await made.ready(NEVER)).toBe(session);
    expect(await made.connect(NEVER)).toBe(session);
    expect(attempts).toHaveLength(1);
    expect(made.lastSession).toBe(session);
  });

  test('keeps trying for the others when one of the callers gives up', async () => {
    const { made, attempts } = connection();
    const controller = new AbortController();
    const impatient = rejection(made.ready(controller.signal));
    const patient = made.ready(NEVER);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await impatient).toBe(reason);
    expect(attempts[0]?.signal.aborted).toBe(false);
    const session = attempts[0]?.succeed();
    expect(await patient).toBe(session);
  });

  test('notes when each status was entered', async () => {
    const { made, attempts } = connection();
    const begin = Date.now();
    void made.connect(NEVER);
    await vi.advanceTimersByTimeAsync(500);
    expect(made.since).toBe(begin);
    attempts[0]?.succeed();
    await settle();
    expect(made.since).toBe(begin + 500);
  });

  test('that takes too long fails with a timeout, and says that nothing was sent', async () => {
    const { made, attempts } = connection();
    const failed = rejection(made.connect(NEVER));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await failed).toMatchObject({
      code: 'TIMEOUT',
      timeoutMs: 1_000,
      message: 'Not connected within 1000 ms (connectTimeoutMs)',
      delivery: 'not-sent',
    });
    expect(attempts[0]?.signal.aborted).toBe(true);
    expect(made.status).toBe('reconnecting');
    expect(made.lastError).toBe(await failed);
  });

  test('whose opening throws something foreign fails with an error of ours', async () => {
    const { made } = connection(({ fail }) => fail(new TypeError('oops')));
    const cause = expect.any(TypeError);
    expect(await rejection(made.connect(NEVER))).toMatchObject({
      code: 'PROTOCOL_ERROR',
      delivery: 'not-sent',
      cause,
    });
    expect(made.status).toBe('failed');
  });

  test('whose session ends while it is opened is not ready', async () => {
    const { made, statuses } = connection((attempt) => attempt.succeed().lose());
    expect(await rejection(made.ready(NEVER))).toMatchObject({
      code: 'CONNECTION_LOST',
      delivery: 'not-sent',
    });
    expect(statuses).toEqual(['connecting', 'reconnecting']);
    await made.close();
  });
});

describe('after the session is lost', () => {
  test('callers wait for the next one, which is also opened in the background', async () => {
    const { made, attempts, statuses, errors } = connection((attempt) => attempt.succeed());
    const first = (await made.ready(NEVER)) as FakeSession;
    const reason = lost();
    first.lose(reason);
    expect(made.status).toBe('reconnecting');
    expect(made.lastError).toBe(reason);
    expect(made.lastSession).toBe(first);
    const second = await made.ready(NEVER);
    expect(second).not.toBe(first);
    expect(made.lastError).toBeUndefined();
    (second as FakeSession).lose();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(made.status).toBe('ready');
    expect(attempts).toHaveLength(3);
    expect(statuses).toEqual(['connecting', 'ready', 'reconnecting', 'ready', 'reconnecting', 'ready']);
    expect(errors[2]).toBe(reason);
  });

  test('it may be lost once, and an older one cannot take the newer one along', async () => {
    const { made, statuses } = connection((attempt) => attempt.succeed());
    const first = (await made.ready(NEVER)) as FakeSession;
    first.lose();
    first.lose();
    await made.ready(NEVER);
    first.lose();
    expect(made.status).toBe('ready');
    expect(statuses).toEqual(['connecting', 'ready', 'reconnecting', 'ready']);
  });
});

describe('those who wait', () => {
  /** A connection that was there, and whose server is away since. */
  async function gone() {
    const one = connection();
    const asked = one.made.ready(NEVER);
    const session = one.attempts[0]?.succeed();
    await asked;
    session?.lose();
    return one;
  }
  /** Of the attempt under way, or of the next one. */
  const attempt = async ({ attempts }: { attempts: readonly Attempt[] }, n: number): Promise<Attempt> => {
    while (attempts[n] === undefined) await vi.advanceTimersByTimeAsync(1_000);
    return attempts[n];
  };

  test('for a server that was there get the next session, however many attempts it takes', async () => {
    const one = await gone();
    const waiting = [one.made.ready(NEVER), one.made.ready(NEVER)];
    (await attempt(one, 1)).fail(away());
    (await attempt(one, 2)).fail(away());
    const late = one.made.ready(NEVER);
    const session = (await attempt(one, 3)).succeed();
    expect(await Promise.all([...waiting, late])).toEqual([session, session, session]);
    expect(one.made.status).toBe('ready');
  });

  test('for one that never was there get the outcome of the attempt, and the next one asks anew', async () => {
    const one = connection();
    const waiting = [rejection(one.made.ready(NEVER)), rejection(one.made.ready(NEVER))];
    one.attempts[0]?.fail(away());
    const [error, same] = await Promise.all(waiting);
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent' });
    expect(same).toBe(error);
    expect(one.made.status).toBe('reconnecting');
    const next = one.made.ready(NEVER);
    expect(one.attempts).toHaveLength(2);
    const session = one.attempts[1]?.succeed();
    expect(await next).toBe(session);
  });

  test('make the first attempt after a loss come at once, but not the second', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    const one = await gone();
    expect(one.attempts).toHaveLength(1);
    void one.made.ready(NEVER).catch(() => {});
    expect(one.attempts).toHaveLength(2);
    one.attempts[1]?.fail(away());
    await settle();
    void one.made.ready(NEVER).catch(() => {});
    await vi.advanceTimersByTimeAsync(1_500);
    expect(one.attempts).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(100);
    expect(one.attempts).toHaveLength(3);
    await one.made.close();
  });

  test('are told by connect, which tries now, of its own attempt', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999);
    const one = await gone();
    const connecting = rejection(one.made.connect(NEVER));
    expect(one.attempts).toHaveLength(2);
    one.attempts[1]?.fail(away());
    expect(await connecting).toMatchObject({ code: 'CONNECT_FAILED' });
    await one.made.close();
  });

  test('end with their signal, alone', async () => {
    const one = await gone();
    const controller = new AbortController();
    const impatient = rejection(one.made.ready(controller.signal));
    const patient = one.made.ready(NEVER);
    controller.abort('enough');
    expect(await impatient).toBe('enough');
    const session = (await attempt(one, 1)).succeed();
    expect(await patient).toBe(session);
  });

  test('can be dismissed, while attempts go on', async () => {
    const one = await gone();
    const waiting = [rejection(one.made.ready(NEVER)), rejection(one.made.ready(NEVER))];
    const refusal = new CircuitOpenError('open', { retryAfterMs: 5_000 });
    one.made.dismissWaiters(refusal);
    expect(await Promise.all(waiting)).toEqual([refusal, refusal]);
    expect(one.made.status).toBe('reconnecting');
    (await attempt(one, 1)).succeed();
    await settle();
    expect(one.made.status).toBe('ready');
  });

  test('are dismissed when only a person can help', async () => {
    const one = await gone();
    const waiting = rejection(one.made.ready(NEVER));
    (await attempt(one, 1)).fail(locked());
    expect(await waiting).toMatchObject({ code: 'UNAUTHORIZED', delivery: 'not-sent' });
    expect(one.made.status).toBe('failed');
  });

  test('are dismissed by close', async () => {
    const one = await gone();
    const waiting = rejection(one.made.ready(NEVER));
    await one.made.close();
    expect(await waiting).toMatchObject({ code: 'CLOSED', delivery: 'not-sent' });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a health check', () => {
  const missed = () => new ConnectionError('HTTP_ERROR', 'HTTP 500', { httpStatus: 500 });

  async function ready() {
    const one = connection((attempt) => attempt.succeed());
    return { ...one, session: (await one.made.ready(NEVER)) as FakeSession };
  }

  test('that fails makes the server unhealthy, and callers still get its session', async () => {
    const { made, session, statuses } = await ready();
    const error = missed();
    made.missed(session, error, false);
    expect(made).toMatchObject({ status: 'unhealthy', lastError: error, session });
    expect(await made.ready(NEVER)).toBe(session);
    made.missed(session, missed(), false);
    expect(statuses).toEqual(['connecting', 'ready', 'unhealthy']);
  });

  test('that succeeds makes it ready again', async () => {
    const { made, session, statuses } = await ready();
    made.well(session);
    made.missed(session, missed(), false);
    made.well(session);
    expect(made).toMatchObject({ status: 'ready', lastError: undefined, session });
    expect(statuses).toEqual(['connecting', 'ready', 'unhealthy', 'ready']);
  });

  test('that fails too often gives the session up', async () => {
    const { made, session, statuses } = await ready();
    made.missed(session, missed(), false);
    made.missed(session, missed(), true);
    expect(session.closes).toBe(1);
    expect(made.status).toBe('reconnecting');
    expect(await made.ready(NEVER)).not.toBe(session);
    expect(statuses).toEqual(['connecting', 'ready', 'unhealthy', 'reconnecting', 'ready']);
  });

  test('of an older session says nothing of the one there is', async () => {
    const { made, session } = await ready();
    session.lose();
    const second = (await made.ready(NEVER)) as FakeSession;
    made.missed(session, missed(), true);
    expect(made.status).toBe('ready');
    made.missed(second, missed(), false);
    made.well(session);
    expect(made.status).toBe('unhealthy');
  });

  test('of a server that is unhealthy does not make its session older or younger', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
    const { made, session, attempts } = await ready();
    await vi.advanceTimersByTimeAsync(29_000);
    made.missed(session, missed(), false);
    await vi.advanceTimersByTimeAsync(500);
    made.well(session);
    await vi.advanceTimersByTimeAsync(500);
    session.lose();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(attempts).toHaveLength(2);
    await made.close();
  });
});

describe('the outcome of an attempt', () => {
  test('is told once, however many waited for it', async () => {
    const { made, outcomes, attempts } = connection();
    const waiting = [1, 2, 3].map(() => rejection(made.ready(NEVER)));
    attempts[0]?.fail(away());
    const [error] = await Promise.all(waiting);
    expect(outcomes).toEqual([error]);
    void made.ready(NEVER);
    attempts[1]?.succeed();
    await settle();
    expect(outcomes).toEqual([error, undefined]);
  });

  test('is told when it was made in the background, too', async () => {
    const { made, outcomes } = connection(({ fail }) => fail(away()));
    await rejection(made.ready(NEVER));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(outcomes.length).toBeGreaterThan(1);
    await made.close();
  });
});

describe('the wait before another attempt', () => {
  /** The times at which attempts were made, with each wait at its longest or shortest. */
  async function waits(random: number, count: number): Promise<number[]> {
    vi.spyOn(Math, 'random').mockReturnValue(random);
    const at: number[] = [];
    const { made } = connection(({ fail }) => {
      at.push(Date.now());
      fail(away());
    });
    await rejection(made.connect(NEVER));
    await vi.advanceTimersByTimeAsync(count * 60_000);
    await made.close();
    return at.slice(1, count + 1).map((time, n) => time - (at[n] ?? 0));
  }

  test('grows by 1.6 from a second to a minute', async () => {
    const longest = await waits(0.999_999, 12);
    for (const [n, ms] of longest.entries()) {
      const limit = Math.min(60_000, 1_000 * 1.6 ** n);
      expect(ms).toBeGreaterThanOrEqual(Math.floor(limit) - 1);
      expect(ms).toBeLessThanOrEqual(limit + 1);
    }
    expect(longest.at(-1)).toBeGreaterThan(59_990);
  });

  test('is anything between nothing and that', async () => {
    const half = await waits(0.5, 4);
    expect(half.map((ms) => Math.round(ms / 10) * 10)).toEqual([500, 800, 1_280, 2_050]);
  });

  test('is kept by callers too, but for the first of a server that never was there', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
    const { made, attempts } = connection((attempt) => attempt.fail(away()));
    await rejection(made.ready(NEVER));
    await rejection(made.ready(NEVER));
    await rejection(made.ready(NEVER));
    expect(attempts).toHaveLength(3);
    const waiting = [made.ready(NEVER), made.ready(NEVER)].map(rejection);
    await vi.advanceTimersByTimeAsync(1_000 * 1.6 ** 2 - 10);
    expect(attempts).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(20);
    expect(attempts).toHaveLength(4);
    // One attempt, one outcome for all who waited for it.
    for (const outcome of waiting) expect(await outcome).toMatchObject({ code: 'CONNECT_FAILED' });
    await made.close();
  });

  test('is not waited for by a caller who has given up', async () => {
    const { made, attempts } = connection((attempt) => attempt.fail(away()));
    for (let n = 0; n < 3; n++) await rejection(made.ready(NEVER));
    const controller = new AbortController();
    const waiting = rejection(made.ready(controller.signal));
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await waiting).toBe(reason);
    expect(attempts).toHaveLength(3);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(await rejection(made.ready(AbortSignal.abort(reason)))).toBe(reason);
    await made.close();
  });

  test('starts over after 30 seconds of being ready, not before', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
    let up = false;
    const { made, attempts } = connection((attempt) => (up ? attempt.succeed() : attempt.fail(away())));
    const session = async () => {
      const next = made.ready(NEVER);
      while (made.status !== 'ready') await vi.advanceTimersByTimeAsync(10);
      return (await next) as FakeSession;
    };
    await rejection(made.connect(NEVER));
    while (attempts.length < 5) await vi.advanceTimersByTimeAsync(1_000);
    up = true;
    const flapping = await session();
    await vi.advanceTimersByTimeAsync(29_900);
    flapping.lose();
    await vi.advanceTimersByTimeAsync(1_000 * 1.6 ** 5 - 10);
    expect(made.status).toBe('reconnecting');
    await vi.advanceTimersByTimeAsync(20);
    expect(made.status).toBe('ready');
    const stable = await session();
    await vi.advanceTimersByTimeAsync(30_000);
    stable.lose();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(made.status).toBe('ready');
    await made.close();
  });

  test.each([
    [20_000, 20_000],
    [3_600_000, 300_000],
    [Number.POSITIVE_INFINITY, 300_000],
  ])('of %i ms that the server asks for is kept, as %i ms', async (asked, kept) => {
    const { made, attempts } = connection(({ fail }) => fail(away(asked)));
    await rejection(made.connect(NEVER));
    await vi.advanceTimersByTimeAsync(kept - 1);
    expect(attempts).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(attempts).toHaveLength(2);
    await made.close();
  });

  test('does not keep the process alive', async () => {
    const unref: boolean[] = [];
    const original = globalThis.setTimeout;
    vi.stubGlobal('setTimeout', (...args: Parameters<typeof setTimeout>) => {
      const timer = original(...args);
      const at = unref.push(false) - 1;
      const { unref: really } = timer;
      timer.unref = () => {
        unref[at] = true;
        return really.call(timer);
      };
      return timer;
    });
    const { made } = connection(({ fail }) => fail(away()));
    await rejection(made.connect(NEVER));
    expect(unref.length).toBeGreaterThanOrEqual(2);
    expect(unref.every(Boolean)).toBe(true);
    await made.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('where only a person can help', () => {
  test('the status is failed, nothing is tried, and callers get the known error for 30 seconds', async () => {
    const { made, attempts, statuses } = connection(({ fail }) => fail(locked()));
    const error = await rejection(made.ready(NEVER));
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', delivery: 'not-sent' });
    expect(made.status).toBe('failed');
    await vi.advanceTimersByTimeAsync(29_999);
    expect(await rejection(made.ready(NEVER))).toBe(error);
    expect(attempts).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await rejection(made.ready(NEVER))).not.toBe(error);
    expect(attempts).toHaveLength(2);
    expect(statuses).toEqual(['connecting', 'failed', 'connecting', 'failed']);
  });

  test('connect tries at once', async () => {
    let repaired = false;
    const { made } = connection((attempt) => (repaired ? attempt.succeed() : attempt.fail(locked())));
    await rejection(made.ready(NEVER));
    repaired = true;
    await made.connect(NEVER);
    expect(made.status).toBe('ready');
    expect(made.lastError).toBeUndefined();
  });

  test('a reconnect that meets it stops trying', async () => {
    const { made, attempts, statuses } = connection((attempt) =>
      attempts.length === 1 ? attempt.succeed() : attempt.fail(locked()),
    );
    ((await made.ready(NEVER)) as FakeSession).lose();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(attempts).toHaveLength(2);
    expect(statuses).toEqual(['connecting', 'ready', 'reconnecting', 'failed']);
  });
});

describe('a first start that takes long', () => {
  const times = {
    firstStart: { waitMs: 1_000, attemptMs: 60_000 },
    lastWords: () => '; the end of its stderr: installing',
  };

  test('goes on when connect has waited long enough, and the process is not started anew', async () => {
    const { made, attempts } = connection(undefined, times);
    const connecting = rejection(made.connect(NEVER));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await connecting).toMatchObject({
      code: 'TIMEOUT',
      delivery: 'not-sent',
      retryable: true,
      message: 'Not connected within 1000 ms (connectTimeoutMs); the end of its stderr: installing',
    });
    expect(made.status).toBe('connecting');
    const again = made.connect(NEVER);
    attempts[0]?.succeed();
    await again;
    expect(made.status).toBe('ready');
    expect(attempts).toHaveLength(1);
  });

  test('is waited for by calls, as long as they have time', async () => {
    const { made, attempts } = connection(undefined, times);
    const patient = made.ready(NEVER);
    const deadline = new Deadline({ timeoutMs: 5_000 });
    const hurried = rejection(made.ready(deadline.signal));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await hurried).toMatchObject({
      code: 'TIMEOUT',
      delivery: 'not-sent',
      message: 'No answer within 5000 ms: the server is still starting; the end of its stderr: installing',
    });
    await vi.advanceTimersByTimeAsync(40_000);
    attempts[0]?.succeed();
    await patient;
    expect(attempts).toHaveLength(1);
  });

  test('is given up after its own time, and tried again', async () => {
    const { made, attempts, outcomes } = connection(undefined, times);
    const ready = rejection(made.ready(NEVER));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await ready).toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('60000 ms') });
    expect(attempts[0]?.signal.aborted).toBe(true);
    expect(outcomes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(attempts.length).toBeGreaterThan(1);
  });

  test('is no matter for the connections after it', async () => {
    const { made, attempts } = connection((attempt) => attempts.length === 1 && attempt.succeed(), times);
    const session = (await made.ready(NEVER)) as FakeSession;
    session.lose();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(made.lastError?.message).toContain('within 1000 ms (connectTimeoutMs)');
  });
});

describe('closing', () => {
  const CLOSED = { code: 'CLOSED', delivery: 'not-sent' };

  test('ends the session, and refuses callers from then on', async () => {
    const { made, statuses } = connection((attempt) => attempt.succeed());
    const session = (await made.ready(NEVER)) as FakeSession;
    await made.close();
    await made.close();
    expect(session.closes).toBe(1);
    expect(statuses).toEqual(['connecting', 'ready', 'closed']);
    expect(await rejection(made.ready(NEVER))).toMatchObject(CLOSED);
    expect(await rejection(made.connect(NEVER))).toMatchObject(CLOSED);
    session.lose();
    expect(made.status).toBe('closed');
  });

  test('while connecting ends the attempt and all who wait for it', async () => {
    const { made, attempts, statuses } = connection();
    const waiting = rejection(made.ready(NEVER));
    await made.close();
    expect(await waiting).toMatchObject(CLOSED);
    expect(attempts[0]?.signal.aborted).toBe(true);
    expect(statuses).toEqual(['connecting', 'closed']);
  });

  test('while connecting closes a session that is opened all the same', async () => {
    let session: FakeSession | undefined;
    const made = new Connection({
      ...TIMES,
      onAttempt: () => {},
      onStatus: () => {},
      open: async (_observer, signal) => {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        session = { closes: 0, close: async () => void session } as unknown as FakeSession;
        const { close } = session;
        session.close = async () => {
          (session as FakeSession).closes++;
          return close();
        };
        return session;
      },
    });
    const waiting = rejection(made.ready(NEVER));
    await made.close();
    expect(await waiting).toMatchObject(CLOSED);
    expect(session?.closes).toBe(1);
    expect(made.lastSession).toBeUndefined();
  });

  test.each<[ServerStatus, () => Promise<ReturnType<typeof connection>>]>([
    ['idle', async () => connection()],
    [
      'reconnecting',
      async () => {
        const one = connection(({ fail }) => fail(away()));
        await rejection(one.made.ready(NEVER));
        return one;
      },
    ],
    [
      'failed',
      async () => {
        const one = connection(({ fail }) => fail(locked()));
        await rejection(one.made.ready(NEVER));
        return one;
      },
    ],
  ])('when %s leaves no timer behind', async (status, make) => {
    const { made, attempts } = await make();
    expect(made.status).toBe(status);
    await made.close();
    expect(made.status).toBe('closed');
    expect(vi.getTimerCount()).toBe(0);
    const before = attempts.length;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(attempts).toHaveLength(before);
  });
});

test('each status has followers that are statuses, and closed is the end', () => {
  const all = Object.keys(NEXT_STATUSES) as ServerStatus[];
  for (const [status, next] of Object.entries(NEXT_STATUSES)) {
    expect(all).toEqual(expect.arrayContaining([...next]));
    if (status !== 'closed') expect(next).toContain('closed');
  }
  expect(NEXT_STATUSES.closed).toEqual([]);
});
