export {
  type AISDKContent,
  type AISDKMessage,
  promptToAISDKMessages,
  resourceToAISDKContent,
} from './llm/ai-sdk-context.js';
export {
  type AISDKSchema,
  type AISDKTool,
  type AISDKToolOptions,
  type AISDKToolOutput,
  toAISDKTools,
} from './llm/ai-sdk-tools.js';
export {
  type AnthropicRunOptions,
  type AnthropicToolResult,
  type AnthropicToolResultMessage,
  runAnthropicToolUses,
} from './llm/anthropic-calls.js';
export type { AnthropicContent, AnthropicImageType } from './llm/anthropic-content.js';
export {
  type AnthropicMessage,
  promptToAnthropicMessages,
  resourceToAnthropicContent,
} from './llm/anthropic-context.js';
export { type AnthropicTool, type AnthropicToolOptions, toAnthropicTools } from './llm/anthropic-tools.js';
export type { RestoringOptions } from './llm/argument-restoring.js';
export {
  type GeminiFunctionResponse,
  type GeminiFunctionResponseContent,
  type GeminiRunOptions,
  runGeminiFunctionCalls,
} from './llm/gemini-calls.js';
export type { GeminiInlineData, GeminiPart } from './llm/gemini-content.js';
export {
  type GeminiContent,
  promptToGeminiContents,
  resourceToGeminiParts,
} from './llm/gemini-context.js';
export {
  type GeminiFunctionDeclaration,
  type GeminiTool,
  type GeminiToolOptions,
  toGeminiTools,
} from './llm/gemini-tools.js';
export type { MediaOptions } from './llm/media.js';
export {
  type OpenAIAnswer,
  type OpenAIFunctionCallOutput,
  type OpenAIMediaMessage,
  type OpenAIRunOptions,
  type OpenAIToolMessage,
  runOpenAIToolCalls,
} from './llm/openai-calls.js';
export type { OpenAIChatContent, OpenAIResponsesContent } from './llm/openai-content.js';
export {
  type OpenAIChatMessage,
  type OpenAIContent,
  type OpenAIContextOptions,
  type OpenAIMessage,
  type OpenAIResponsesMessage,
  promptToOpenAIMessages,
  resourceToOpenAIContent,
} from './llm/openai-context.js';
export {
  type OpenAIApi,
  type OpenAIChatTool,
  type OpenAIResponsesTool,
  type OpenAITool,
  type OpenAIToolOptions,
  toOpenAITools,
} from './llm/openai-tools.js';
export { resourceToText, resultToText } from './llm/result-text.js';
export type { SchemaLoss, SchemaOptions } from './llm/schema-loss.js';
export type { RunOptions } from './llm/tool-calls.js';
export { type MediaKind, VENDOR_LIMITS } from './llm/vendor-limits.js';
export type { FleetToolCall } from './manager/fleet.js';
