import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConnectionError, McpFleetError, TimeoutError } from '../../../src/core/errors.js';
import { KnownSecrets } from '../../../src/core/known-secrets.js';
import { Stop } from '../../../src/core/stop-signal.js';
import { TextExit } from '../../../src/core/text-exit.js';
import { awaitTask, type TaskRequests } from '../../../src/session/tasks.js';
import { connectionLost } from '../../../src/session/transports/connection-lost.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const SECRETS = new KnownSecrets();
SECRETS.add('canary');

type State = Record<string, unknown> | Error;

/** Follows a task whose states are these, one for each question; the last one stays. */
function following(
  states: State[],
  { created = { status: 'working' }, ...more }: Partial<TaskRequests> & { created?: State } = {},
) {
  const stop = new Stop();
  const asked: string[] = [];
  const progress: unknown[] = [];
  const outcome = awaitTask(
    { taskId: 't', ...created },
    {
      signal: stop,
      exit: new TextExit(SECRETS),
      onProgress: (each) => progress.push(each),
      async get() {
        asked.push('get');
        const state = states.length > 1 ? states.shift() : states[0];
        if (state instanceof Error) throw state;
        return state;
      },
      cancel: async () => asked.push('cancel'),
      result: async (task) => task.result,
      failsWithResult: false,
      answer: async () => void asked.push('answer'),
      ...more,
    },
  ).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  return { outcome, asked, progress, stop };
}

const done = { status: 'completed', result: { content: [] } };

describe('a call that has become a task', () => {
  test('gives its result when the task has ended, and tells its state meanwhile', async () => {
    const { outcome, progress, asked } = following([
      { status: 'working', statusMessage: 'half', pollIntervalMs: 500 },
      done,
    ]);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(await outcome).toEqual({ value: { content: [] } });
    expect(asked).toEqual(['get', 'get']);
    expect(progress).toEqual([
      { progress: 1, message: 'working' },
      { progress: 2, message: 'half' },
      { progress: 3, message: 'completed' },
    ]);
  });

  test('that has ended already is not asked for', async () => {
    const { outcome, asked } = following([], { created: done });
    expect(await outcome).toEqual({ value: { content: [] } });
    expect(asked).toEqual([]);
  });

  test.each([
    [5_000, 5_000],
    ['250', 250],
    [0, 100],
    [-1, 100],
    [Number.NaN, 1_000],
    [1e300, 60_000],
    [{}, 1_000],
    [undefined, 1_000],
  ])('whose server suggests %j is asked for each %d ms', async (pollIntervalMs, everyMs) => {
    const { asked, stop } = following([{ status: 'working', pollIntervalMs }], {
      created: { status: 'working', pollIntervalMs },
    });
    await vi.advanceTimersByTimeAsync(everyMs * 3 + 1);
    expect(asked).toHaveLength(3);
    stop.abort('enough');
  });

  test('gets what it asks for', async () => {
    const { outcome, asked } = following([{ status: 'input_required' }, done]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await outcome).toEqual({ value: { content: [] } });
    expect(asked).toEqual(['get', 'answer', 'get']);
  });

  test.each([
    [
      { status: 'failed', error: { code: 7, message: 'It broke: canary' } },
      { code: 'REMOTE_ERROR', rpcCode: 7 },
    ],
    [{ status: 'failed', statusMessage: 'It broke' }, { code: 'PROTOCOL_ERROR' }],
    [{ status: 'failed', error: 'broken' }, { code: 'PROTOCOL_ERROR' }],
    [{ status: 'cancelled', statusMessage: 'canary' }, { code: 'PROTOCOL_ERROR' }],
    [
      new McpFleetError('REMOTE_ERROR', 'No such task', { delivery: 'answered' }),
      { message: 'No such task' },
    ],
  ])('that ends with %j fails, and the server has answered', async (state, expected) => {
    const { outcome } = following([state]);
    await vi.advanceTimersByTimeAsync(1_000);
    const { error } = (await outcome) as { error: McpFleetError };
    expect(error).toMatchObject({ ...expected, delivery: 'answered' });
    expect(error.message).not.toContain('canary');
  });

  test('goes on without an answer or two', async () => {
    const lost = connectionLost('reset');
    const { outcome } = following([lost, lost, lost, lost, { status: 'working' }, lost, done]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await outcome).toEqual({ value: { content: [] } });
  });

  test('fails when the server does not answer any more: nobody knows what becomes of it', async () => {
    const lost = connectionLost('reset');
    const { outcome, asked } = following([lost]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await outcome).toEqual({ error: lost });
    expect(asked).toHaveLength(5);
    expect(lost.delivery).toBe('unknown');
  });

  test.each([
    connectionLost('refused', 'not-sent'),
    connectionLost('the session is not known', 'rejected'),
    new ConnectionError('RATE_LIMITED', 'too many', { delivery: 'rejected', retryable: true }),
  ])('is not begun once more because the questions about it do not get through', async (error) => {
    const { outcome } = following([error]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await outcome).toMatchObject({ error: { delivery: 'unknown', cause: error } });
  });

  test('gets the same answer once more when it did not get through', async () => {
    const given = vi.fn(async () => {});
    given.mockRejectedValueOnce(connectionLost('reset'));
    const { outcome } = following([{ status: 'input_required' }, { status: 'input_required' }, done], {
      answer: given,
    });
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await outcome).toEqual({ value: { content: [] } });
    expect(given).toHaveBeenCalledTimes(2);
  });

  test('may fail with a result that says how', async () => {
    const { outcome } = following([{ status: 'failed', result: { isError: true } }], {
      failsWithResult: true,
    });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await outcome).toEqual({ value: { isError: true } });
  });

  test('that is not over when time is up may have run', async () => {
    const { outcome, asked, stop } = following([{ status: 'working' }]);
    await vi.advanceTimersByTimeAsync(1_500);
    stop.abort(new TimeoutError(1_500, 'No answer within 1500 ms'));
    expect(await outcome).toMatchObject({ error: { code: 'TIMEOUT', delivery: 'unknown' } });
    expect(asked).toEqual(['get', 'cancel']);
  });

  test('is cancelled when its caller gives up', async () => {
    const { outcome, asked, stop } = following([{ status: 'working' }]);
    await vi.advanceTimersByTimeAsync(1_500);
    stop.abort('enough');
    expect(await outcome).toEqual({ error: 'enough' });
    await vi.advanceTimersByTimeAsync(100_000);
    expect(asked).toEqual(['get', 'cancel']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
