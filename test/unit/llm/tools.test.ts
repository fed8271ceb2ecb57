import { generateText, stepCountIs } from 'ai';
import { MockLanguageModelV3 } from 'ai/test';
import type { FleetTool } from 'mcp-fleet';
import { toAISDKTools, toAnthropicTools, toGeminiTools, toOpenAITools, VENDOR_LIMITS } from 'mcp-fleet/llm';
import { describe, expect, test } from 'vitest';
import { testFleet } from './fleet.js';
import { toolWith } from './odd-schemas.js';

const inputSchema = { type: 'object' as const, properties: { path: { type: 'string' } }, required: ['path'] };
const tool: FleetTool = { ...toolWith(inputSchema, 'read'), description: 'Reads a file.' };

describe('a tool', () => {
  test('has the shape that each vendor wants', () => {
    expect(toOpenAITools([tool])).toEqual([
      {
        type: 'function',
        function: { name: 'odd__read', description: 'Reads a file.', parameters: inputSchema },
      },
    ]);
    const parameters = { ...inputSchema, additionalProperties: false };
    expect(toOpenAITools([tool], { strict: true })).toEqual([
      {
        type: 'function',
        function: { name: 'odd__read', description: 'Reads a file.', parameters, strict: true },
      },
    ]);
    expect(toOpenAITools([tool], { api: 'responses' })).toEqual([
      {
        type: 'function',
        name: 'odd__read',
        description: 'Reads a file.',
        parameters: inputSchema,
        strict: false,
      },
    ]);
    expect(toAnthropicTools([tool])).toEqual([
      { name: 'odd__read', description: 'Reads a file.', input_schema: inputSchema },
    ]);
    expect(toGeminiTools([tool])).toEqual([
      {
        functionDeclarations: [
          { name: 'odd__read', description: 'Reads a file.', parametersJsonSchema: inputSchema },
        ],
      },
    ]);
  });

  test('without a description has its title', () => {
    const titled = { ...toolWith(inputSchema), title: 'Read', description: ' ' };
    expect(toAnthropicTools([titled])[0]?.description).toBe('Read');
    const annotated = { ...toolWith(inputSchema), annotations: { title: 'Read it' } };
    expect(toAnthropicTools([annotated])[0]?.description).toBe('Read it');
    expect(toAnthropicTools([toolWith(inputSchema)])[0]).not.toHaveProperty('description');
  });

  test('whose description is too long for OpenAI tells it all in its schema', () => {
    const description = 'word '.repeat(1_000);
    const [long] = toOpenAITools([{ ...tool, description }]);
    expect(long?.function.description).toHaveLength(VENDOR_LIMITS.openai.toolDescriptionLength);
    expect(long?.function.parameters.description).toBe(description);
    expect(toAnthropicTools([{ ...tool, description }])[0]?.description).toBe(description);
  });

  test('is one of several, in the order given; none are none', () => {
    const tools = ['b', 'a', 'c'].map((name) => toolWith(inputSchema, name));
    const names = ['odd__b', 'odd__a', 'odd__c'];
    expect(toOpenAITools(tools).map((one) => one.function.name)).toEqual(names);
    expect(toAnthropicTools(tools).map((one) => one.name)).toEqual(names);
    expect(toGeminiTools(tools)[0]?.functionDeclarations.map((one) => one.name)).toEqual(names);
    expect(toGeminiTools([])).toEqual([]);
  });
});

test('losses are told tool by tool, and none where there are none', () => {
  const losses: string[] = [];
  const onLoss = ({
    tool,
    path,
    keyword,
    fate,
  }: {
    tool: string;
    path: string;
    keyword: string;
    fate: string;
  }) => losses.push(`${tool} ${path} ${keyword} ${fate}`);
  const limited = toolWith(
    { type: 'object', properties: { a: { type: 'string', maxLength: 3 } } },
    'limited',
  );
  const open = toolWith({ type: 'object', additionalProperties: { type: 'string' } }, 'open');
  toOpenAITools([tool, limited, open], { strict: true, onLoss });
  expect(losses).toEqual([
    'odd__limited /properties/a/maxLength maxLength described',
    'odd__open  strict dropped',
  ]);
  losses.length = 0;
  toOpenAITools([tool, limited, open], { onLoss });
  toAnthropicTools([tool, limited, open], { onLoss });
  expect(losses).toEqual([]);
});

test('a conversation of the real AI SDK runs tools of two servers', async () => {
  await using fleet = testFleet();
  const { tools } = await fleet.manager.listTools();
  const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } } as never;
  const call = (toolCallId: string, toolName: string, input: object) =>
    ({ type: 'tool-call', toolCallId, toolName, input: JSON.stringify(input) }) as const;
  const model = new MockLanguageModelV3({
    doGenerate: [
      {
        content: [call('a', '1math__add', { a: 1, b: 2 }), call('b', 'files__show', { what: 'image' })],
        finishReason: { unified: 'tool-calls', raw: undefined },
        usage,
        warnings: [],
      },
      {
        content: [{ type: 'text', text: 'Done.' }],
        finishReason: { unified: 'stop', raw: undefined },
        usage,
        warnings: [],
      },
    ],
  });
  const { text } = await generateText({
    model,
    tools: toAISDKTools(fleet.manager, tools),
    prompt: 'Add, and show.',
    stopWhen: stepCountIs(3),
  });
  expect(text).toBe('Done.');
  const [first, second] = model.doGenerateCalls;
  expect(first?.tools?.find(({ name }) => name === '1math__add')).toMatchObject({
    inputSchema: {
      type: 'object',
      properties: { a: { type: 'number' }, b: { type: 'number' } },
      required: ['a', 'b'],
    },
  });
  expect(second?.prompt.at(-1)).toMatchObject({
    role: 'tool',
    content: [
      { toolCallId: 'a', output: { type: 'content', value: [{ type: 'text', text: '3' }] } },
      {
        toolCallId: 'b',
        output: { type: 'content', value: [{ text: 'Look:' }, { mediaType: 'image/png' }] },
      },
    ],
  });
});
