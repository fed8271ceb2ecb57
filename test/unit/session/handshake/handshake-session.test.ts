import { describe, expect, test } from 'vitest';
import { ConnectionError, McpFleetError, RemoteError, TimeoutError } from '../../../../src/core/errors.js';
import { KnownSecrets } from '../../../../src/core/known-secrets.js';
import { TextExit } from '../../../../src/core/text-exit.js';
import { openOver, type SessionOptions } from '../../../../src/session/opening.js';
import type { Session, SessionObserver } from '../../../../src/session/session.js';
import { connectionLost } from '../../../../src/session/transports/connection-lost.js';
import { rejection } from '../../client/fakes.js';
import { INITIALIZED, initializing, lastId, type Script, ScriptedTransport } from '../scripted-transport.js';

const NEVER = new AbortController().signal;
const SECRETS = new KnownSecrets();
SECRETS.add('canary');
const EXIT = new TextExit(SECRETS);

function options(more: Partial<SessionOptions> = {}) {
  const told: [keyof SessionObserver, unknown][] = [];
  const observer: SessionObserver = {
    log: (message) => told.push(['log', message]),
    resourceUpdated: (uri) => told.push(['resourceUpdated', uri]),
    listChanged: (kind) => told.push(['listChanged', kind]),
    error: (error) => told.push(['error', error]),
    closed: (reason) => told.push(['closed', reason]),
  };
  const made: SessionOptions = {
    server: 's',
    clientInfo: { name: 'test', version: '1' },
    handlers: {},
    observer,
    exit: EXIT,
    maxResponseBytes: 1_000_000,
    signal: NEVER,
    onEnding: () => {},
    ...more,
  };
  return { made, told };
}

async function openHandshake(transport: ScriptedTransport, made: SessionOptions): Promise<Session> {
  return (await openOver(transport, ['handshake'], made)).session;
}

async function open(script: Script = () => {}, more: Partial<SessionOptions> = {}) {
  const transport = new ScriptedTransport(initializing(script));
  const { made, told } = options(more);
  return { session: await openHandshake(transport, made), transport, told };
}

const sends: Script = (_message, { sent }) => sent();

describe('opening a session', () => {
  test('makes the handshake and knows what the server said', async () => {
    const { session, transport } = await open();
    expect(transport.sent).toMatchObject([
      { method: 'initialize', params: { clientInfo: { name: 'test', version: '1' }, capabilities: {} } },
      { method: 'notifications/initialized' },
    ]);
    expect(transport.versions).toEqual(['2025-06-18']);
    expect(session.protocolVersion).toBe('2025-06-18');
    expect(session.capabilities).toEqual(INITIALIZED.capabilities);
    expect(session.serverInfo).toEqual(INITIALIZED.serverInfo);
    expect(session.instructions).toBe('Be kind.');
    expect(session.transport).toBe('custom');
  });

  test('offers only what there are handlers for', async () => {
    const { transport } = await open(undefined, {
      handlers: { roots: async () => [], elicitation: async () => ({ action: 'cancel' }) },
    });
    expect(transport.sent[0]?.params).toMatchObject({
      capabilities: { roots: {}, elicitation: { form: { applyDefaults: true }, url: {} } },
    });
    expect(transport.sent[0]?.params?.capabilities).not.toHaveProperty('sampling');
  });

  test('needs no handshake where the transport is of a session already', async () => {
    const transport = new ScriptedTransport();
    transport.sessionId = 'taken over';
    const session = await openHandshake(transport, options().made);
    expect(transport.sent).toEqual([]);
    expect(session.capabilities).toBeUndefined();
    expect(session.protocolVersion).toBeUndefined();
  });

  const failures: [string, Script, object][] = [
    [
      'the transport fails to send',
      () => Promise.reject(new ConnectionError('CONNECT_FAILED', 'refused', { retryable: true })),
      { code: 'CONNECT_FAILED', message: 'refused', retryable: true },
    ],
    [
      'the connection is lost',
      () => Promise.reject(connectionLost('reset')),
      { code: 'CONNECT_FAILED', message: 'reset', retryable: true, cause: { code: 'CONNECTION_LOST' } },
    ],
    [
      'the connection ends before the answer',
      (_message, { sent }, transport) => {
        sent();
        setTimeout(() => transport.sink.closed(connectionLost('the process exited')));
      },
      { code: 'CONNECT_FAILED', message: 'the process exited', retryable: true },
    ],
    [
      'the connection ends with the answer',
      initializing((_message, _context, transport) =>
        transport.sink.closed(connectionLost('the stream ended')),
      ),
      { code: 'CONNECT_FAILED', message: 'the stream ended', retryable: true },
    ],
    [
      'the server refuses',
      ({ id }, _context, transport) =>
        transport.say({ jsonrpc: '2.0', id, error: { code: -32_000, message: 'no [redacted]' } }),
      { code: 'REMOTE_ERROR', rpcCode: -32_000, message: 'no [redacted]' },
    ],
    [
      'the revision is unknown',
      ({ id }, _context, transport) =>
        transport.answer(id, { ...INITIALIZED, protocolVersion: '1999-01-01' }),
      { code: 'PROTOCOL_ERROR' },
    ],
    [
      'the answer is another one',
      ({ id }, _context, transport) => transport.answer(id, { hello: 'world' }),
      { code: 'PROTOCOL_ERROR' },
    ],
    [
      'the answer is none',
      ({ id }, _context, transport) => transport.say({ jsonrpc: '2.0', id }),
      { code: 'PROTOCOL_ERROR' },
    ],
    [
      'the notification cannot be sent',
      initializing(() => Promise.reject(connectionLost('reset'))),
      { code: 'CONNECT_FAILED', message: 'reset' },
    ],
  ];
  test.each(failures)(
    'fails with an error of ours and leaves nothing open when %s',
    async (_what, script, expected) => {
      const transport = new ScriptedTransport(script);
      const { made, told } = options();
      const error = await rejection(openHandshake(transport, made));
      expect(error).toBeInstanceOf(McpFleetError);
      expect(error).toMatchObject(expected);
      expect(transport.closes).toBeGreaterThan(0);
      expect(told.filter(([what]) => what === 'closed')).toEqual([]);
    },
  );

  test("fails with the signal's reason when it is aborted", async () => {
    const transport = new ScriptedTransport(sends);
    const controller = new AbortController();
    const opening = rejection(openHandshake(transport, options({ signal: controller.signal }).made));
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await opening).toBe(reason);
    expect(transport.closes).toBe(1);
  });

  test('takes an answer that comes after an error without an id', async () => {
    const { session } = await open();
    expect(session).toBeDefined();
    const transport = new ScriptedTransport(({ id, method }, _context, made) => {
      if (method !== 'initialize') return;
      made.say({ jsonrpc: '2.0', id: null, error: { code: -32_700, message: 'Parse error' } });
      made.answer(id, INITIALIZED);
    });
    await openHandshake(transport, options().made);
  });
});

describe('a request', () => {
  const call = (session: Session, signal = NEVER, onProgress?: (progress: object) => void) =>
    session.request('tools/call', { name: 'x' }, { signal, onProgress });

  test('is answered by the message with its id', async () => {
    const { session, transport } = await open(sends);
    const [first, second] = [call(session), call(session)];
    const id = lastId(transport, 'tools/call');
    transport.answer(id, { content: [{ type: 'text', text: 'second' }] });
    transport.answer(id - 1, { content: [{ type: 'text', text: 'first' }] });
    expect(await first).toMatchObject({ content: [{ text: 'first' }] });
    expect(await second).toMatchObject({ content: [{ text: 'second' }] });
  });

  test('is sent with its parameters only', async () => {
    const { session, transport } = await open((message, _context, made) => {
      if (message.id !== undefined) made.answer(message.id, { contents: [] });
    });
    await session.request('ping', undefined, { signal: NEVER });
    await session.request('resources/read', { uri: 'a:b' }, { signal: NEVER });
    expect(transport.sent.slice(2)).toEqual([
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', id: 2, method: 'resources/read', params: { uri: 'a:b' } },
    ]);
  });

  test('that should have an empty result takes any', async () => {
    const { session } = await open((message, _context, made) => {
      if (message.id !== undefined) made.answer(message.id, { status: 'ok' });
    });
    await session.request('ping', undefined, { signal: NEVER });
    await session.request('resources/subscribe', { uri: 'a:b' }, { signal: NEVER });
    await session.request('resources/unsubscribe', { uri: 'a:b' }, { signal: NEVER });
    await session.request('logging/setLevel', { level: 'info' }, { signal: NEVER });
  });

  test.each([-32_700, -32_600, -32_601, -32_602, -32_603, -32_000, 42, 0])(
    'that the server answers with error %i was answered',
    async (code) => {
      const { session, transport } = await open(sends);
      const calling = rejection(call(session));
      const error = { code, message: 'boom', data: { a: 1 } };
      transport.say({ jsonrpc: '2.0', id: lastId(transport, 'tools/call'), error });
      const thrown = (await calling) as RemoteError;
      expect(thrown).toBeInstanceOf(RemoteError);
      expect(thrown).toMatchObject({ rpcCode: code, message: 'boom', data: { a: 1 }, delivery: 'answered' });
    },
  );

  test('that its caller aborts rejects with the very reason, and the server is told', async () => {
    const { session, transport } = await open(sends);
    const controller = new AbortController();
    const calling = rejection(call(session, controller.signal));
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await calling).toBe(reason);
    expect(transport.sent.at(-1)).toMatchObject({
      method: 'notifications/cancelled',
      params: { requestId: lastId(transport, 'tools/call') },
    });
    transport.answer(lastId(transport, 'tools/call'), { content: [] });
    expect(await rejection(call(session, controller.signal))).toBe(reason);
  });

  test.each([
    ['nothing was written', () => {}, 'not-sent'],
    ['something was written', sends, 'unknown'],
  ] as const)('that runs out of time when %s says so', async (_what, script, delivery) => {
    const { session } = await open(script);
    const controller = new AbortController();
    const calling = rejection(call(session, controller.signal));
    controller.abort(new TimeoutError(5, 'late'));
    expect(await calling).toMatchObject({ code: 'TIMEOUT', timeoutMs: 5, delivery });
    const closing = new AbortController();
    const cut = rejection(call(session, closing.signal));
    closing.abort(new McpFleetError('CLOSED', 'closing'));
    expect(await cut).toMatchObject({ code: 'CLOSED', delivery });
  });

  test('whose result is of another shape has run, and its result is not lost', async () => {
    const { session, transport } = await open(sends);
    const calling = call(session);
    transport.answer(lastId(transport, 'tools/call'), { content: 'text' });
    expect(await calling).toEqual({ content: [{ type: 'text', text: 'text' }] });
  });

  test('whose answer cannot be read was answered, and is told at once', async () => {
    const { session, transport } = await open(sends);
    const calling = rejection(call(session));
    transport.say({ jsonrpc: '2.0', id: lastId(transport, 'tools/call') });
    expect(await calling).toMatchObject({ code: 'PROTOCOL_ERROR', delivery: 'answered' });
  });

  test('after the end of the session is not sent', async () => {
    const { session, transport, told } = await open(sends);
    transport.sink.closed(connectionLost('gone'));
    const before = transport.sent.length;
    expect(await rejection(call(session))).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'not-sent' });
    expect(transport.sent).toHaveLength(before);
    transport.sink.closed(connectionLost('again'));
    expect(told).toMatchObject([['closed', { message: 'gone' }]]);
  });

  test('hears of its own progress, in order, the last before the answer', async () => {
    const { session, transport } = await open(sends);
    const heard: unknown[] = [];
    const calling = call(session, NEVER, (progress) => heard.push(progress));
    const progressToken = lastId(transport, 'tools/call');
    expect(transport.sent.at(-1)?.params).toMatchObject({ _meta: { progressToken } });
    const progress = (params: object) => ({ jsonrpc: '2.0', method: 'notifications/progress', params });
    transport.say(
      progress({ progressToken, progress: 1, total: 3 }),
      progress({ progressToken: progressToken + 1, progress: 99 }),
      progress({ progressToken, progress: 'a bit' }),
      progress({ progress: 2 }),
      progress({ progressToken: String(progressToken), progress: 2, message: 'half' }),
      progress({ progressToken: null, progress: 99 }),
      { jsonrpc: '2.0', method: 'notifications/progress' },
      progress({ progressToken, progress: 3 }),
      { jsonrpc: '2.0', id: progressToken, result: { content: [] } },
      progress({ progressToken, progress: 4 }),
    );
    await calling;
    expect(heard).toEqual([{ progress: 1, total: 3 }, { progress: 2, message: 'half' }, { progress: 3 }]);
  });
});

describe('a list', () => {
  test('is asked for page by page', async () => {
    const { session, transport } = await open((message, _context, made) => {
      const tools = [{ name: 'bad', inputSchema: 5 }];
      if (message.id !== undefined) made.answer(message.id, { tools, nextCursor: 'next' });
    });
    const page = await session.list('tools', undefined, { signal: NEVER });
    expect(page).toMatchObject({ entries: [], nextCursor: 'next', rejected: { count: 1 } });
    expect(page.rejected.first[0]).toContain('"bad": inputSchema');
    await session.list('tools', 'next', { signal: NEVER });
    expect(transport.sent.slice(2).map(({ params }) => params)).toEqual([undefined, { cursor: 'next' }]);
  });

  test('that is none is empty', async () => {
    const { session } = await open((message, _context, made) => {
      if (message.id !== undefined) made.answer(message.id, { tools: 'none' });
    });
    expect((await session.list('tools', undefined, { signal: NEVER })).entries).toEqual([]);
  });
});

describe('what the server says by itself', () => {
  test('goes to the observer', async () => {
    const { transport, told } = await open();
    const notification = (method: string, params: object = {}) =>
      transport.say({ jsonrpc: '2.0', method: `notifications/${method}`, params });
    notification('message', { level: 'info', data: 1 });
    notification('resources/updated', { uri: 'a:b' });
    for (const kind of ['tools', 'resources', 'prompts']) notification(`${kind}/list_changed`);
    notification('message', { level: 'loud', data: 1 });
    notification('unknown/thing');
    await new Promise((resolve) => setTimeout(resolve));
    expect(told).toEqual([
      ['log', { level: 'info', data: 1 }],
      ['resourceUpdated', 'a:b'],
      ['listChanged', 'tools'],
      ['listChanged', 'resources'],
      ['listChanged', 'prompts'],
      ['log', { level: 'info', data: 1 }],
    ]);
  });

  test('and asks without a handler is refused, a ping is answered', async () => {
    const { transport } = await open();
    transport.say(
      { jsonrpc: '2.0', id: 'a', method: 'roots/list' },
      { jsonrpc: '2.0', id: 'b', method: 'ping' },
    );
    await expect.poll(() => transport.sent.length).toBe(4);
    expect(transport.sent.slice(2)).toMatchObject([
      { id: 'a', error: { code: -32_601 } },
      { id: 'b', result: {} },
    ]);
  });

  test('and asks is answered by the handler, whose failure stays here', async () => {
    let fails = false;
    const { transport, told } = await open(undefined, {
      handlers: {
        roots: async (context) => {
          if (fails) throw new Error('canary path');
          return [{ uri: `file:///${context.server}` }];
        },
      },
    });
    transport.say({ jsonrpc: '2.0', id: 1, method: 'roots/list' });
    await expect.poll(() => transport.sent.length).toBe(3);
    expect(transport.sent[2]).toMatchObject({ id: 1, result: { roots: [{ uri: 'file:///s' }] } });
    fails = true;
    transport.say({ jsonrpc: '2.0', id: 2, method: 'roots/list' });
    await expect.poll(() => transport.sent.length).toBe(4);
    expect(JSON.stringify(transport.sent[3])).not.toContain('canary');
    expect(transport.sent[3]).toMatchObject({ id: 2, error: { code: -32_603 } });
    expect(told).toMatchObject([['error', { cause: { message: 'canary path' } }]]);
  });
});

describe('closing', () => {
  test('closes the transport, ends what waits, and tells nobody', async () => {
    const { session, transport, told } = await open(sends);
    const waiting = rejection(session.request('ping', undefined, { signal: NEVER }));
    await session.close();
    await session.close();
    expect(await waiting).toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
    expect(transport.closes).toBeGreaterThan(0);
    expect(told).toEqual([]);
  });
});
