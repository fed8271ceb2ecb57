import { ConfigError, McpClient, McpManager } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test } from 'vitest';
import { offering, rejection } from './fakes.js';

const CALLS: [string, unknown, string, string][] = [
  ['a name alone', 'a__one', 'call', 'expected an object such as { name: "a__one" }, got a string'],
  ['nothing', undefined, 'call', 'got nothing'],
  ['null', null, 'call', 'got null'],
  ['an array', [{ name: 'one' }], 'call', 'got an array'],
  ['no name', {}, 'call.name', 'expected the name of a tool, got nothing'],
  ['a name that is a number', { name: 7 }, 'call.name', 'got a number'],
  [
    'args',
    { name: 'one', args: { a: 1 } },
    'call.args',
    'is no member of a tool call; did you mean arguments?',
  ],
  ['input', { name: 'one', input: {} }, 'call.input', 'did you mean arguments?'],
  ['argument', { name: 'one', argument: {} }, 'call.argument', 'did you mean arguments?'],
  ['arguments as JSON', { name: 'one', arguments: '{"a":1}' }, 'call.arguments', 'JSON.parse'],
  [
    'arguments that are an array',
    { name: 'one', arguments: [1] },
    'call.arguments',
    'expected an object, got an array',
  ],
  ['arguments that are null', { name: 'one', arguments: null }, 'call.arguments', 'got null'],
  ['a server that is a number', { name: 'one', server: 5 }, 'call.server', 'got a number'],
];

const OPTIONS: [unknown, string, string][] = [
  [{ timeout: 5 }, 'options.timeout', 'is not an option; did you mean timeoutMs?'],
  [{ timeoutMS: 5 }, 'options.timeoutMS', 'did you mean timeoutMs?'],
  [
    { timeoutMs: '5' },
    'options.timeoutMs',
    'expected a positive number of milliseconds, at most 2147483647, got a string',
  ],
  [{ timeoutMs: 0 }, 'options.timeoutMs', 'got 0'],
  [{ signal: {} }, 'options.signal', 'expected an AbortSignal, got an object'],
  [{ onProgress: true }, 'options.onProgress', 'expected a function, got a boolean'],
  [5_000, 'options', 'expected an object such as { timeoutMs: 5_000 }, got a number'],
  [null, 'options', 'got null'],
];

describe.each(['a client', 'a manager'])('of %s', (whose) => {
  async function stand() {
    const fake = fakeServer(offering(['one']));
    const manager = new McpManager({ servers: { a: fake.config } });
    const client = new McpClient('a', fake.config);
    const close = async () => {
      await Promise.all([manager.close(), client.close()]);
      await fake[Symbol.asyncDispose]();
    };
    return { fake, close, target: whose === 'a client' ? client : manager };
  }

  test.each(CALLS)('a call with %s is refused, and told what to write', async (_what, call, path, part) => {
    const { fake, close, target } = await stand();
    const error = await rejection(target.callTool(call as never));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ path });
    expect((error as Error).message).toContain(part);
    expect(fake.calls).toEqual([]);
    await close();
  });

  test.each(OPTIONS)('the options %j are refused, and told what to write', async (options, path, part) => {
    const { fake, close, target } = await stand();
    const name = whose === 'a client' ? 'one' : 'a__one';
    const error = await rejection(target.callTool({ name }, options as never));
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ path });
    expect((error as Error).message).toContain(part);
    expect(fake.calls).toEqual([]);
    await close();
  });
});

test('no value of an argument is in such an error', async () => {
  const client = new McpClient('a', { url: 'https://a.test/' });
  const call = { name: 'one', arguments: 'canary-argument' };
  expect(String(await rejection(client.callTool(call as never)))).not.toContain('canary');
  await client.close();
});

test('a manager runs the calls of a list that are right', async () => {
  await using fake = fakeServer(offering(['one']));
  await using manager = new McpManager({ servers: { a: fake.config } });
  const calls = [{ name: 'a__one' }, 'a__one', { name: 'a__one', args: {} }] as never[];
  expect(await manager.callTools(calls)).toMatchObject([
    { ok: true },
    { ok: false, error: { code: 'INVALID_CONFIG' } },
    { ok: false, error: { code: 'INVALID_CONFIG' } },
  ]);
});
