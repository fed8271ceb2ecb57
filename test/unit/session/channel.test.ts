import { afterEach, describe, expect, test, vi } from 'vitest';
import type { McpFleetError } from '../../../src/core/errors.js';
import { TextExit } from '../../../src/core/text-exit.js';
import { Channel, type ChannelOptions } from '../../../src/session/channel.js';
import { connectionLost } from '../../../src/session/transports/connection-lost.js';
import { gate } from '../client/fakes.js';
import { type Script, ScriptedTransport } from './scripted-transport.js';

/** A channel with the test in the place of its owner. */
async function channel(script: Script = (_message, { sent }) => sent(), more: Partial<ChannelOptions> = {}) {
  const transport = new ScriptedTransport(script);
  const closed: McpFleetError[] = [];
  const errors: McpFleetError[] = [];
  const told: [string, object][] = [];
  const made = new Channel(transport, {
    onError: (error) => errors.push(error),
    onClosed: (reason) => closed.push(reason),
    onRequest: async () => ({}),
    onNotification: (method, params) => told.push([method, params]),
    exit: new TextExit(),
    maxBytes: 1_000,
    signal: new AbortController().signal,
    ...more,
  });
  await made.start();
  /** Makes a request; `outcomes` gets what becomes of it, which is one thing at most. */
  const request = () => {
    const controller = new AbortController();
    const outcomes: unknown[] = [];
    made.request('ping', undefined, { signal: controller.signal }).then(
      (answer) => outcomes.push(answer),
      (error) => outcomes.push(error),
    );
    return { outcomes, abort: (reason: unknown) => controller.abort(reason) };
  };
  return { made, transport, closed, errors, told, request };
}

afterEach(() => vi.useRealTimers());

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

/** A transport that works on what it was given until `open` is called. */
function working(thrown?: Error) {
  const { passed, open } = gate();
  const script: Script = async (_message, { sent }) => {
    sent();
    await passed;
    if (thrown !== undefined) throw thrown;
  };
  return { script, open };
}

describe('each request through a channel', () => {
  test('gets one answer, whatever comes after it', async () => {
    const { transport, request, errors } = await channel();
    const { outcomes } = request();
    transport.answer(0, { n: 1 });
    transport.answer(0, { n: 2 });
    transport.say({ jsonrpc: '2.0', id: 0, error: { code: 5, message: 'late' } });
    await settled();
    expect(outcomes).toEqual([{ result: { n: 1 } }]);
    expect(errors).toEqual([]);
  });

  test('gets no answer that is meant for another, or for none', async () => {
    const { transport, request } = await channel();
    const { outcomes } = request();
    for (const id of [7, '7', '', ' ', '0x0', '00', 'zero', 1.5]) transport.answer(id);
    await settled();
    expect(outcomes).toEqual([]);
    transport.answer(0, { right: true });
    await settled();
    expect(outcomes).toEqual([{ result: { right: true } }]);
  });

  describe('beside an answer that names no request', () => {
    test.each([null, undefined, true, [], {}])('(%j) keeps its own, when that follows', async (id) => {
      const { transport, request } = await channel();
      const { outcomes } = request();
      transport.answer(id, { wrong: true });
      transport.answer(0, { right: true });
      await settled();
      expect(outcomes).toEqual([{ result: { right: true } }]);
    });

    test.each([
      [{ result: {} }, 'a result that names no request'],
      [{ error: { code: 5, message: 'It broke' } }, 'an error that names no request: It broke (5)'],
    ])('%j is told so soon, when it is the only one', async (members, words) => {
      vi.useFakeTimers();
      const { transport, request } = await channel();
      const { outcomes } = request();
      transport.say({ jsonrpc: '2.0', id: null, ...members });
      await vi.advanceTimersByTimeAsync(500);
      expect(outcomes).toMatchObject([
        { code: 'PROTOCOL_ERROR', delivery: 'answered', message: expect.stringContaining(words) },
      ]);
    });

    test.each([{ result: 'ok' }, { level: 'error', error: 'disk full' }])(
      'a log in JSON, such as %j, means nothing to it',
      async (line) => {
        vi.useFakeTimers();
        const { transport, request } = await channel();
        const { outcomes } = request();
        transport.say(line);
        await vi.advanceTimersByTimeAsync(60_000);
        expect(outcomes).toEqual([]);
      },
    );
  });

  describe('on a line that repeats what it gets', () => {
    test('is not answered by us', async () => {
      const { transport, request } = await channel();
      const { outcomes } = request();
      transport.say(...transport.sent);
      await settled();
      expect(transport.sent).toHaveLength(1);
      transport.answer(0);
      await settled();
      expect(outcomes).toEqual([{ result: {} }]);
    });

    test.each([
      ['a result', async () => ({ action: 'accept' })],
      ['an error', () => Promise.reject({ code: -32_601, message: 'Method not found: x' })],
    ])('does not take %s of ours for its answer', async (_what, onRequest) => {
      const { transport, request } = await channel(undefined, { onRequest });
      const { outcomes } = request();
      transport.say({ jsonrpc: '2.0', id: 0, method: 'x' });
      await settled();
      transport.say(transport.sent.at(-1) as object);
      await settled();
      expect(outcomes).toEqual([]);
      transport.answer(0, { right: true });
      await settled();
      expect(outcomes).toEqual([{ result: { right: true } }]);
    });

    test('remembers as many of our answers as a log lags behind', async () => {
      const { transport, request } = await channel(undefined, { onRequest: async () => ({ a: 1 }) });
      const { outcomes } = request();
      for (let id = 0; id <= 16; id++) transport.say({ jsonrpc: '2.0', id, method: 'x' });
      await settled();
      transport.answer(0, { a: 1 });
      await settled();
      expect(outcomes).toEqual([{ result: { a: 1 } }]);
    });
  });

  test('takes its id as a text too', async () => {
    const { transport, request } = await channel();
    const { outcomes } = request();
    transport.answer('0', { n: 1 });
    transport.answer(0, { n: 2 });
    await settled();
    expect(outcomes).toEqual([{ result: { n: 1 } }]);
  });

  test('has an id of its own, beginning with 0', async () => {
    const { transport, request } = await channel();
    request();
    request();
    request();
    expect(transport.sent.map(({ id }) => id)).toEqual([0, 1, 2]);
  });

  test('fails with the very error when it cannot be sent', async () => {
    const reason = connectionLost('refused', 'not-sent');
    const { request } = await channel(() => Promise.reject(reason));
    const { outcomes } = request();
    await settled();
    expect(outcomes).toEqual([reason]);
  });

  test('that failed to be sent after its answer had come keeps the answer', async () => {
    const { script, open } = working(connectionLost('reset'));
    const { transport, request } = await channel(script);
    const { outcomes } = request();
    transport.answer(0);
    open();
    await settled();
    expect(outcomes).toEqual([{ result: {} }]);
  });

  test('fails at once when its answer has neither a result nor an error', async () => {
    const { transport, request } = await channel();
    const { outcomes } = request();
    transport.say({ jsonrpc: '2.0', id: 0 });
    await settled();
    expect(outcomes).toMatchObject([{ code: 'PROTOCOL_ERROR', delivery: 'answered' }]);
  });

  test('alone under way is meant by an error without an id, unless its answer follows', async () => {
    const { transport, request } = await channel();
    const first = request();
    const parseError = { jsonrpc: '2.0', id: null, error: { code: -32_700, message: 'Parse error' } };
    transport.say(parseError);
    transport.answer(0);
    await settled();
    expect(first.outcomes).toEqual([{ result: {} }]);
    const second = request();
    transport.say(parseError);
    await expect
      .poll(() => second.outcomes)
      .toMatchObject([{ code: 'PROTOCOL_ERROR', delivery: 'answered' }]);
    expect((second.outcomes[0] as Error).message).toContain('Parse error (-32700)');
  });

  test('beside others is not meant by an error without an id, which is reported once', async () => {
    const { transport, request, errors } = await channel();
    const both = [request(), request()];
    for (const message of ['a', 'b']) transport.say({ jsonrpc: '2.0', error: { code: 1, message } });
    await settled();
    expect(both.flatMap(({ outcomes }) => outcomes)).toEqual([]);
    expect(errors).toMatchObject([{ code: 'PROTOCOL_ERROR', message: expect.stringContaining('a (1)') }]);
  });

  test('gets an error of the server as it is', async () => {
    const { transport, request } = await channel();
    const { outcomes } = request();
    const error = { code: -32_000, message: 'boom', data: { a: 1 } };
    transport.say({ jsonrpc: '2.0', id: 0, error });
    await settled();
    expect(outcomes).toEqual([{ error }]);
  });

  test('that is aborted after it was sent is cancelled at the server, once and without a reason', async () => {
    const { transport, request } = await channel();
    const { outcomes, abort } = request();
    abort(new Error('private'));
    abort(new Error('again'));
    await settled();
    expect(outcomes).toEqual([new Error('private')]);
    const cancelled = transport.sent.filter(({ method }) => method === 'notifications/cancelled');
    expect(cancelled).toEqual([
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 0 } },
    ]);
  });

  test.each([
    ['not sent yet', false],
    ['answered', true],
  ])('that is aborted when it is %s is no longer spoken of', async (_when, answered) => {
    const { transport, request } = await channel((_message, { sent }) => (answered ? sent() : undefined));
    const { outcomes, abort } = request();
    if (answered) transport.answer(0);
    await settled();
    abort(new Error('enough'));
    await settled();
    expect(outcomes).toHaveLength(1);
    expect(transport.sent).toHaveLength(1);
  });

  test('to initialize is never cancelled', async () => {
    const { made, transport } = await channel();
    const controller = new AbortController();
    const initializing = made.request('initialize', {}, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(initializing).rejects.toThrow('enough');
    expect(transport.sent).toHaveLength(1);
  });
});

describe('what the server asks', () => {
  test('is answered with what its owner says, or with its error', async () => {
    const { transport } = await channel(undefined, {
      onRequest: async (method) => {
        if (method === 'good') return { fine: true };
        throw { code: -32_601, message: 'Method not found' };
      },
    });
    transport.say({ jsonrpc: '2.0', id: 'a', method: 'good' }, { jsonrpc: '2.0', id: 'b', method: 'bad' });
    await settled();
    expect(transport.sent).toEqual([
      { jsonrpc: '2.0', id: 'a', result: { fine: true } },
      { jsonrpc: '2.0', id: 'b', error: { code: -32_601, message: 'Method not found' } },
    ]);
  });

  test.each([undefined, null, [], 'text', 5])('is read with params that are %j', async (params) => {
    const asked: unknown[] = [];
    const { transport } = await channel(undefined, {
      onRequest: async (_method, read) => {
        asked.push(read);
        return {};
      },
    });
    transport.say({ jsonrpc: '2.0', id: 1, method: 'x', params });
    await settled();
    expect(asked).toEqual([{}]);
  });

  test('and cancels is stopped, and gets no answer', async () => {
    let stopped: unknown;
    const { transport } = await channel(undefined, {
      onRequest: (_method, _params, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            stopped = signal.reason;
            reject({ code: 1, message: 'stopped' });
          });
        }),
    });
    transport.say({ jsonrpc: '2.0', id: 'q', method: 'x' });
    await settled();
    transport.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'q' } });
    await settled();
    expect(stopped).toBeInstanceOf(Error);
    expect(transport.sent).toEqual([]);
  });
});

test('what is no message of JSON-RPC is reported once, and what follows is read', async () => {
  const { transport, errors, told, request } = await channel();
  const { outcomes } = request();
  for (const text of ['hello', 'again']) transport.sink.message({ kind: 'noise', text });
  transport.say({ type: 'heartbeat' }, { jsonrpc: '2.0', method: 'x', params: { a: 1 } });
  transport.answer(0);
  await settled();
  expect(errors).toMatchObject([{ code: 'PROTOCOL_ERROR', message: expect.stringContaining(': hello') }]);
  expect(told).toEqual([['x', { a: 1 }]]);
  expect(outcomes).toEqual([{ result: {} }]);
});

test('what its owner fails at is reported, and costs no other message', async () => {
  const { transport, errors, request } = await channel(undefined, {
    onNotification: () => {
      throw new Error('cannot');
    },
  });
  const { outcomes } = request();
  transport.say({ jsonrpc: '2.0', method: 'x' });
  transport.answer(0);
  await settled();
  expect(outcomes).toEqual([{ result: {} }]);
  expect(errors).toMatchObject([{ code: 'PROTOCOL_ERROR', cause: { message: 'cannot' } }]);
});

describe('the end of the connection', () => {
  test('fails what the transport is done with at once', async () => {
    const { transport, closed, request } = await channel();
    const [first, second] = [request(), request()];
    await settled();
    const reason = connectionLost('gone');
    transport.sink.closed(reason);
    await settled();
    for (const { outcomes } of [first, second])
      expect(outcomes).toMatchObject([{ message: 'gone', delivery: 'unknown', cause: reason }]);
    expect(closed).toEqual([reason]);
    transport.sink.closed(connectionLost('again'));
    expect(closed).toHaveLength(1);
  });

  test('leaves alone what the transport still works on: it may yet be answered', async () => {
    const { script, open } = working();
    const { transport, request } = await channel(script);
    const { outcomes } = request();
    transport.sink.closed(connectionLost('the other stream ended'));
    await settled();
    expect(outcomes).toEqual([]);
    transport.answer(0);
    open();
    await settled();
    expect(outcomes).toEqual([{ result: {} }]);
  });

  test('fails what the transport still works on once it is done with it', async () => {
    const { script, open } = working();
    const { transport, request } = await channel(script);
    const { outcomes } = request();
    transport.sink.closed(connectionLost('gone'));
    open();
    await settled();
    expect(outcomes).toMatchObject([{ message: 'gone', delivery: 'unknown' }]);
  });

  test('lets each request tell its own failure', async () => {
    const own = connectionLost('404', 'rejected');
    const { script, open } = working(own);
    const { transport, request } = await channel(script);
    const { outcomes } = request();
    transport.sink.closed(connectionLost('gone'));
    open();
    await settled();
    expect(outcomes).toEqual([own]);
  });

  test('stops the answers to what the server asked', async () => {
    let reason: unknown;
    const { transport } = await channel(undefined, {
      onRequest: (_method, _params, signal) =>
        new Promise(() => signal.addEventListener('abort', () => (reason = signal.reason))),
    });
    transport.say({ jsonrpc: '2.0', id: 1, method: 'x' });
    transport.sink.closed(connectionLost('gone'));
    expect(reason).toMatchObject({ message: 'gone' });
  });

  test('refuses what comes after it', async () => {
    const { transport, request } = await channel();
    transport.sink.closed(connectionLost('gone'));
    const { outcomes } = request();
    await settled();
    expect(outcomes).toMatchObject([{ code: 'CONNECTION_LOST', delivery: 'not-sent' }]);
    expect(transport.sent).toEqual([]);
  });

  test('by closing tells the requests why, and not the owner', async () => {
    const { made, transport, closed, request } = await channel();
    const { outcomes } = request();
    await made.close(connectionLost('The health check failed'));
    await settled();
    expect(outcomes).toMatchObject([{ message: 'The health check failed' }]);
    expect(transport.closes).toBe(1);
    expect(closed).toEqual([]);
    expect(made.ended).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
