import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ConnectionError } from '../../../src/core/errors.js';
import { KnownSecrets } from '../../../src/core/known-secrets.js';
import { TextExit } from '../../../src/core/text-exit.js';
import { type OpenOptions, openSession } from '../../../src/session/open.js';
import type { LearnedEra, Protocol } from '../../../src/session/revisions.js';
import { isRequest } from '../../../src/session/transports/messages.js';

afterEach(() => vi.useRealTimers());

const DISCOVERED = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {} },
  _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'm', version: '1' } },
  instructions: 'Be kind.',
};
const INITIALIZED = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  serverInfo: { name: 'h', version: '1' },
};
const unsupported = (supported: unknown) => ({
  error: { code: -32_022, message: 'Unsupported protocol version', data: { supported } },
});
const notFound = { error: { code: -32_601, message: 'Method not found' } };
const NEVER = undefined;

type Reply = { result: unknown } | { error: object } | undefined;

/** Opens a session with a server that answers the first request of an era so. */
async function opening(
  replies: { initialize: Reply; discover: Reply },
  { protocol = 'auto', learned = {} }: { protocol?: Protocol; learned?: LearnedEra } = {},
) {
  const methods: string[] = [];
  let connections = 0;
  const transport = (): Transport => {
    connections++;
    const peer: Transport = {
      start: async () => {},
      close: async () => {},
      async send(message) {
        if (!isRequest(message)) return;
        const { id, method } = message;
        methods.push(method);
        const reply = method === 'initialize' ? replies.initialize : replies.discover;
        if (reply !== undefined) peer.onmessage?.({ jsonrpc: '2.0', id, ...reply } as JSONRPCMessage);
      },
    };
    return peer;
  };
  const options: OpenOptions = {
    protocol,
    learned,
    server: 's',
    clientInfo: { name: 'test', version: '1' },
    handlers: {},
    observer: {
      log: () => {},
      resourceUpdated: () => {},
      listChanged: () => {},
      error: () => {},
      closed: () => {},
    },
    exit: new TextExit(new KnownSecrets()),
    maxResponseBytes: 1_000_000,
    signal: new AbortController().signal,
    onEnding: () => {},
    fetch: () => Promise.reject(new Error('no HTTP')),
    guard: undefined,
    tokens: undefined,
    proxy: false,
    onSecret: () => {},
    stderr: undefined,
  };
  return {
    opened: openSession({ type: 'custom', transport }, options),
    methods,
    learned,
    connections: () => connections,
  };
}

describe('a server that is not known yet', () => {
  test('is asked with initialize, and with nothing else where it knows that', async () => {
    const { opened, methods, learned } = await opening({
      initialize: { result: INITIALIZED },
      discover: { result: DISCOVERED },
    });
    expect((await opened).protocolVersion).toBe('2025-06-18');
    expect(methods).toEqual(['initialize']);
    expect(learned).toEqual({ era: 'handshake' });
  });

  test.each([
    ['an unsupported version', unsupported(['2026-07-28'])],
    ['an unsupported version without a list', unsupported(undefined)],
    ['a method that is not there', notFound],
    ['invalid params', { error: { code: -32_602, message: 'Missing _meta' } }],
    ['any other error', { error: { code: 1, message: 'No' } }],
    ['an answer of something else', { result: { hello: 'world' } }],
    ['a revision without a handshake', { result: { ...INITIALIZED, protocolVersion: '2026-07-28' } }],
  ])('and refuses with %s is asked with server/discover, over the same connection', async (_how, refusal) => {
    const { opened, methods, learned, connections } = await opening({
      initialize: refusal,
      discover: { result: DISCOVERED },
    });
    const session = await opened;
    expect(session).toMatchObject({
      protocolVersion: '2026-07-28',
      capabilities: { tools: {} },
      serverInfo: { name: 'm', version: '1' },
      instructions: 'Be kind.',
    });
    expect(methods).toEqual(['initialize', 'server/discover']);
    expect(connections()).toBe(1);
    expect(learned).toEqual({ era: 'stateless' });
  });

  test.each([
    ['by initialize', { initialize: unsupported(['2031-01-01']), discover: notFound }],
    ['by discover', { initialize: notFound, discover: unsupported(['2031-01-01']) }],
    [
      'in what it discovers',
      { initialize: notFound, discover: { result: { ...DISCOVERED, supportedVersions: ['2031-01-01'] } } },
    ],
    [
      'by initialize, with a result',
      { initialize: { result: { ...INITIALIZED, protocolVersion: '2031-01-01' } }, discover: notFound },
    ],
  ])('and speaks none of our revisions, as it says %s, is told with both lists', async (_how, replies) => {
    const { opened } = await opening(replies);
    const error = await opened.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', retryable: false });
    expect(String(error)).toMatch(/2031-01-01.*this client speaks.*20/);
  });

  test('and refuses both fails with what it said to the first', async () => {
    const { opened } = await opening({
      initialize: { error: { code: -32_000, message: 'The licence has expired' } },
      discover: notFound,
    });
    await expect(opened).rejects.toMatchObject({ message: 'The licence has expired' });
  });

  test('and names 2026-07-28, but fails there, is told by how it fails', async () => {
    const { opened } = await opening({
      initialize: unsupported(['2026-07-28']),
      discover: { error: { code: -32_000, message: 'The licence has expired' } },
    });
    await expect(opened).rejects.toMatchObject({ message: 'The licence has expired' });
  });

  test('shows no more of a long list than is readable', async () => {
    const many = Array.from({ length: 10_000 }, () => 'x'.repeat(10_000));
    const { opened } = await opening({ initialize: unsupported(many), discover: notFound });
    const error = (await opened.catch((thrown: unknown) => thrown)) as Error;
    expect(error.message.length).toBeLessThan(1_500);
  });
});

describe('a server that spoke 2026-07-28 before', () => {
  const known = (): { learned: LearnedEra } => ({ learned: { era: 'stateless' } });

  test('is asked with server/discover alone', async () => {
    const { opened, methods } = await opening(
      { initialize: notFound, discover: { result: DISCOVERED } },
      known(),
    );
    await opened;
    expect(methods).toEqual(['server/discover']);
  });

  test.each([notFound, unsupported(['2025-11-25']), { result: {} }])(
    'and answers that with %j is asked with initialize',
    async (refusal) => {
      const { opened, methods, learned } = await opening(
        { initialize: { result: INITIALIZED }, discover: refusal },
        known(),
      );
      await opened;
      expect(methods).toEqual(['server/discover', 'initialize']);
      expect(learned).toEqual({ era: 'handshake' });
    },
  );

  test('and answers nothing is asked with initialize after a while', async () => {
    vi.useFakeTimers();
    const { opened, methods } = await opening(
      { initialize: { result: INITIALIZED }, discover: NEVER },
      known(),
    );
    await vi.advanceTimersByTimeAsync(5_000);
    await opened;
    expect(methods).toEqual(['server/discover', 'initialize']);
  });
});

describe('a revision that is pinned', () => {
  test.each<[Protocol, string, object]>([
    // It is said in words what an older server has no code for.
    ['2026-07-28', 'server/discover', { code: 'PROTOCOL_ERROR', cause: { rpcCode: -32_601 } }],
    ['2025-11-25', 'initialize', { code: 'REMOTE_ERROR', rpcCode: -32_601 }],
  ])('(%s) is never left, whatever was learned', async (protocol, method, expected) => {
    for (const era of ['handshake', 'stateless', undefined] as const) {
      const learned: LearnedEra = era === undefined ? {} : { era };
      const { opened, methods } = await opening(
        { initialize: notFound, discover: notFound },
        { protocol, learned },
      );
      await expect(opened).rejects.toMatchObject(expected);
      expect(methods).toEqual([method]);
    }
  });

  test.each<[Protocol, string]>([
    ['2026-07-28', '2025-11-25'],
    ['2025-11-25', '2026-07-28'],
  ])('(%s) and refused by a server of %s is told at once, with both', async (protocol, theirs) => {
    const refusal = unsupported([theirs]);
    const { opened } = await opening({ initialize: refusal, discover: refusal }, { protocol });
    const error = await opened.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(String(error)).toContain(`The server speaks ${theirs}`);
    expect(String(error)).toContain(protocol);
  });
});
