import type Anthropic from '@anthropic-ai/sdk';
import type { Content, FunctionCall, Part, ToolListUnion } from '@google/genai';
import type { CallToolResult, GetPromptResult, ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import type { ModelMessage, ToolSet } from 'ai';
import type { CallOptions, FleetTool, McpManager } from 'mcp-fleet';
import * as llm from 'mcp-fleet/llm';
import type { OpenAI } from 'openai';
import { assertType, describe, expectTypeOf, test } from 'vitest';

declare const manager: McpManager;
declare const tools: FleetTool[];
declare const prompt: GetPromptResult;
declare const resource: ReadResourceResult;

describe('the contract', () => {
  test('is kept by each function', () => {
    type Tools = readonly FleetTool[];
    type Run = (manager: McpManager, calls: readonly object[], options?: CallOptions) => Promise<object[]>;
    expectTypeOf(llm.toOpenAITools).toExtend<
      (tools: Tools, options?: { api?: 'chat' | 'responses'; strict?: boolean }) => object[]
    >();
    expectTypeOf(llm.toAnthropicTools).toExtend<(tools: Tools) => object[]>();
    expectTypeOf(llm.toGeminiTools).toExtend<(tools: Tools) => object[]>();
    expectTypeOf(llm.toAISDKTools).toExtend<
      (manager: McpManager, tools: Tools, options?: CallOptions) => Record<string, object>
    >();
    expectTypeOf(llm.runOpenAIToolCalls).toExtend<Run>();
    expectTypeOf(llm.runAnthropicToolUses).toExtend<Run>();
    expectTypeOf(llm.runGeminiFunctionCalls).toExtend<Run>();
    expectTypeOf(llm.resultToText).toEqualTypeOf<(result: CallToolResult) => string>();
  });
});

describe("OpenAI's own types", () => {
  test('take the tools of both interfaces', () => {
    assertType<OpenAI.Chat.ChatCompletionTool[]>(llm.toOpenAITools(tools));
    assertType<OpenAI.Chat.ChatCompletionTool[]>(llm.toOpenAITools(tools, { api: 'chat', strict: true }));
    assertType<OpenAI.Responses.Tool[]>(llm.toOpenAITools(tools, { api: 'responses' }));
    // @ts-expect-error tools of chat completions are none of responses
    assertType<OpenAI.Responses.Tool[]>(llm.toOpenAITools(tools, { api: 'chat' }));
  });

  test('take the answers to calls', async () => {
    const { tool_calls: calls = [] } = {} as OpenAI.Chat.ChatCompletionMessage;
    const messages = await llm.runOpenAIToolCalls(manager, calls, { accepts: ['image'], strict: true });
    assertType<OpenAI.Chat.ChatCompletionMessageParam[]>(messages);
    const { output } = {} as OpenAI.Responses.Response;
    const items = await llm.runOpenAIToolCalls(manager, output);
    assertType<OpenAI.Responses.ResponseInputItem[]>(items);
    const functionCalls = output.filter((item) => item.type === 'function_call');
    assertType<OpenAI.Responses.ResponseInputItem[]>(await llm.runOpenAIToolCalls(manager, functionCalls));
    // @ts-expect-error answers of responses are no messages of chat completions
    assertType<OpenAI.Chat.ChatCompletionMessageParam[]>(items);
  });

  test('take prompts and resources', () => {
    assertType<OpenAI.Chat.ChatCompletionMessageParam[]>(llm.promptToOpenAIMessages(prompt));
    assertType<OpenAI.Responses.ResponseInput>(llm.promptToOpenAIMessages(prompt, { api: 'responses' }));
    assertType<OpenAI.Chat.ChatCompletionContentPart[]>(llm.resourceToOpenAIContent(resource));
    assertType<OpenAI.Responses.ResponseInputContent[]>(
      llm.resourceToOpenAIContent(resource, { api: 'responses' }),
    );
  });
});

describe("Anthropic's own types", () => {
  test('take tools, answers, prompts and resources', async () => {
    assertType<Anthropic.ToolUnion[]>(llm.toAnthropicTools(tools));
    const { content } = {} as Anthropic.Message;
    assertType<Anthropic.MessageParam[]>(await llm.runAnthropicToolUses(manager, content));
    assertType<Anthropic.MessageParam[]>(llm.promptToAnthropicMessages(prompt));
    assertType<Anthropic.ContentBlockParam[]>(llm.resourceToAnthropicContent(resource));
  });
});

describe("Gemini's own types", () => {
  test('take tools, answers, prompts and resources', async () => {
    assertType<ToolListUnion>(llm.toGeminiTools(tools));
    const calls: FunctionCall[] = [];
    const parts: Part[] = [];
    assertType<Content[]>(await llm.runGeminiFunctionCalls(manager, calls));
    assertType<Content[]>(await llm.runGeminiFunctionCalls(manager, parts));
    assertType<Content[]>(llm.promptToGeminiContents(prompt));
    assertType<Part[]>(llm.resourceToGeminiParts(resource));
  });
});

describe("the AI SDK's own types", () => {
  test('take tools, prompts and resources', () => {
    assertType<ToolSet>(llm.toAISDKTools(manager, tools));
    assertType<ModelMessage[]>(llm.promptToAISDKMessages(prompt));
    assertType<ModelMessage>({ role: 'user', content: llm.resourceToAISDKContent(resource) });
  });
});
