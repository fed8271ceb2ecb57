import { McpManager, type McpManagerEvents } from 'mcp-fleet';
import { fakeServer, fakeTokens } from 'mcp-fleet/testing';
import { describe, expect, test, vi } from 'vitest';
import { absent, offering, rejection, text } from '../client/fakes.js';

describe('events', () => {
  test('of every server arrive once each, with the name of the server', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({
      servers: {
        a: { ...fake.config, auth: fakeTokens('token') },
        b: fake.config,
      },
    });
    const told: [keyof McpManagerEvents, string | undefined, string][] = [];
    manager.on('status', ({ server, previous, status }) =>
      told.push(['status', server, `${previous} → ${status}`]),
    );
    manager.on('refresh', ({ server, reason }) => told.push(['refresh', server, reason]));
    manager.on('call', ({ server, method, name = '', outcome }) =>
      told.push(['call', server, `${method} ${name} ${outcome}`]),
    );
    await manager.callTool({ name: 'a__one' });
    expect(told.sort()).toEqual([
      ['call', 'a', 'tools/call one ok'],
      ['refresh', 'a', 'initial'],
      ['status', 'a', 'connecting → ready'],
      ['status', 'a', 'idle → connecting'],
    ]);
    told.length = 0;
    await manager.callTool({ name: 'b__one' });
    expect(told).toHaveLength(3);
    expect(new Set(told.map(([, server]) => server))).toEqual(new Set(['b']));
  });

  test('that somebody wants later come from servers old and new, and no more when nobody does', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config } });
    await manager.callTool({ name: 'a__one' });
    const told: string[] = [];
    const stop = manager.on('call', ({ server }) => told.push(server));
    manager.addServer('b', fake.config);
    await manager.callTool({ name: 'a__one' });
    await manager.callTool({ name: 'b__one' });
    stop();
    await manager.callTool({ name: 'b__one' });
    manager.on('call', ({ server }) => told.push(`${server} again`));
    await manager.callTool({ name: 'a__one' });
    expect(told).toEqual(['a', 'b', 'a again']);
  });

  test('of a call say how it ended and never what it was about', async () => {
    await using fake = fakeServer(
      offering(['fine', 'bad'], (name) => ({ ...text('x'), isError: name === 'bad' })),
    );
    await using manager = new McpManager({ servers: { a: fake.config } });
    await manager.listTools();
    const told: McpManagerEvents['call'][] = [];
    manager.on('call', (event) => told.push(event));
    await manager.callTool({ name: 'a__fine', arguments: { secret: 'canary' } });
    await manager.callTool({ name: 'a__bad' });
    await rejection(manager.callTool({ name: 'a__nobody' }));
    expect(told.map(({ outcome }) => outcome)).toEqual(['ok', 'tool_error', 'failed']);
    expect(told[0]).toEqual({
      server: 'a',
      method: 'tools/call',
      name: 'fine',
      outcome: 'ok',
      durationMs: expect.any(Number),
      attempts: 1,
      cached: false,
    });
    expect(told[2]?.error).toMatchObject({ code: 'UNKNOWN_TOOL' });
    expect(JSON.stringify(told)).not.toContain('canary');
  });

  test('of servers added later arrive too, those of removed ones up to their end', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager();
    const told: string[] = [];
    manager.on('status', ({ server, status }) => told.push(`${server} ${status}`));
    manager.addServer('late', fake.config);
    await manager.connect();
    await manager.removeServer('late');
    expect(told).toEqual(['late connecting', 'late ready', 'late closed']);
  });

  test('a failure in the background is an error status, fatal to nobody', async () => {
    await using _fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: absent() } });
    const status = manager.once('status');
    await manager.connect();
    expect(await status).toMatchObject({ status: 'connecting' });
    expect(manager.client('a').lastError).toMatchObject({ code: 'CONNECT_FAILED', server: 'a' });
  });
});

describe('a listener', () => {
  test.each([
    [
      'throws',
      () => {
        throw new Error('boom');
      },
    ],
    ['rejects', async () => Promise.reject(new Error('boom'))],
    [
      'throws what is no error',
      () => {
        throw 'boom';
      },
    ],
  ])('that %s becomes an error event, and the others are told', async (_what, listener) => {
    await using manager = new McpManager();
    const errors: McpManagerEvents['error'][] = [];
    const others = vi.fn();
    manager.on('servers', listener);
    manager.on('servers', others);
    manager.on('error', (event) => errors.push(event));
    manager.addServer('a', { url: 'https://nowhere.test/' });
    expect(others).toHaveBeenCalledOnce();
    await expect
      .poll(() => errors)
      .toMatchObject([{ during: 'listener', error: { code: 'PROTOCOL_ERROR' } }]);
    expect(errors[0]?.error).toHaveProperty('cause');
    // The text of what was thrown may hold anything.
    expect(errors[0]?.error.message).not.toContain('boom');
  });

  test('of errors that throws harms nobody and causes no further error', async () => {
    await using manager = new McpManager();
    const broken = vi.fn(() => {
      throw new Error('again');
    });
    manager.on('error', broken);
    manager.on('servers', () => {
      throw new Error('boom');
    });
    manager.addServer('a', { url: 'https://nowhere.test/' });
    expect(broken).toHaveBeenCalledOnce();
  });

  test('that throws does not keep a server from connecting, nor a call from ending', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config } });
    for (const name of ['status', 'call', 'refresh'] as const) {
      manager.on(name, () => {
        throw new Error('boom');
      });
    }
    const errors: string[] = [];
    manager.on('error', ({ during }) => errors.push(during));
    expect(await manager.callTool({ name: 'a__one' })).toMatchObject(text('one'));
    expect(errors).toEqual(['listener', 'listener', 'listener']);
  });

  test('is deaf after its unsubscribe function, off, or its signal', async () => {
    await using manager = new McpManager();
    const heard: string[] = [];
    const controller = new AbortController();
    const off = () => heard.push('off');
    const unsubscribe = manager.on('servers', () => heard.push('unsubscribe'));
    manager.on('servers', off);
    manager.on('servers', () => heard.push('signal'), { signal: controller.signal });
    manager.on('servers', () => heard.push('never'), { signal: AbortSignal.abort() });
    manager.addServer('a', { url: 'https://nowhere.test/' });
    expect(heard).toEqual(['unsubscribe', 'off', 'signal']);
    unsubscribe();
    unsubscribe();
    manager.off('servers', off);
    controller.abort();
    manager.addServer('b', { url: 'https://nowhere.test/' });
    expect(heard).toHaveLength(3);
  });
});

describe('once', () => {
  test('gives the next event and no other', async () => {
    await using manager = new McpManager();
    const next = manager.once('servers');
    manager.addServer('a', { url: 'https://nowhere.test/' });
    manager.addServer('b', { url: 'https://nowhere.test/' });
    expect(await next).toMatchObject({ added: ['a'] });
  });

  test("rejects with the signal's reason when aborted first, before or after it is called", async () => {
    await using manager = new McpManager();
    const reason = new Error('no longer');
    const controller = new AbortController();
    const waiting = rejection(manager.once('servers', { signal: controller.signal }));
    controller.abort(reason);
    expect(await waiting).toBe(reason);
    expect(await rejection(manager.once('servers', { signal: controller.signal }))).toBe(reason);
  });
});
