import { setImmediate } from 'node:timers/promises';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type CallContext,
  type CallHandler,
  type CallInterceptor,
  intercepted,
} from '../../../src/calls/interceptors.js';
import { McpFleetError, OutcomeUnknownError, TimeoutError } from '../../../src/core/errors.js';

const never = new Promise<never>(() => {});

function result(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] };
}

function callWith(signal: AbortSignal = new AbortController().signal): CallContext {
  return { name: 'echo', arguments: { text: 'a' }, server: 'github', signal, tool: undefined };
}

/** As a session does: ends with the call's signal, and says then what is known of the request. */
const untilAborted =
  (atAbort: () => Error): CallHandler =>
  ({ signal }) =>
    new Promise((_resolve, reject) => {
      const aborted = () => reject(atAbort());
      if (signal.aborted) aborted();
      else signal.addEventListener('abort', aborted);
    });

describe('the order', () => {
  test('is outermost first on the way in, and last on the way out', async () => {
    const order: string[] = [];
    const named =
      (name: string): CallInterceptor =>
      (next) =>
      async (call) => {
        order.push(`${name} in`);
        const answer = await next(call);
        order.push(`${name} out`);
        return answer;
      };
    const send = vi.fn(async () => {
      order.push('sent');
      return result('x');
    });
    await intercepted([named('a'), named('b'), named('c')], send, callWith());
    expect(order).toEqual(['a in', 'b in', 'c in', 'sent', 'c out', 'b out', 'a out']);
  });

  test('without interceptors is the sending alone', async () => {
    const send = vi.fn<CallHandler>(async () => result('x'));
    const call = callWith();
    expect(await intercepted([], send, call)).toEqual(result('x'));
    expect(send).toHaveBeenCalledExactlyOnceWith(call);
  });
});

describe('an interceptor', () => {
  test('sees server, tool, signal and the call', async () => {
    const call = callWith();
    const seen: CallContext[] = [];
    const look: CallInterceptor = (next) => (given) => {
      seen.push(given);
      return next(given);
    };
    await intercepted([look, look], async () => result('x'), call);
    expect(seen).toEqual([call, call]);
    expect(seen[0]?.signal).toBe(call.signal);
  });

  test('may answer by itself: nothing is sent', async () => {
    const send = vi.fn<CallHandler>(async () => result('sent'));
    const inner = vi.fn<CallInterceptor>((next) => next);
    const answer = await intercepted([() => async () => result('cached'), inner], send, callWith());
    expect(answer).toEqual(result('cached'));
    expect(send).not.toHaveBeenCalled();
  });

  test('may change the call for those inside and for the sending', async () => {
    const send = vi.fn<CallHandler>(async () => result('x'));
    const seen: unknown[] = [];
    const change: CallInterceptor = (next) => (call) =>
      next({ ...call, name: 'other', arguments: { text: 'b' }, _meta: { trace: 1 } });
    const look: CallInterceptor = (next) => (call) => {
      seen.push(call.arguments);
      return next(call);
    };
    await intercepted([look, change, look], send, callWith());
    expect(seen).toEqual([{ text: 'a' }, { text: 'b' }]);
    expect(send).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ name: 'other', arguments: { text: 'b' }, _meta: { trace: 1 } }),
    );
  });

  test('may change the result', async () => {
    const shout: CallInterceptor = (next) => async (call) => ({ ...(await next(call)), isError: true });
    expect(await intercepted([shout], async () => result('x'), callWith())).toEqual({
      ...result('x'),
      isError: true,
    });
  });

  test('may refuse: what it throws comes as it is, and nothing is sent', async () => {
    const refusal = new Error('not today');
    const send = vi.fn<CallHandler>(async () => result('x'));
    const refuse: CallInterceptor = () => async () => {
      throw refusal;
    };
    await expect(intercepted([refuse], send, callWith())).rejects.toBe(refusal);
    expect(send).not.toHaveBeenCalled();
  });

  test.each<[string, CallInterceptor]>([
    [
      'when it is made',
      () => {
        throw new Error('not today');
      },
    ],
    [
      'before it has a promise',
      () => () => {
        throw new Error('not today');
      },
    ],
  ])('that throws %s rejects the call', async (_when, interceptor) => {
    await expect(intercepted([interceptor], async () => result('x'), callWith())).rejects.toThrow(
      'not today',
    );
  });

  test('may catch what the sending throws', async () => {
    const failure = new OutcomeUnknownError('x');
    const rescue: CallInterceptor = (next) => (call) => next(call).catch(() => result('rescued'));
    const answer = intercepted([rescue], () => Promise.reject(failure), callWith());
    await expect(answer).resolves.toEqual(result('rescued'));
  });

  test('that does nothing leaves an error of the sending as it is', async () => {
    const failure = new OutcomeUnknownError('x');
    const pass: CallInterceptor = (next) => next;
    await expect(intercepted([pass], () => Promise.reject(failure), callWith())).rejects.toBe(failure);
  });

  test('that fails while it has sent something keeps that failure the only one', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    onTestFinished(() => {
      process.off('unhandledRejection', unhandled);
    });
    const failure = new Error('not today');
    const careless: CallInterceptor = (next) => async (call) => {
      void next(call);
      throw failure;
    };
    const send: CallHandler = async () => {
      await setImmediate();
      throw new Error('lost');
    };
    await expect(intercepted([careless], send, callWith())).rejects.toBe(failure);
    await setImmediate();
    await setImmediate();
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe('an interceptor that never answers', () => {
  const timeout = new TimeoutError(1_000, 'No answer within 1000 ms');
  const closed = new McpFleetError('CLOSED', 'The client is closed', { delivery: 'not-sent' });

  const hangsBefore: CallInterceptor = () => () => never;
  const hangsAfter: CallInterceptor = (next) => async (call) => {
    await next(call).catch(() => {});
    return never;
  };
  const hangsMeanwhile: CallInterceptor = (next) => async (call) => {
    void next(call);
    return never;
  };

  test.each([
    ['a timeout', timeout],
    ['the end of the client', closed],
  ])('before it has sent anything ends with %s: not-sent', async (_what, reason) => {
    const controller = new AbortController();
    const send = vi.fn<CallHandler>(async () => result('x'));
    const answer = intercepted([hangsBefore], send, callWith(controller.signal));
    await setImmediate();
    controller.abort(reason);
    await expect(answer).rejects.toMatchObject({
      name: reason.name,
      code: reason.code,
      message: reason.message,
      delivery: 'not-sent',
    });
    expect(send).not.toHaveBeenCalled();
  });

  test.each([
    ['a timeout', timeout],
    ['the end of the client', closed],
  ])('after the answer ends with %s: answered', async (_what, reason) => {
    const controller = new AbortController();
    const answer = intercepted([hangsAfter], async () => result('x'), callWith(controller.signal));
    await setImmediate();
    controller.abort(reason);
    await expect(answer).rejects.toMatchObject({
      name: reason.name,
      code: reason.code,
      message: reason.message,
      delivery: 'answered',
      cause: reason,
    });
  });

  test.each([
    ['waiting for the answer', hangsAfter],
    ['doing something else', hangsMeanwhile],
  ])('%s ends with what is known of the request', async (_how, interceptor) => {
    const controller = new AbortController();
    const known = new TimeoutError(1_000, timeout.message, { delivery: 'unknown', cause: timeout });
    const answer = intercepted(
      [interceptor],
      untilAborted(() => known),
      callWith(controller.signal),
    );
    await setImmediate();
    controller.abort(timeout);
    await expect(answer).rejects.toBe(known);
  });

  test.each([
    ['before', hangsBefore],
    ['meanwhile', hangsMeanwhile],
    ['after', hangsAfter],
  ])("%s ends with the caller's very reason", async (_when, interceptor) => {
    const controller = new AbortController();
    const reason = { why: 'enough' };
    const send = untilAborted(() => controller.signal.reason);
    const answer = intercepted([interceptor], send, callWith(controller.signal));
    await setImmediate();
    controller.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });

  test('after the sending has failed ends with that failure, or with the caller’s very reason', async () => {
    const lost = new OutcomeUnknownError('x');
    const outcomeOf = (reason: unknown) => {
      const controller = new AbortController();
      const answer = intercepted([hangsAfter], () => Promise.reject(lost), callWith(controller.signal));
      setTimeout(() => controller.abort(reason), 1);
      return answer.catch((error: unknown) => error);
    };
    const reason = { why: 'enough' };
    expect(await outcomeOf(timeout)).toBe(lost);
    expect(await outcomeOf(reason)).toBe(reason);
  });

  test('and has given the sending another signal ends all the same, and so does the sending', async () => {
    const controller = new AbortController();
    const own = new AbortController();
    const ended = vi.fn();
    const send: CallHandler = (call) => {
      call.signal.addEventListener('abort', ended);
      return untilAborted(() => timeout)(call);
    };
    const another: CallInterceptor = (next) => (call) => next({ ...call, signal: own.signal });
    const answer = intercepted([another], send, callWith(controller.signal));
    await setImmediate();
    controller.abort(timeout);
    await expect(answer).rejects.toBe(timeout);
    expect(ended).toHaveBeenCalledOnce();
  });

  test('a signal of its own ends the sending too', async () => {
    const own = new AbortController();
    const reason = new Error('too slow for me');
    const impatient: CallInterceptor = (next) => (call) => next({ ...call, signal: own.signal });
    const answer = intercepted(
      [impatient],
      untilAborted(() => reason),
      callWith(),
    );
    await setImmediate();
    own.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });
});
