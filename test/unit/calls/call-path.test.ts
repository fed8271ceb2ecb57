import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CallPath } from '../../../src/calls/call-path.js';
import { CallQueue } from '../../../src/calls/call-queue.js';
import { BREAKER_DEFAULTS, CircuitBreaker } from '../../../src/calls/circuit-breaker.js';
import { RETRY_DEFAULTS, type RetryPolicy } from '../../../src/calls/retry.js';
import { RetryBudget } from '../../../src/calls/retry-budget.js';
import type { Sign } from '../../../src/calls/signs.js';
import type { StopSignal } from '../../../src/core/stop-signal.js';
import { callOf, ending, ends, thrownBy } from './fakes.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

interface Parts {
  ready?: (signal: StopSignal) => Promise<string>;
  maxConcurrency?: number;
  maxQueue?: number;
  retry?: RetryPolicy['options'];
  breaker?: boolean;
}

/** A path whose session is the text "session", with a note of all that happens on it. */
function path({
  ready,
  maxConcurrency = 10,
  maxQueue = 10,
  retry = RETRY_DEFAULTS,
  breaker = true,
}: Parts = {}) {
  const trace: string[] = [];
  const signs: Sign[] = [];
  const circuit = new CircuitBreaker(BREAKER_DEFAULTS, {
    probe: () => new Promise(() => {}),
    onState: () => {},
  });
  const admit = vi.spyOn(circuit, 'admit');
  admit.mockImplementation(() => {
    trace.push('breaker');
    if (circuit.state !== 'closed') throw circuit.refusal();
  });
  const queue = new CallQueue(maxConcurrency, maxQueue);
  const made = new CallPath<string>({
    queue,
    retry: { options: retry, budget: new RetryBudget() },
    breaker: breaker ? circuit : undefined,
    ready: async (signal) => {
      trace.push('ready');
      return ready === undefined ? 'session' : ready(signal);
    },
    onSign: (sign) => signs.push(sign),
  });
  const open = () => {
    for (let n = 0; n < BREAKER_DEFAULTS.consecutiveFailures; n++) circuit.failed();
  };
  /** Sends through the path what ends as told. */
  const send = (
    outcomes: unknown[],
    call = callOf(),
    repeatability: 'read' | 'tool' | 'idempotent' = 'read',
  ) => {
    const { attempt } = ending(...outcomes);
    return made.run(
      async (session) => {
        trace.push(`send ${session}`);
        return attempt();
      },
      repeatability,
      call,
    );
  };
  return { made, trace, signs, open, queue, send };
}

const later = () => vi.advanceTimersByTimeAsync(60_000);

describe('a request', () => {
  test('goes to the session, and its result comes back', async () => {
    const { send, trace, signs } = path();
    const call = callOf();
    expect(await send(['fine'], call)).toBe('fine');
    expect(trace).toEqual(['breaker', 'breaker', 'ready', 'send session']);
    expect(signs).toEqual(['alive']);
    expect(call.attempts).toBe(1);
  });

  test('that is retried passes the breaker and asks for a session each time', async () => {
    let sessions = 0;
    const { send, trace, signs } = path({ ready: async () => `${++sessions}` });
    const result = send([ends.lost(), ends.http(500), 'fine']);
    await later();
    expect(await result).toBe('fine');
    expect(trace).toEqual([
      'breaker',
      ...['breaker', 'ready', 'send 1'],
      ...['breaker', 'ready', 'send 2'],
      ...['breaker', 'ready', 'send 3'],
    ]);
    expect(signs).toEqual(['failing', 'failing', 'alive']);
  });

  test('works without a breaker', async () => {
    const { send, trace } = path({ breaker: false });
    expect(await send(['fine'])).toBe('fine');
    expect(trace).toEqual(['ready', 'send session']);
  });

  test('is sent once where retries are off', async () => {
    const { send, trace } = path({ retry: false });
    expect(await thrownBy(send([ends.refused(), 'fine']))).toMatchObject({ code: 'CONNECT_FAILED' });
    expect(trace.filter((step) => step.startsWith('send'))).toHaveLength(1);
  });

  test('that is a tool call with an unknown fate is not sent again', async () => {
    const { send, trace } = path();
    const failed = thrownBy(send([ends.lost(), 'fine'], callOf(), 'tool'));
    await later();
    expect(await failed).toMatchObject({ delivery: 'unknown' });
    expect(trace.filter((step) => step.startsWith('send'))).toHaveLength(1);
  });
});

describe('an open breaker', () => {
  test('refuses before the queue: nobody waits for what will be refused', async () => {
    const { send, open, made, trace } = path({ maxConcurrency: 1, maxQueue: 0 });
    void made.run(() => new Promise(() => {}), 'read', callOf());
    await vi.advanceTimersByTimeAsync(0);
    open();
    trace.length = 0;
    const call = callOf();
    expect(await thrownBy(send(['fine'], call))).toMatchObject({ code: 'CIRCUIT_OPEN' });
    expect(trace).toEqual(['breaker']);
    expect(call.attempts).toBe(0);
  });

  test('refuses those who waited while it opened, when their turn comes', async () => {
    const { made, open, send, trace } = path({ maxConcurrency: 1 });
    let end = () => {};
    const first = made.run(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
      'read',
      callOf(),
    );
    const second = thrownBy(send(['fine']));
    await vi.advanceTimersByTimeAsync(0);
    open();
    end();
    await first;
    expect(await second).toMatchObject({ code: 'CIRCUIT_OPEN', delivery: 'not-sent' });
    expect(trace).not.toContain('send session');
  });

  test('ends a call that would have been sent again', async () => {
    const { send, open, trace, signs } = path();
    const call = callOf();
    const failed = thrownBy(send([ends.http(503, 1_000), 'fine'], call));
    await vi.advanceTimersByTimeAsync(10);
    open();
    await later();
    expect(await failed).toMatchObject({ code: 'CIRCUIT_OPEN', delivery: 'not-sent' });
    expect(call.delivery).toBe('unknown');
    expect(trace.filter((step) => step.startsWith('send'))).toHaveLength(1);
    expect(signs).toEqual(['failing']);
  });
});

describe('the sign of the server', () => {
  test.each<[string, unknown, Sign]>([
    ['an answer that is an error', ends.remote(), 'alive'],
    ['a refusal', ends.http(400), 'alive'],
    ['a lost connection', ends.lost(), 'failing'],
    ['a timeout', ends.timeout('unknown'), 'failing'],
    ['an error of the host', new Error('mine'), 'nothing'],
  ])('is told once for %s', async (_what, error, sign) => {
    const { send, signs } = path({ retry: false });
    expect(await thrownBy(send([error]))).toBe(error);
    expect(signs).toEqual([sign]);
  });

  test('is not told for a connection that could not be had: that is told where it is made', async () => {
    const { send, signs } = path({ ready: () => Promise.reject(ends.refused()) });
    const failed = thrownBy(send(['fine']));
    await later();
    expect(await failed).toMatchObject({ code: 'CONNECT_FAILED' });
    expect(signs).toEqual([]);
  });

  test('is not told when nothing was sent because the breaker or the queue refused', async () => {
    const { made, send, signs, open } = path({ maxConcurrency: 1, maxQueue: 0 });
    void made.run(() => new Promise(() => {}), 'read', callOf());
    expect(await thrownBy(send(['fine']))).toMatchObject({ code: 'QUEUE_FULL' });
    open();
    expect(await thrownBy(send(['fine']))).toMatchObject({ code: 'CIRCUIT_OPEN' });
    expect(signs).toEqual([]);
  });
});

describe('a server that answers 429', () => {
  test('is left alone by all calls until it wants to be asked, which no retry has to pay for', async () => {
    const { send, trace } = path();
    const first = send([ends.limited(10_000), 'first']);
    await vi.advanceTimersByTimeAsync(0);
    trace.length = 0;
    const other = callOf();
    const second = send(['second'], other);
    await vi.advanceTimersByTimeAsync(9_900);
    expect(trace.filter((step) => step.startsWith('send'))).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(await Promise.all([first, second])).toEqual(['first', 'second']);
    expect(other.attempts).toBe(1);
  });

  test('is not asked by a call that has no time to wait, which fails at once', async () => {
    const { send, trace } = path();
    await thrownBy(send([ends.limited(10_000)], callOf(1_000)));
    trace.length = 0;
    const startedAt = performance.now();
    expect(await thrownBy(send(['fine'], callOf(1_000)))).toMatchObject({
      code: 'RATE_LIMITED',
      delivery: 'not-sent',
      retryAfterMs: 10_000,
    });
    expect(performance.now()).toBe(startedAt);
    expect(trace).toEqual(['breaker', 'breaker']);
  });
});

describe('a call that ends', () => {
  test('while it waits for its turn leaves the line', async () => {
    const { made, send, queue } = path({ maxConcurrency: 1 });
    void made.run(() => new Promise(() => {}), 'read', callOf());
    const call = callOf();
    const failed = thrownBy(send(['fine'], call));
    await vi.advanceTimersByTimeAsync(0);
    expect(queue.waiting).toBe(1);
    call.abort('enough');
    expect(await failed).toBe('enough');
    expect(queue.waiting).toBe(0);
  });

  test('while it waits for the retry gives its place to the next', async () => {
    const { send, queue } = path({ maxConcurrency: 1 });
    const call = callOf();
    const failed = thrownBy(send([ends.refused(30_000)], call));
    const next = send(['next']);
    await vi.advanceTimersByTimeAsync(0);
    call.abort('enough');
    expect(await failed).toBe('enough');
    expect(await next).toBe('next');
    expect(queue).toMatchObject({ running: 0, waiting: 0 });
  });

  test('gives its own signal to what waits for the session, and to what is sent', async () => {
    const signals: StopSignal[] = [];
    const { made } = path({
      ready: async (signal) => {
        signals.push(signal);
        return 'session';
      },
    });
    const call = callOf();
    await made.run(
      async (_session, signal) => {
        signals.push(signal);
      },
      'read',
      call,
    );
    expect(signals).toEqual([call.signal, call.signal]);
  });
});
