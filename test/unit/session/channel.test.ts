import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import type { McpFleetError } from '../../../src/core/errors.js';
import { Channel } from '../../../src/session/channel.js';
import { connectionLost } from '../../../src/session/transports/connection-lost.js';
import { gate } from '../client/fakes.js';
import { type Script, ScriptedTransport } from './scripted-transport.js';

/** A channel with the test in the place of its owner and of the SDK. */
async function channel(script: Script = (_message, { sent }) => sent()) {
  const transport = new ScriptedTransport(script);
  const log: string[] = [];
  const closed: McpFleetError[] = [];
  const made = new Channel(transport, {
    onError: () => {},
    onClosed: (reason) => closed.push(reason),
    signal: new AbortController().signal,
  });
  const toSdk: JSONRPCMessage[] = [];
  made.onmessage = (message) => {
    toSdk.push(message);
    log.push(`message ${(message as { id?: unknown }).id}`);
  };
  made.onclose = () => log.push('close');
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
  return { made, transport, closed, toSdk, log, request };
}

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
    const { transport, request, toSdk } = await channel();
    const { outcomes } = request();
    transport.answer(1, { n: 1 });
    transport.answer(1, { n: 2 });
    transport.say({ jsonrpc: '2.0', id: 1, error: { code: 5, message: 'late' } });
    await settled();
    expect(outcomes).toEqual([{ result: { n: 1 } }]);
    expect(toSdk).toEqual([]);
  });

  test('gets no answer that is meant for another, or for none', async () => {
    const { transport, request } = await channel();
    const { outcomes } = request();
    for (const id of [7, '7', '', ' ', null, undefined, true, [], {}, '0x1', '01', 'one', 1.5])
      transport.answer(id);
    await settled();
    expect(outcomes).toEqual([]);
    transport.answer(1, { right: true });
    await settled();
    expect(outcomes).toEqual([{ result: { right: true } }]);
  });

  test('takes its id as a text too', async () => {
    const { transport, request } = await channel();
    const { outcomes } = request();
    transport.answer('1', { n: 1 });
    transport.answer(1, { n: 2 });
    await settled();
    expect(outcomes).toEqual([{ result: { n: 1 } }]);
  });

  test('has an id of its own, also beside the one of the handshake', async () => {
    const { made, transport, request } = await channel();
    void made.send({ jsonrpc: '2.0', id: 0, method: 'initialize' });
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
    transport.answer(1);
    open();
    await settled();
    expect(outcomes).toEqual([{ result: {} }]);
  });

  test.each([
    ['no result and no error', {}],
    ['an error that is a text', { error: 'boom' }],
    ['an error that is an array', { error: [1, 'boom'] }],
    ['an error without a code', { error: { message: 'boom' } }],
    ['an error without a message', { error: { code: 1 } }],
    ['an error whose code is a text', { error: { code: '1', message: 'boom' } }],
    ['an error whose code is no integer', { error: { code: 1.5, message: 'boom' } }],
    ['a result that is a text', { result: 'boom' }],
    ['a result that is null', { result: null }],
    ['a result that is an array', { result: [] }],
    ['a result that is a text, beside an error', { result: 'boom', error: { code: 1, message: 'boom' } }],
  ])('fails when its answer has %s', async (_what, answer) => {
    const { transport, request } = await channel();
    const { outcomes } = request();
    transport.say({ jsonrpc: '2.0', id: 1, ...answer });
    await settled();
    expect(outcomes).toMatchObject([{ code: 'PROTOCOL_ERROR', delivery: 'unknown' }]);
  });

  test('takes a result with members that are too many', async () => {
    const { transport, request } = await channel();
    const { outcomes } = request();
    transport.say({ jsonrpc: '2.0', id: 1, result: { a: 1 }, error: null, extra: true });
    await settled();
    expect(outcomes).toEqual([{ result: { a: 1 } }]);
  });

  test('gets an error of the server as it is', async () => {
    const { transport, request } = await channel();
    const { outcomes } = request();
    const error = { code: -32_000, message: 'boom', data: { a: 1 } };
    transport.say({ jsonrpc: '2.0', id: 1, error });
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
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
    ]);
  });

  test.each([
    ['not sent yet', false],
    ['answered', true],
  ])('that is aborted when it is %s is no longer spoken of', async (_when, answered) => {
    const { transport, request } = await channel((_message, { sent }) => (answered ? sent() : undefined));
    const { outcomes, abort } = request();
    if (answered) transport.answer(1);
    await settled();
    abort(new Error('enough'));
    await settled();
    expect(outcomes).toHaveLength(1);
    expect(transport.sent).toHaveLength(1);
  });
});

describe("the SDK's handshake", () => {
  const initialize: JSONRPCMessage = { jsonrpc: '2.0', id: 0, method: 'initialize' };

  test('is answered to the SDK, once', async () => {
    const { made, transport, toSdk } = await channel();
    await made.send(initialize);
    transport.answer(0, { n: 1 });
    transport.answer(0, { n: 2 });
    expect(toSdk).toEqual([{ jsonrpc: '2.0', id: 0, result: { n: 1 } }]);
  });

  test('that cannot be sent is answered with an error, and the channel knows why', async () => {
    const reason = connectionLost('refused', 'not-sent');
    const { made, toSdk } = await channel(() => Promise.reject(reason));
    await made.send(initialize);
    expect(toSdk).toMatchObject([{ id: 0, error: { code: 0 } }]);
    expect(made.handshakeFailure).toBe(reason);
  });
});

describe('the end of the connection', () => {
  test('fails what the transport is done with at once, and tells the SDK last', async () => {
    const { made, transport, closed, log, request } = await channel();
    const [first, second] = [request(), request()];
    await made.send({ jsonrpc: '2.0', id: 0, method: 'initialize' });
    await settled();
    const reason = connectionLost('gone');
    transport.sink.closed(reason);
    expect(log).toEqual(['message 0', 'close']);
    await settled();
    for (const { outcomes } of [first, second])
      expect(outcomes).toMatchObject([{ message: 'gone', delivery: 'unknown', cause: reason }]);
    expect(closed).toEqual([reason]);
    transport.sink.closed(connectionLost('again'));
    expect(closed).toHaveLength(1);
  });

  test('leaves alone what the transport still works on: it may yet be answered', async () => {
    const { script, open } = working();
    const { transport, log, request } = await channel(script);
    const { outcomes } = request();
    transport.sink.closed(connectionLost('the other stream ended'));
    await settled();
    expect([outcomes, log]).toEqual([[], []]);
    transport.answer(1);
    open();
    await settled();
    expect(outcomes).toEqual([{ result: {} }]);
    expect(log).toEqual(['close']);
  });

  test('fails what the transport still works on once it is done with it', async () => {
    const { script, open } = working();
    const { transport, log, request } = await channel(script);
    const { outcomes } = request();
    transport.sink.closed(connectionLost('gone'));
    open();
    await settled();
    expect(outcomes).toMatchObject([{ message: 'gone', delivery: 'unknown' }]);
    expect(log).toEqual(['close']);
  });

  test('lets each request tell its own failure', async () => {
    const own = connectionLost('404', 'rejected');
    const { script, open } = working(own);
    const { transport, log, request } = await channel(script);
    const { outcomes } = request();
    transport.sink.closed(connectionLost('gone'));
    open();
    await settled();
    expect(outcomes).toEqual([own]);
    expect(log).toEqual(['close']);
  });

  test('is told to the SDK when the last request has been given up', async () => {
    const { transport, log, request } = await channel(() => new Promise(() => {}));
    const { abort } = request();
    transport.sink.closed(connectionLost('gone'));
    expect(log).toEqual([]);
    abort(new Error('enough'));
    expect(log).toEqual(['close']);
  });

  test('refuses what comes after it', async () => {
    const { transport, request } = await channel();
    transport.sink.closed(connectionLost('gone'));
    const { outcomes } = request();
    await settled();
    expect(outcomes).toMatchObject([{ code: 'CONNECTION_LOST', delivery: 'not-sent' }]);
    expect(transport.sent).toEqual([]);
  });

  test('by closing is told to the SDK and not to the owner', async () => {
    const { made, transport, closed, log } = await channel();
    await made.close();
    expect(transport.closes).toBe(1);
    expect(log).toEqual(['close']);
    expect(closed).toEqual([]);
    expect(made.ended).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
