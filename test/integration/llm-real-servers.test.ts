import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FleetTool, McpManager } from 'mcp-fleet';
import {
  runOpenAIToolCalls,
  type SchemaLoss,
  toAnthropicTools,
  toGeminiTools,
  toOpenAITools,
} from 'mcp-fleet/llm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { everythingStdio } from '../fixtures/everything-server.js';
import { type FilesystemServer, filesystemServer } from '../fixtures/filesystem-server.js';
import { breaksAnthropic, breaksGemini, breaksOpenAI, breaksStrict } from '../unit/llm/vendor-rules.js';

let manager: McpManager;
let files: FilesystemServer;
let tools: FleetTool[];

beforeAll(async () => {
  files = await filesystemServer();
  const script = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-memory/dist/index.js');
  manager = new McpManager({
    servers: {
      everything: everythingStdio,
      files: { command: files.command, args: files.args },
      memory: {
        command: process.execPath,
        args: [script],
        env: { MEMORY_FILE_PATH: join(tmpdir(), `mcp-fleet-memory-${process.pid}.jsonl`) },
      },
    },
  });
  const listed = await manager.listTools();
  expect(listed.failed).toEqual([]);
  tools = listed.tools;
});
afterAll(async () => {
  await manager.close();
  await files.close();
});

const vendors = {
  'openai-strict': (onLoss: (loss: SchemaLoss) => void) => toOpenAITools(tools, { strict: true, onLoss }),
  'openai-responses': (onLoss: (loss: SchemaLoss) => void) =>
    toOpenAITools(tools, { api: 'responses', onLoss }),
  anthropic: (onLoss: (loss: SchemaLoss) => void) => toAnthropicTools(tools, { onLoss }),
  gemini: (onLoss: (loss: SchemaLoss) => void) =>
    toGeminiTools(tools, { onLoss })[0]?.functionDeclarations ?? [],
};

test.each(Object.keys(vendors) as (keyof typeof vendors)[])(
  'the golden tools of everything, filesystem and memory for %s',
  async (vendor) => {
    const losses: SchemaLoss[] = [];
    const lines = [...vendors[vendor]((loss) => losses.push(loss)), ...losses];
    const golden = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    await expect(golden).toMatchFileSnapshot(`golden/llm-${vendor}.jsonl`);
  },
);

test('the tools keep to the rules of each vendor, and each of them to those of strict mode', () => {
  expect(tools.length).toBeGreaterThan(30);
  for (const { function: definition } of toOpenAITools(tools, { strict: true })) {
    expect(definition.strict, definition.name).toBe(true);
    expect(breaksStrict(definition.parameters)).toEqual([]);
  }
  expect(toOpenAITools(tools).flatMap((tool) => breaksOpenAI(tool.function.parameters))).toEqual([]);
  expect(toAnthropicTools(tools).flatMap((tool) => breaksAnthropic(tool.input_schema))).toEqual([]);
  const [gemini] = toGeminiTools(tools);
  expect(gemini?.functionDeclarations.flatMap((one) => breaksGemini(one.parametersJsonSchema))).toEqual([]);
});

test('calls as a model in strict mode writes them reach the servers as they want them', async () => {
  const call = (id: string, name: string, input: object) => ({
    id,
    type: 'function' as const,
    function: { name, arguments: JSON.stringify(input) },
  });
  const path = join(files.directory, 'notes.txt');
  const calls = [
    call('a', 'files__read_text_file', { path, head: null, tail: null }),
    call('b', 'everything__get-annotated-message', { messageType: 'success', includeImage: null }),
    call('c', 'everything__get-structured-content', { location: 'Chicago' }),
    call('d', 'everything__get-resource-links', { count: null }),
    call('e', 'everything__get-tiny-image', {}),
  ];
  const messages = await runOpenAIToolCalls(manager, calls, { strict: true });
  const texts = messages.map((message) => message.content);
  expect(texts[0]).toBe('The answer is 42.\n');
  expect(texts[1]).toContain('successful');
  expect(JSON.parse(String(texts[2]))).toMatchObject({ conditions: expect.any(String) });
  expect(texts[3]).toContain('Link to resource ');
  expect(texts[4]).toContain('Attachment 1 (image/png');
  expect(messages.at(-1)).toMatchObject({ role: 'user', content: [{ type: 'text' }, { type: 'image_url' }] });
});
