import { Ajv2020 } from 'ajv/dist/2020.js';
import { McpManager } from 'mcp-fleet';
import { type SchemaLoss, toAISDKTools, toAnthropicTools, toGeminiTools, toOpenAITools } from 'mcp-fleet/llm';
import { describe, expect, test } from 'vitest';
import { ODD_SCHEMAS, type OddName, oddTool, READABLE } from './odd-schemas.js';
import { breaksAnthropic, breaksAny, breaksGemini, breaksOpenAI, breaksStrict } from './vendor-rules.js';

const names = Object.keys(ODD_SCHEMAS) as OddName[];
const ajv = new Ajv2020({ strict: false, validateFormats: false });

const converted = {
  'openai-strict': (name: OddName) =>
    toOpenAITools([oddTool(name)], { strict: true })[0]?.function.parameters ?? {},
  openai: (name: OddName) => toOpenAITools([oddTool(name)])[0]?.function.parameters ?? {},
  anthropic: (name: OddName) => toAnthropicTools([oddTool(name)])[0]?.input_schema ?? {},
  gemini: (name: OddName) =>
    toGeminiTools([oddTool(name)])[0]?.functionDeclarations[0]?.parametersJsonSchema ?? {},
};

test('the odd schemas are many', () => {
  expect(names.length).toBeGreaterThanOrEqual(40);
});

describe.each(names)('%s', (name) => {
  test('keeps to the rules of each vendor', () => {
    const [tool] = toOpenAITools([oddTool(name)], { strict: true });
    if (tool?.function.strict) expect(breaksStrict(tool.function.parameters)).toEqual([]);
    else expect(breaksOpenAI(tool?.function.parameters ?? {})).toEqual([]);
    expect(breaksOpenAI(converted.openai(name))).toEqual([]);
    expect(breaksAnthropic(converted.anthropic(name))).toEqual([]);
    expect(breaksGemini(converted.gemini(name))).toEqual([]);
    for (const convert of Object.values(converted)) expect(breaksAny(convert(name))).toEqual([]);
  });

  test('is a valid schema of 2020-12 for each vendor', () => {
    for (const convert of Object.values(converted)) {
      const schema = convert(name);
      expect(ajv.validateSchema(schema), JSON.stringify(ajv.errors)).toBe(true);
      expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
    }
  });
});

describe.each(READABLE)('%s', (name) => {
  test('comes out the same each time, from an input that stays as it was', () => {
    const before = JSON.stringify(ODD_SCHEMAS[name]);
    for (const convert of Object.values(converted)) {
      expect(JSON.stringify(convert(name))).toBe(JSON.stringify(convert(name)));
    }
    expect(JSON.stringify(ODD_SCHEMAS[name])).toBe(before);
  });
});

test.each(Object.keys(converted) as (keyof typeof converted)[])(
  'the golden schemas of %s',
  async (vendor) => {
    const losses: SchemaLoss[] = [];
    const onLoss = (loss: SchemaLoss) => losses.push(loss);
    const tools = READABLE.map(oddTool);
    const result = {
      'openai-strict': () => toOpenAITools(tools, { strict: true, onLoss }),
      openai: () => toOpenAITools(tools, { onLoss }),
      anthropic: () => toAnthropicTools(tools, { onLoss }),
      gemini: () => toGeminiTools(tools, { onLoss }),
    }[vendor]();
    await expect(golden({ tools: result, losses })).toMatchFileSnapshot(`golden/odd-${vendor}.jsonl`);
  },
);

test('the AI SDK is given what Anthropic is given, as it leaves schemas to the provider', async () => {
  await using manager = new McpManager();
  const tools = toAISDKTools(manager, READABLE.map(oddTool));
  expect(Object.values(tools).map((tool) => tool.inputSchema.jsonSchema)).toEqual(
    READABLE.map(converted.anthropic),
  );
});

/** One line for each tool and loss. */
function golden({ tools, losses }: { tools: readonly object[]; losses: readonly SchemaLoss[] }): string {
  const [first] = tools as { functionDeclarations?: object[] }[];
  const lines = [...(first?.functionDeclarations ?? tools), ...losses];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
