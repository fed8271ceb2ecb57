import { McpManager } from 'mcp-fleet';
import {
  runAnthropicToolUses,
  runGeminiFunctionCalls,
  runOpenAIToolCalls,
  toAISDKTools,
} from 'mcp-fleet/llm';
import { fakeServer } from 'mcp-fleet/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';

let manager: McpManager;
let close: () => Promise<void>;
/** Who asked the server. */
let asked: Set<string>;

/** Each identity has a tool of its own beside `read`: what alice has is `notes-of-alice`. */
beforeEach(() => {
  asked = new Set();
  const servers = new Map<string, ReturnType<typeof fakeServer>>();
  const serverOf = (key: string) => {
    const known = servers.get(key);
    if (known !== undefined) return known;
    const made = fakeServer((server) => {
      const inputSchema = { limit: z.number().optional() };
      const text = (value: unknown) => ({
        content: [{ type: 'text' as const, text: JSON.stringify(value) }],
      });
      server.registerTool('read', { inputSchema }, (given) => text([key, given]));
      server.registerTool(`notes-of-${key}`, { inputSchema }, (given) => text([key, given]));
    });
    servers.set(key, made);
    return made;
  };
  const { url } = serverOf('nobody').config;
  manager = new McpManager({
    servers: {
      own: {
        url,
        headers: ({ identity }) => ({ 'x-user': identity?.key ?? 'nobody' }),
        fetch: (input, init) => {
          const key = new Headers(init?.headers).get('x-user') ?? 'nobody';
          asked.add(key);
          return serverOf(key).config.fetch(input, init);
        },
      },
    },
  });
  close = async () => {
    await manager.close();
    await Promise.all([...servers.values()].map((server) => server.close()));
  };
});
afterEach(() => close());

const call = (name: string) => ({
  id: name,
  type: 'function' as const,
  function: { name, arguments: '{"limit":null}' },
});

async function answers(...given: Parameters<typeof runOpenAIToolCalls>): Promise<unknown[]> {
  return (await runOpenAIToolCalls(...given)).map((message) => 'content' in message && message.content);
}

describe('a fleet of one identity', () => {
  test('runs the calls of each provider on its behalf', async () => {
    const fleet = manager.as('alice');
    expect(await answers(fleet, [call('own__read'), call('own__notes-of-alice')])).toEqual([
      '["alice",{}]',
      '["alice",{}]',
    ]);
    const use = { type: 'tool_use', id: 'a', name: 'own__read', input: {} };
    expect(await runAnthropicToolUses(fleet, [use])).toMatchObject([
      { content: [{ content: [{ text: '["alice",{}]' }] }] },
    ]);
    expect(await runGeminiFunctionCalls(fleet, [{ name: 'own__read', args: {} }])).toMatchObject([
      { parts: [{ functionResponse: { response: { output: '["alice",{}]' } } }] },
    ]);
    const { tools } = await fleet.listTools();
    const made = toAISDKTools(fleet, tools);
    expect(Object.keys(made)).toEqual(['own__read', 'own__notes-of-alice']);
    expect(await made['own__notes-of-alice']?.execute({}, { toolCallId: 'a' })).toMatchObject({
      content: [{ text: '["alice",{}]' }],
    });
    expect([...asked]).toEqual(['alice']);
  });

  test('has the tools of that one only', async () => {
    await answers(manager.as('bob'), [call('own__notes-of-bob')]);
    await manager.listTools();
    const [text] = await answers(manager.as('alice'), [call('own__notes-of-bob')]);
    expect(text).toMatch(/^Error: There is no tool "own__notes-of-bob"/);
    expect(text).toContain('own__notes-of-alice');
  });
});

describe('an identity among the options', () => {
  test('is the one that tools are found and run for', async () => {
    const calls = [call('own__read'), call('own__notes-of-alice')];
    expect(await answers(manager, calls, { identity: 'alice' })).toEqual(['["alice",{}]', '["alice",{}]']);
    expect([...asked]).toEqual(['alice']);
  });

  test('has no part in what the manager knows of others', async () => {
    await manager.listTools();
    const [text] = await answers(manager, [call('own__notes-of-nobody')], { identity: { key: 'alice' } });
    expect(text).toMatch(/^Error: There is no tool "own__notes-of-nobody"/);
    expect(text).not.toContain('nearest: own__notes-of-nobody');
    const [unreadable] = await answers(manager, [call('notes')], { identity: 'alice' });
    expect(unreadable).toMatch(/^Error: There is no tool "notes"/);
  });

  test('holds for tools of the AI SDK', async () => {
    const { tools } = await manager.listTools({ identity: 'alice' });
    const { 'own__notes-of-alice': notes } = toAISDKTools(manager, tools, { identity: 'alice' });
    expect(await notes?.execute({}, { toolCallId: 'a' })).toMatchObject({
      content: [{ text: '["alice",{}]' }],
    });
    expect([...asked]).toEqual(['alice']);
  });

  test('that is none is the fault of the caller', async () => {
    await expect(answers(manager, [call('own__read')], { identity: '' })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      path: 'options.identity',
    });
  });
});
