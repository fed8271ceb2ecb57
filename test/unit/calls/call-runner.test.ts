import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CallReport, CallRunner, type CallSubject } from '../../../src/calls/call-runner.js';
import type { RunningCall } from '../../../src/calls/running-call.js';
import type { Deadline } from '../../../src/core/deadline.js';
import {
  AuthError,
  CircuitOpenError,
  ConnectionError,
  McpFleetError,
  OutcomeUnknownError,
  RemoteError,
  TimeoutError,
} from '../../../src/core/errors.js';
import { TextExit } from '../../../src/core/text-exit.js';

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

const toolCall: CallSubject = { method: 'tools/call', name: 'charge_card' };
const read: CallSubject = { method: 'resources/read', name: 'file:///a' };

function runner(timeoutMs = 60_000) {
  const reports: CallReport[] = [];
  const calls = new CallRunner({
    server: 'github',
    timeoutMs,
    isHeard: () => true,
    onCall: (report) => reports.push(report),
    exit: new TextExit(),
  });
  return { calls, reports };
}

/** Work that ends with the deadline, as a session does. */
function untilAborted({ signal }: RunningCall): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('It has not failed'),
    (error: unknown) => error,
  );
}

describe('a call that succeeds', () => {
  test('gives the result of its work, and is reported as ok', async () => {
    const { calls, reports } = runner();
    const outcome = { content: [] };
    const call = calls.run(toolCall, {}, async (running) => {
      running.attempts = 2;
      running.cached = true;
      await vi.advanceTimersByTimeAsync(250);
      return outcome;
    });
    expect(await call).toBe(outcome);
    expect(reports).toStrictEqual([
      {
        server: 'github',
        method: 'tools/call',
        name: 'charge_card',
        outcome: 'ok',
        durationMs: 250,
        attempts: 2,
        cached: true,
      },
    ]);
  });

  test.each([
    [{ isError: true }, 'tool_error'],
    [{ isError: false }, 'ok'],
    [{ isError: 'true' }, 'ok'],
    [{}, 'ok'],
    [undefined, 'ok'],
    [null, 'ok'],
    ['isError', 'ok'],
    [42, 'ok'],
  ] as const)('with %o is reported as %s', async (result, outcome) => {
    const { calls, reports } = runner();
    expect(await calls.run(toolCall, {}, async () => result)).toBe(result);
    expect(reports).toMatchObject([{ outcome }]);
    expect(reports[0]).not.toHaveProperty('error');
  });

  test('is under way until it has ended', async () => {
    const { calls } = runner();
    let done = () => {};
    const call = calls.run(
      toolCall,
      {},
      () =>
        new Promise<void>((resolve) => {
          done = resolve;
        }),
    );
    expect(calls.inFlight).toBe(1);
    done();
    await call;
    expect(calls.inFlight).toBe(0);
  });

  test('sets lastOkAt, a tool error too, and a failure does not', async () => {
    const { calls } = runner();
    expect(calls.lastOkAt).toBeUndefined();
    await calls.run(read, {}, () => Promise.reject(new TimeoutError(1, 'x'))).catch(() => {});
    expect(calls.lastOkAt).toBeUndefined();
    await calls.run(read, {}, async () => 1);
    expect(calls.lastOkAt).toBe(1_000_000);
    await vi.advanceTimersByTimeAsync(5_000);
    await calls.run(read, {}, () => Promise.reject(new TimeoutError(1, 'x'))).catch(() => {});
    expect(calls.lastOkAt).toBe(1_000_000);
    await calls.run(toolCall, {}, async () => ({ isError: true }));
    expect(calls.lastOkAt).toBe(1_005_000);
  });
});

describe('the deadline', () => {
  test.each([
    ['of the runner', undefined, 60_000],
    ['of the call', 5_000, 5_000],
  ])('is that %s', async (_whose, timeoutMs, expected) => {
    const { calls } = runner(60_000);
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    const failed = vi.fn();
    calls.run(read, options, untilAborted).catch(failed);
    await vi.advanceTimersByTimeAsync(expected - 1);
    expect(failed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(failed).toHaveBeenCalledOnce();
  });

  test('may be extended up to maxTotalTimeoutMs', async () => {
    const { calls } = runner();
    let deadline: Deadline | undefined;
    const failed = vi.fn();
    calls
      .run(read, { timeoutMs: 1_000, maxTotalTimeoutMs: 1_500 }, (given) => {
        deadline = given.deadline;
        return untilAborted(given);
      })
      .catch(failed);
    await vi.advanceTimersByTimeAsync(900);
    deadline?.restart();
    await vi.advanceTimersByTimeAsync(599);
    expect(failed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(failed).toHaveBeenCalledOnce();
  });

  test.each([
    ['succeeds', () => Promise.resolve(1)],
    ['fails', () => Promise.reject(new Error('failed'))],
  ])('is disposed of when the work %s', async (_how, work) => {
    const { calls } = runner();
    const { signal } = new AbortController();
    await calls.run(read, { signal }, work).catch(() => {});
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(calls.inFlight).toBe(0);
  });

  test.each([toolCall, read])(
    'that passes with nothing told of the delivery of $method: not-sent',
    async (subject) => {
      const { calls, reports } = runner();
      const failure = thrownBy(calls.run(subject, { timeoutMs: 1_000 }, untilAborted));
      await vi.advanceTimersByTimeAsync(1_000);
      const error = await failure;
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ delivery: 'not-sent', server: 'github', timeoutMs: 1_000 });
      expect(reports).toMatchObject([{ outcome: 'failed', durationMs: 1_000, error }]);
    },
  );

  test.each(['unknown', 'answered', 'rejected', 'not-sent'] as const)(
    'that passes with delivery %s told keeps it',
    async (delivery) => {
      const { calls } = runner();
      const timeout = new TimeoutError(1_000, 'x', { delivery });
      const error = await thrownBy(calls.run(toolCall, {}, () => Promise.reject(timeout)));
      expect(error).toBe(timeout);
      expect(error).toMatchObject({ delivery, code: 'TIMEOUT' });
    },
  );
});

describe("the caller's abort", () => {
  test('ends the work with the very reason, and is reported as aborted without an error', async () => {
    const { calls, reports } = runner();
    const controller = new AbortController();
    const reason = { why: 'enough' };
    const failure = thrownBy(calls.run(toolCall, { signal: controller.signal }, untilAborted));
    controller.abort(reason);
    expect(await failure).toBe(reason);
    expect(reports).toMatchObject([{ outcome: 'aborted', name: 'charge_card' }]);
    expect(reports[0]).not.toHaveProperty('error');
  });

  test('with an error of ours as its reason is an abort all the same, and the error is not touched', async () => {
    const { calls, reports } = runner();
    const controller = new AbortController();
    const reason = new TimeoutError(5, 'of the caller');
    const failure = thrownBy(calls.run(toolCall, { signal: controller.signal }, untilAborted));
    controller.abort(reason);
    expect(await failure).toBe(reason);
    expect(reason).toMatchObject({ server: undefined, delivery: undefined });
    expect(reports).toMatchObject([{ outcome: 'aborted' }]);
  });

  test('told by a copy of the reason that says more is the reason itself', async () => {
    const { calls, reports } = runner();
    const controller = new AbortController();
    const reason = new TimeoutError(5, 'of the caller');
    const copy = new TimeoutError(5, 'of the caller', { delivery: 'unknown', cause: reason });
    const failure = thrownBy(
      calls.run(toolCall, { signal: controller.signal }, async () => {
        controller.abort(reason);
        throw copy;
      }),
    );
    expect(await failure).toBe(reason);
    expect(reports).toMatchObject([{ outcome: 'aborted' }]);
  });

  test('before the call starts no work and reports nothing', async () => {
    const { calls, reports } = runner();
    const reason = { why: 'enough' };
    const work = vi.fn(async () => 1);
    const failure = thrownBy(calls.run(toolCall, { signal: AbortSignal.abort(reason) }, work));
    expect(await failure).toBe(reason);
    expect(work).not.toHaveBeenCalled();
    expect(reports).toEqual([]);
  });

  test('while the work fails otherwise leaves that failure what it is', async () => {
    const { calls, reports } = runner();
    const controller = new AbortController();
    const lost = new ConnectionError('CONNECTION_LOST', 'x', { delivery: 'not-sent' });
    const failure = thrownBy(
      calls.run(toolCall, { signal: controller.signal }, async () => {
        controller.abort();
        throw lost;
      }),
    );
    expect(await failure).toBe(lost);
    expect(reports).toMatchObject([{ outcome: 'failed', error: lost }]);
  });
});

describe('a failure', () => {
  test('of ours gets the name of the server, and is reported', async () => {
    const { calls, reports } = runner();
    const failure = new RemoteError(-32_000, 'x', undefined);
    expect(await thrownBy(calls.run(read, {}, () => Promise.reject(failure)))).toBe(failure);
    expect(failure.server).toBe('github');
    expect(reports).toMatchObject([{ outcome: 'failed', method: 'resources/read', error: failure }]);
  });

  test('of ours that names another server keeps it', async () => {
    const { calls } = runner();
    const failure = new RemoteError(-32_000, 'x', undefined, { server: 'gitlab' });
    await thrownBy(calls.run(read, {}, () => Promise.reject(failure)));
    expect(failure.server).toBe('gitlab');
  });

  test.each([
    ['CONNECTION_LOST', true],
    ['HTTP_ERROR', false],
    ['PROTOCOL_ERROR', false],
    ['RESPONSE_TOO_LARGE', false],
  ] as const)(
    '%s of a tool call whose fate is unknown is an OutcomeUnknownError',
    async (code, retryable) => {
      const { calls, reports } = runner();
      const cause = new ConnectionError(code, 'the wire broke', {
        delivery: 'unknown',
        retryable,
        retryAfterMs: 700,
      });
      const error = await thrownBy(calls.run(toolCall, {}, () => Promise.reject(cause)));
      expect(error).toBeInstanceOf(OutcomeUnknownError);
      expect(error).toMatchObject({
        code: 'OUTCOME_UNKNOWN',
        message: 'It is not known whether the tool charge_card ran: the wire broke',
        server: 'github',
        delivery: 'unknown',
        retryable: false,
        retryAfterMs: 700,
      });
      expect((error as Error).cause).toBe(cause);
      expect(cause.server).toBe('github');
      expect(reports).toHaveLength(1);
      expect(reports[0]?.error).toBe(error);
    },
  );

  test.each(['not-sent', 'rejected', 'answered', undefined] as const)(
    'of the connection of a tool call with delivery %s stays what it is',
    async (delivery) => {
      const { calls } = runner();
      const failure = new ConnectionError('CONNECTION_LOST', 'x', { delivery });
      expect(await thrownBy(calls.run(toolCall, {}, () => Promise.reject(failure)))).toBe(failure);
      expect(failure.delivery).toBe(delivery);
    },
  );

  test.each(['resources/read', 'tools/list', 'ping', 'initialize', 'prompts/get'])(
    'of the connection of %s stays what it is, even with unknown fate',
    async (method) => {
      const { calls } = runner();
      const failure = new ConnectionError('CONNECTION_LOST', 'x', { delivery: 'unknown' });
      expect(await thrownBy(calls.run({ method }, {}, () => Promise.reject(failure)))).toBe(failure);
    },
  );

  test.each<[string, McpFleetError]>([
    ['of the protocol', new RemoteError(-32_602, 'x', undefined)],
    ['of the token', new AuthError('TOKEN_FAILED', 'x')],
    ['of another kind', new McpFleetError('UNSUPPORTED', 'x')],
    ['that says already that the fate is unknown', new OutcomeUnknownError('x')],
  ])('%s of a tool call stays what it is', async (_what, failure) => {
    const { calls } = runner();
    expect(await thrownBy(calls.run(toolCall, {}, () => Promise.reject(failure)))).toBe(failure);
  });

  test.each([
    ['an error', new RangeError('canary')],
    ['a text', 'canary'],
    ['nothing', undefined],
  ])(
    "with %s is the host's own: it comes as it is, and is reported without its text",
    async (_what, thrown) => {
      const { calls, reports } = runner();
      expect(await thrownBy(calls.run(toolCall, {}, () => Promise.reject(thrown)))).toBe(thrown);
      expect(reports).toMatchObject([{ outcome: 'failed', error: { code: 'ABORTED' } }]);
      expect(reports[0]?.error).toBeInstanceOf(McpFleetError);
      expect(reports[0]?.error?.message).not.toContain('canary');
      expect(reports[0]?.error?.cause).toBe(thrown);
    },
  );
});

describe('a call of several attempts', () => {
  type Delivery = 'not-sent' | 'rejected' | 'unknown' | 'answered';
  const lost = (delivery: Delivery) =>
    new ConnectionError('CONNECT_FAILED', 'the wire broke', { delivery, retryable: true, retryAfterMs: 700 });

  /** Fails with `error` when before it something else was known of the request. */
  const after = (before: Delivery | undefined, error: unknown) => async (call: RunningCall) => {
    call.attempts = 2;
    call.delivery = before;
    throw error;
  };

  test.each<[Delivery, Delivery]>([
    ['unknown', 'not-sent'],
    ['unknown', 'rejected'],
    ['unknown', 'unknown'],
    ['not-sent', 'unknown'],
  ])('of a tool, %s and then %s: nobody knows whether it ran', async (before, last) => {
    const { calls, reports } = runner();
    const cause = lost(last);
    const error = await thrownBy(calls.run(toolCall, {}, after(before, cause)));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject({
      delivery: 'unknown',
      retryable: false,
      retryAfterMs: 700,
      server: 'github',
    });
    expect((error as Error).cause).toBe(cause);
    expect(reports).toMatchObject([{ outcome: 'failed', attempts: 2, error }]);
  });

  test.each([
    ['a breaker that opened meanwhile', new McpFleetError('CIRCUIT_OPEN', 'open', { delivery: 'not-sent' })],
    ['a token that could not be had', new AuthError('TOKEN_FAILED', 'none')],
    ['a refused token', new AuthError('UNAUTHORIZED', 'HTTP 401')],
    ['closing', new McpFleetError('CLOSED', 'closed', { delivery: 'not-sent' })],
    ['bad arguments', new RemoteError(-32_602, 'bad', undefined, { delivery: 'rejected' })],
  ])('of a tool, unknown and then %s: nobody knows whether it ran', async (_what, last) => {
    const { calls } = runner();
    const error = await thrownBy(calls.run(toolCall, {}, after('unknown', last)));
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect((error as Error).cause).toBe(last);
  });

  test.each<[Delivery | undefined, Delivery]>([
    ['not-sent', 'not-sent'],
    ['not-sent', 'rejected'],
    ['rejected', 'not-sent'],
    ['not-sent', 'answered'],
    [undefined, 'not-sent'],
  ])(
    'of a tool, %s and then %s: it did not run, or was answered, and the error stays',
    async (before, last) => {
      const { calls } = runner();
      const failure = lost(last);
      expect(await thrownBy(calls.run(toolCall, {}, after(before, failure)))).toBe(failure);
    },
  );

  test('of a tool, unknown and then an answer that is an error: it ran, and that is what it said', async () => {
    const { calls } = runner();
    const failure = new RemoteError(-32_000, 'no', undefined);
    expect(await thrownBy(calls.run(toolCall, {}, after('unknown', failure)))).toBe(failure);
  });

  test.each([lost('not-sent'), new CircuitOpenError('not asked for now', { retryAfterMs: 5 })])(
    'of a read that may have run is never called not-sent: $code',
    async (failure) => {
      const { calls } = runner();
      const error = await thrownBy(calls.run(read, {}, after('unknown', failure)));
      expect(error).toBeInstanceOf(failure.constructor);
      const { code, message, retryable, retryAfterMs } = failure;
      expect(error).toMatchObject({
        code,
        message,
        retryable,
        retryAfterMs,
        delivery: 'unknown',
        cause: failure,
      });
      expect(failure.delivery).toBe('not-sent');
    },
  );

  test.each([toolCall, read])(
    'of $method that runs out of time says the worst that is known',
    async (subject) => {
      const { calls } = runner();
      const timeout = new TimeoutError(5_000, 'No answer within 5000 ms', { delivery: 'not-sent' });
      const error = await thrownBy(calls.run(subject, {}, after('unknown', timeout)));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({
        code: 'TIMEOUT',
        message: 'No answer within 5000 ms',
        timeoutMs: 5_000,
        delivery: 'unknown',
        server: 'github',
      });
      expect((error as Error).cause).toBe(timeout);
      expect(timeout.delivery).toBe('not-sent');
    },
  );

  test('that succeeds after all is ok, with all its attempts', async () => {
    const { calls, reports } = runner();
    await calls.run(toolCall, {}, async (call) => {
      call.delivery = 'unknown';
      call.attempts = 3;
      return {};
    });
    expect(reports).toMatchObject([{ outcome: 'ok', attempts: 3, cached: false }]);
  });

  test('that its caller aborts is aborted, whatever was known', async () => {
    const { calls, reports } = runner();
    const controller = new AbortController();
    const failure = thrownBy(
      calls.run(toolCall, { signal: controller.signal }, (call) => {
        call.delivery = 'unknown';
        return untilAborted(call);
      }),
    );
    controller.abort('enough');
    expect(await failure).toBe('enough');
    expect(reports).toMatchObject([{ outcome: 'aborted' }]);
  });
});

describe('close', () => {
  test('refuses new calls, as not-sent, and reports none', async () => {
    const { calls, reports } = runner();
    await calls.close(10_000);
    const work = vi.fn(async () => 1);
    expect(await thrownBy(calls.run(toolCall, {}, work))).toMatchObject({
      code: 'CLOSED',
      server: 'github',
      delivery: 'not-sent',
    });
    expect(work).not.toHaveBeenCalled();
    expect(reports).toEqual([]);
  });

  test('refuses new calls while it still waits for those under way', async () => {
    const { calls } = runner();
    let done = (_result: string) => {};
    const running = calls.run(
      toolCall,
      {},
      () =>
        new Promise<string>((resolve) => {
          done = resolve;
        }),
    );
    const closed = calls.close(10_000);
    expect(await thrownBy(calls.run(toolCall, {}, async () => 1))).toMatchObject({ code: 'CLOSED' });
    done('finished');
    expect(await running).toBe('finished');
    await closed;
  });

  test('ends what is still under way when the time is up', async () => {
    const { calls, reports } = runner();
    const failure = thrownBy(calls.run(read, {}, untilAborted));
    const closed = calls.close(10_000);
    await vi.advanceTimersByTimeAsync(10_000);
    await closed;
    expect(await failure).toMatchObject({ code: 'CLOSED', server: 'github' });
    expect(reports).toMatchObject([{ outcome: 'failed', error: { code: 'CLOSED' } }]);
    expect(calls.inFlight).toBe(0);
  });
});
