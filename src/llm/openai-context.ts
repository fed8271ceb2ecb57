import type { GetPromptResult, ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import { type MediaOptions, type ShownPart, shownParts } from './media.js';
import {
  chatContent,
  isForResponses,
  type OpenAIChatContent,
  type OpenAIResponsesContent,
  responsesContent,
} from './openai-content.js';
import type { OpenAIApi } from './openai-tools.js';
import { contentParts, type Part, partText, resourceParts } from './result-parts.js';

export type OpenAIChatMessage =
  | { role: 'user'; content: OpenAIChatContent[] }
  | { role: 'assistant'; content: string };

export type OpenAIResponsesMessage =
  | { role: 'user'; content: OpenAIResponsesContent[] }
  | { role: 'assistant'; content: string };

export interface OpenAIContextOptions<Api extends OpenAIApi = OpenAIApi> extends MediaOptions {
  /** @default 'chat' */
  api?: Api;
}

export type OpenAIMessage<Api extends OpenAIApi> = Api extends 'chat'
  ? OpenAIChatMessage
  : OpenAIResponsesMessage;
export type OpenAIContent<Api extends OpenAIApi> = Api extends 'chat'
  ? OpenAIChatContent
  : OpenAIResponsesContent;

/** What `manager.getPrompt` returns, as messages. Those of the assistant are text only: media become words. */
export function promptToOpenAIMessages<Api extends OpenAIApi = 'chat'>(
  prompt: GetPromptResult,
  options: OpenAIContextOptions<Api> = {},
): OpenAIMessage<Api>[] {
  return prompt.messages.map(({ role, content }) => {
    const parts = contentParts(content);
    const message =
      role === 'assistant'
        ? { role, content: parts.map(partText).join('\n') }
        : { role, content: contentOf(parts, options) };
    return message as OpenAIMessage<Api>;
  });
}

/** What `manager.readResource` returns, as parts of a user's message. */
export function resourceToOpenAIContent<Api extends OpenAIApi = 'chat'>(
  { contents }: ReadResourceResult,
  options: OpenAIContextOptions<Api> = {},
): OpenAIContent<Api>[] {
  return contentOf(resourceParts(contents), options) as OpenAIContent<Api>[];
}

function contentOf(
  parts: readonly Part[],
  options: OpenAIContextOptions,
): (OpenAIChatContent | OpenAIResponsesContent)[] {
  const shown = shownParts(parts, 'openai', options);
  if (options.api !== 'responses') return shown.map(chatContent);
  const taken = shown.map(
    (part): ShownPart =>
      part.type === 'text' || isForResponses(part) ? part : { type: 'text', text: partText(part) },
  );
  return taken.map(responsesContent);
}
