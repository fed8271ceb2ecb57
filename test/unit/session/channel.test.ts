import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import type { McpFleetError } from '../../../src/core/errors.js';
import { Channel, RequestTrace } from '../../../src/session/channel.js';
import { connectionLost } from '../../../src/session/transports/connection-lost.js';
import { gate } from '../client/fakes.js';
import { type Script, ScriptedTransport } from './scripted-transport.js';

/** A channel with the test in the place of the SDK. */
async function channel(script: Script = (_message, { sent }) => sent()) {
  const transport = new ScriptedTransport(script);
  const closed: McpFleetError[] = [];
  const made = new Channel(transport, {
    onError: () => {},
    onClosed: (reason) => closed.push(reason),
    signal: new AbortController().signal,
  });
  const heard: JSONRPCMessage[] = [];
  const log: string[] = [];
  made.onmessage = (message) => {
    heard.push(message);
    log.push(`message ${(message as { id?: unknown }).id}`);
  };
  made.onclose = () => log.push('close');
  await made.start();
  /** Sends a request on the account of a trace, which stays open until `done`. */
  const request = (id: number, trace = new RequestTrace()) => {
    const { passed, open } = gate();
    const ended = made.onAccountOf(trace, async () => {
      void made.send({ jsonrpc: '2.0', id, method: 'ping' });
      await passed;
    });
    return {
      trace,
      done: async () => {
        open();
        await ended;
      },
    };
  };
  return { made, transport, closed, heard, log, request };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

const FAILED = { error: { code: 0, message: 'See the trace' } };

describe('each request through a channel', () => {
  test('gets one answer, whatever comes after it', async () => {
    const { transport, heard, request } = await channel();
    request(1);
    transport.answer(1, { n: 1 });
    transport.answer(1, { n: 2 });
    transport.say({ jsonrpc: '2.0', id: 1, error: { code: 5, message: 'late' } });
    expect(heard).toEqual([{ jsonrpc: '2.0', id: 1, result: { n: 1 } }]);
  });

  test('gets no answer that is meant for another, or for none', async () => {
    const { transport, heard, request } = await channel();
    request(0);
    for (const id of [7, '7', '', ' ', null, undefined, true, [], {}, '0x0', '00', 'zero'])
      transport.answer(id);
    expect(heard).toEqual([]);
    transport.answer(0, { right: true });
    expect(heard).toEqual([{ jsonrpc: '2.0', id: 0, result: { right: true } }]);
  });

  test('takes its id as a text too', async () => {
    const { transport, heard, request } = await channel();
    request(12);
    transport.answer('12', { n: 1 });
    transport.answer(12, { n: 2 });
    expect(heard).toEqual([{ jsonrpc: '2.0', id: 12, result: { n: 1 } }]);
  });

  test('is answered with a failure when it cannot be sent, and the trace says why', async () => {
    const reason = connectionLost('refused', 'not-sent');
    const { heard, request } = await channel(() => Promise.reject(reason));
    const { trace } = request(1);
    await settled();
    expect(heard).toEqual([{ jsonrpc: '2.0', id: 1, ...FAILED }]);
    expect(trace.failure).toBe(reason);
    expect(trace.delivery).toBe('not-sent');
  });

  test('that failed to be sent after its answer had come keeps the answer', async () => {
    const { passed, open } = gate();
    const { transport, heard, request } = await channel(async () => {
      await passed;
      throw connectionLost('reset');
    });
    const { trace } = request(1);
    transport.answer(1);
    open();
    await settled();
    expect(heard).toHaveLength(1);
    expect(heard[0]).toMatchObject({ result: {} });
    expect(trace.failure).toBeUndefined();
  });

  test.each([
    ['no result and no error', {}],
    ['an error that is a text', { error: 'boom' }],
    ['an error without a code', { error: { message: 'boom' } }],
    ['an error whose code is a text', { error: { code: '1', message: 'boom' } }],
    ['a result that is a text', { result: 'boom' }],
    ['a result that is null', { result: null }],
    ['a result that is an array', { result: [] }],
  ])('fails when its answer has %s', async (_what, answer) => {
    const { transport, heard, request } = await channel();
    const { trace } = request(1);
    transport.say({ jsonrpc: '2.0', id: 1, ...answer });
    expect(heard).toEqual([{ jsonrpc: '2.0', id: 1, ...FAILED }]);
    expect(trace.failure).toMatchObject({ code: 'PROTOCOL_ERROR', delivery: 'unknown' });
  });

  test('takes a result with members that are too many', async () => {
    const { transport, heard, request } = await channel();
    request(1);
    transport.say({ jsonrpc: '2.0', id: 1, result: { a: 1 }, error: null, extra: true });
    expect(heard).toEqual([{ jsonrpc: '2.0', id: 1, result: { a: 1 } }]);
  });
});

describe('the end of the connection', () => {
  test('fails what the transport is done with at once, and tells the SDK last', async () => {
    const { transport, closed, log, request } = await channel();
    const [first, second] = [request(1), request(2)];
    await settled();
    const reason = connectionLost('gone');
    transport.sink.closed(reason);
    expect(log).toEqual(['message 1', 'message 2', 'close']);
    for (const { trace } of [first, second])
      expect(trace.failure).toMatchObject({ message: 'gone', delivery: 'unknown', cause: reason });
    expect(closed).toEqual([reason]);
    transport.sink.closed(connectionLost('again'));
    expect(closed).toHaveLength(1);
  });

  test('leaves alone what the transport still works on: it may yet be answered', async () => {
    const { passed, open } = gate();
    const { transport, log, heard, request } = await channel(async (_message, { sent }) => {
      sent();
      await passed;
    });
    const { trace } = request(1);
    transport.sink.closed(connectionLost('the other stream ended'));
    await settled();
    expect(log).toEqual([]);
    transport.answer(1);
    open();
    await settled();
    expect(heard).toMatchObject([{ id: 1, result: {} }]);
    expect(trace.failure).toBeUndefined();
  });

  test('fails what the transport still works on once it is done with it', async () => {
    const { passed, open } = gate();
    const { transport, log, request } = await channel(async (_message, { sent }) => {
      sent();
      await passed;
    });
    const { trace, done } = request(1);
    transport.sink.closed(connectionLost('gone'));
    open();
    await settled();
    expect(log).toEqual(['message 1', 'close']);
    expect(trace.failure).toMatchObject({ message: 'gone', delivery: 'unknown' });
    await done();
    expect(log).toEqual(['message 1', 'close']);
  });

  test('lets each request tell its own failure', async () => {
    const { passed, open } = gate();
    const own = connectionLost('404', 'rejected');
    const { transport, log, request } = await channel(async () => {
      await passed;
      throw own;
    });
    const { trace } = request(1);
    transport.sink.closed(connectionLost('gone'));
    open();
    await settled();
    expect(trace.failure).toBe(own);
    expect(log).toEqual(['message 1', 'close']);
  });

  test('is told to the SDK when the last request has been given up', async () => {
    const { transport, log, request } = await channel(() => new Promise(() => {}));
    const { done } = request(1);
    transport.sink.closed(connectionLost('gone'));
    expect(log).toEqual([]);
    await done();
    expect(log).toEqual(['close']);
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
