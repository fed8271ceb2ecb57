import { ConfigError, McpManager } from 'mcp-fleet';
import {
  runAnthropicToolUses,
  runGeminiFunctionCalls,
  runOpenAIToolCalls,
  toAISDKTools,
  toAnthropicTools,
  toGeminiTools,
  toOpenAITools,
} from 'mcp-fleet/llm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fleet, testFleet } from './fleet.js';

let fleet: Fleet;
let manager: McpManager;

beforeAll(async () => {
  fleet = testFleet();
  manager = fleet.manager;
  await manager.listTools();
});
afterAll(() => fleet[Symbol.asyncDispose]());

function chatCall(id: string, name: string, input: unknown) {
  return {
    id,
    type: 'function' as const,
    function: { name, arguments: typeof input === 'string' ? input : JSON.stringify(input) },
  };
}

/** The text that answers one call. */
async function answer(name: string, input: unknown, options = {}): Promise<string> {
  const [message] = await runOpenAIToolCalls(manager, [chatCall('call', name, input)], options);
  return message?.role === 'tool' ? message.content : '';
}

describe('calls of one message', () => {
  const mixed = [
    chatCall('a', '1math__add', { a: 1, b: 2 }),
    chatCall('b', 'files__raed', { path: 'x' }),
    chatCall('c', 'files__read', '{"path": "x"'),
    chatCall('d', 'files__show', { what: 'nothing' }),
    chatCall('e', 'files__read', { path: 'x' }),
  ];

  test('run side by side over servers, and each is answered, in order', async () => {
    const messages = await runOpenAIToolCalls(manager, mixed);
    expect(messages).toEqual([
      { role: 'tool', tool_call_id: 'a', content: '3' },
      {
        role: 'tool',
        tool_call_id: 'b',
        content: expect.stringContaining('Error: There is no tool "files__raed"; nearest: files__read'),
      },
      {
        role: 'tool',
        tool_call_id: 'c',
        content: expect.stringContaining('Error: The arguments are not valid JSON'),
      },
      { role: 'tool', tool_call_id: 'd', content: 'Error: nothing called nothing' },
      { role: 'tool', tool_call_id: 'e', content: 'content of x' },
    ]);
  });

  test('run as few at a time as asked for', async () => {
    const messages = await runOpenAIToolCalls(manager, mixed, { concurrency: 1 });
    expect(messages).toHaveLength(5);
  });

  test('are answered in the shape of the responses API, which may be mixed with other items', async () => {
    const items = [
      { type: 'reasoning' as const, id: 'rs_1', summary: [] },
      { type: 'function_call' as const, call_id: 'a', name: '1math__add', arguments: '{"a":1,"b":2}' },
      { type: 'web_search_call' as const, id: 'ws_1', status: 'completed' },
      { type: 'function_call' as const, call_id: 'b', name: 'nobody', arguments: '' },
    ];
    expect(await runOpenAIToolCalls(manager, items)).toEqual([
      { type: 'function_call_output', call_id: 'a', output: '3' },
      {
        type: 'function_call_output',
        call_id: 'b',
        output: expect.stringMatching(/^Error: There is no tool "nobody"/),
      },
    ]);
  });

  test('are answered in one message of the user for Anthropic, without those that Anthropic runs itself', async () => {
    const content = [
      { type: 'text', text: 'I shall add.' },
      { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
      { type: 'tool_use', id: 'a', name: '1math__add', input: { a: 1, b: 2 } },
      { type: 'tool_use', id: 't', name: 'click', input: {}, toolset_name: 'browser' },
      { type: 'tool_use', id: 'b', name: 'files__show', input: { what: 'error' } },
    ];
    expect(await runAnthropicToolUses(manager, content)).toEqual([
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: '3' }] },
          {
            type: 'tool_result',
            tool_use_id: 'b',
            content: [{ type: 'text', text: 'no such file' }],
            is_error: true,
          },
        ],
      },
    ]);
  });

  test('are answered in one content of the user for Gemini, under the names that it knows', async () => {
    const { tools } = await manager.listTools({ server: '1math' });
    expect(toGeminiTools(tools)[0]?.functionDeclarations[0]?.name).toBe('_1math__add');
    const calls = [
      { id: 'a', name: '_1math__add', args: { a: 1, b: 2 } },
      { name: 'files__show', args: { what: 'error' } },
      { functionCall: { name: 'files__show', args: { what: 'structured' } }, thoughtSignature: 'c2ln' },
      { text: 'a part that is no call' },
    ];
    expect(await runGeminiFunctionCalls(manager, calls)).toEqual([
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'a', name: '_1math__add', response: { output: '3' } } },
          { functionResponse: { name: 'files__show', response: { error: 'no such file' } } },
          { functionResponse: { name: 'files__show', response: { output: { answer: 42 } } } },
        ],
      },
    ]);
  });

  test('that are none need no answer', async () => {
    expect(await runOpenAIToolCalls(manager, [])).toEqual([]);
    expect(await runAnthropicToolUses(manager, [{ type: 'text', text: 'Done.' }])).toEqual([]);
    expect(await runGeminiFunctionCalls(manager, [])).toEqual([]);
  });

  test('of custom tools are left to the caller', async () => {
    const custom = { id: 'x', type: 'custom' as const, custom: { name: 'files__read', input: 'free text' } };
    expect(await runOpenAIToolCalls(manager, [custom, chatCall('a', '1math__add', { a: 1, b: 1 })])).toEqual([
      { role: 'tool', tool_call_id: 'a', content: '2' },
    ]);
  });

  test('with the same id run once', async () => {
    const before = fleet.math.calls.length;
    const twice = [chatCall('a', '1math__add', { a: 1, b: 1 }), chatCall('a', '1math__add', { a: 1, b: 1 })];
    expect(await runOpenAIToolCalls(manager, twice)).toEqual([
      { role: 'tool', tool_call_id: 'a', content: '2' },
    ]);
    expect(fleet.math.calls).toHaveLength(before + 1);
    // Gemini's may have none.
    const call = { name: '_1math__add', args: { a: 1, b: 1 } };
    const [content] = await runGeminiFunctionCalls(manager, [call, call]);
    expect(content?.parts).toHaveLength(2);
  });
});

describe('arguments', () => {
  test.each(['', '  ', 'null', '{}'])('%j are none', async (input) => {
    expect(await answer('files__search', input)).toBe('{}');
  });

  test.each([
    ['[1]', 'an array'],
    ['"text"', 'a string'],
    ['7', 'a number'],
  ])('%s are refused with what is expected', async (input, kind) => {
    const text = await answer('files__read', input);
    expect(text).toBe(
      `Error: The arguments are ${kind} in JSON, not an object. Nothing was run. Give one JSON object with: path (required), limit.`,
    );
  });

  test('that are nested without end are refused', async () => {
    const text = await answer('files__search', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
    expect(text).toMatch(/^Error: /);
    expect(await answer('1math__add', { a: 1, b: 1 })).toBe('2');
  });

  test('are told to be wrong by the server', async () => {
    expect(await answer('files__read', { path: 7 })).toMatch(/^Error: .*path/s);
  });

  test('arrive without null for what is optional, and under their own names', async () => {
    await answer('files__read', { path: 'x', limit: null });
    expect(fleet.files.calls.at(-1)).toEqual({ tool: 'read', arguments: { path: 'x' } });
    const { tools } = await manager.listTools();
    const search = toAISDKTools(manager, tools).files__search;
    const [name = ''] = Object.keys(search?.inputSchema.jsonSchema.properties as object);
    expect(name).toMatch(/^search_term_[0-9a-f]{10}$/);
    const content = [{ type: 'tool_use', id: 'a', name: 'files__search', input: { [name]: 'x' } }];
    await runAnthropicToolUses(manager, content);
    expect(fleet.files.calls.at(-1)?.arguments).toEqual({ 'search term': 'x' });
    expect(await answer('files__search', { 'search term': null })).toBe('{"search term":null}');
    expect(await answer('files__search', { 'search term': null }, { strict: true })).toBe('{}');
  });
});

describe('tools', () => {
  test('that were not offered are not run', async () => {
    const { tools } = await manager.listTools({ server: '1math' });
    const before = fleet.files.calls.length;
    const text = await answer('files__read', { path: 'x' }, { tools });
    expect(text).toBe(
      'Error: There is no tool "files__read"; nearest: 1math__add. Call one of the tools by its exact name.',
    );
    expect(fleet.files.calls).toHaveLength(before);
    expect(await answer('1math__add', { a: 1, b: 1 }, { tools })).toBe('2');
  });

  test('are found by a manager that has listed none yet', async () => {
    await using other = testFleet();
    const calls = [
      chatCall('a', 'files__read', { path: 'x', limit: null }),
      chatCall('b', 'files__raed', {}),
    ];
    const messages = await runOpenAIToolCalls(other.manager, calls);
    expect(messages.map((message) => 'content' in message && message.content)).toEqual([
      'content of x',
      expect.stringContaining('nearest: files__read'),
    ]);
    // The other server had no part in it.
    expect(other.manager.client('1math').status).toBe('idle');
  });

  test('of a server that is away are answered with what happened', async () => {
    await using other = testFleet();
    await other.math.close();
    const calls = [chatCall('a', '1math__add', { a: 1, b: 1 }), chatCall('b', 'files__read', { path: 'x' })];
    const messages = await runOpenAIToolCalls(other.manager, calls, { timeoutMs: 2_000 });
    expect(messages).toEqual([
      { role: 'tool', tool_call_id: 'a', content: expect.stringMatching(/^Error: .+/) },
      { role: 'tool', tool_call_id: 'b', content: 'content of x' },
    ]);
  });

  test('whose fate is unknown are not recommended for another try', async () => {
    const text = await answer('files__wait', {}, { timeoutMs: 50 });
    expect(text).toContain('It is not known whether the tool ran: find out before calling it again.');
  });
});

describe('an abort', () => {
  test('rejects with its reason, and cancels what runs', async () => {
    const leave = new AbortController();
    const reason = new Error('the user left');
    const running = runOpenAIToolCalls(
      manager,
      [chatCall('a', 'files__wait', {}), chatCall('b', '1math__add', { a: 1, b: 2 })],
      { signal: leave.signal },
    );
    const rejected = expect(running).rejects.toBe(reason);
    leave.abort(reason);
    await rejected;
  });

  test('before the first call runs none', async () => {
    const before = fleet.math.calls.length;
    const reason = new Error('too late');
    const options = { signal: AbortSignal.abort(reason) };
    const uses = [{ type: 'tool_use', id: 'a', name: '1math__add', input: { a: 1, b: 2 } }];
    await expect(runAnthropicToolUses(manager, uses, options)).rejects.toBe(reason);
    expect(fleet.math.calls).toHaveLength(before);
  });
});

test('a bad option is the fault of the caller, not of the model', async () => {
  const calls = [chatCall('a', '1math__add', { a: 1, b: 2 })];
  await expect(runOpenAIToolCalls(manager, calls, { timeoutMs: -1 })).rejects.toBeInstanceOf(ConfigError);
});

test.each<[string, () => unknown, string]>([
  [
    'no calls',
    () => runOpenAIToolCalls(manager, undefined as never),
    'calls: expected a list, such as `message.tool_calls ?? []`, or `response.output`; got undefined',
  ],
  ['a whole message', () => runOpenAIToolCalls(manager, { role: 'assistant' } as never), 'got an object'],
  ['a call that is none', () => runOpenAIToolCalls(manager, [null] as never), 'calls.0: expected an object'],
  ['text', () => runAnthropicToolUses(manager, 'Hello' as never), '`message.content`; got a string'],
  [
    'no calls of Gemini',
    () => runGeminiFunctionCalls(manager, undefined as never),
    '`response.functionCalls ?? []`',
  ],
  [
    'no manager',
    () => runOpenAIToolCalls(undefined as never, []),
    'manager: expected an McpManager or what its as() returns, got undefined',
  ],
  ['no offer', () => runOpenAIToolCalls(manager, [], { tools: {} as never }), 'tools: expected a list'],
  [
    'a report',
    async () => toGeminiTools((await manager.listTools()) as never),
    '`await manager.listTools()`',
  ],
  ['no tools', () => toOpenAITools(undefined as never), 'tools: expected a list'],
  ['names of tools', () => toAnthropicTools(['a'] as never), 'tools.0: expected an object, got a string'],
  ['tools without a name', () => toAISDKTools(manager, [{}] as never), 'tools.0.name: expected a text'],
])('%s in the place of a list is told to its caller', async (_what, use, message) => {
  const error = await Promise.resolve()
    .then(use)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).message).toContain(message);
});

test('what an interceptor throws stays out of the conversation', async () => {
  await using other = testFleet();
  const refusing = () => async () => {
    throw new Error('token-123');
  };
  await using guarded = new McpManager({
    servers: { files: { ...other.files.config, interceptors: [refusing] } },
  });
  const messages = await runOpenAIToolCalls(guarded, [chatCall('a', 'files__read', { path: 'x' })]);
  expect(messages).toEqual([{ role: 'tool', tool_call_id: 'a', content: 'Error: The call failed.' }]);
});
