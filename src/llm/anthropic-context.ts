import type { GetPromptResult, ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import { type AnthropicContent, anthropicContent } from './anthropic-content.js';
import { type MediaOptions, shownParts } from './media.js';
import { contentParts, partText, resourceParts } from './result-parts.js';

export interface AnthropicMessage {
  role: 'user' | 'assistant';
  content: AnthropicContent[];
}

/**
 * What `manager.getPrompt` returns, as messages. Those of the assistant are text only: media become words. A message
 * without any text is left out, as Anthropic refuses it.
 */
export function promptToAnthropicMessages(
  prompt: GetPromptResult,
  options: MediaOptions = {},
): AnthropicMessage[] {
  return prompt.messages
    .map(({ role, content }) => {
      const accepts = role === 'assistant' ? { accepts: [] } : options;
      return {
        role,
        content: shownParts(contentParts(content), 'anthropic', accepts).flatMap(anthropicContent),
      };
    })
    .filter(({ content }) => content.length > 0);
}

/** What `manager.readResource` returns, as parts of a user's message: texts are documents, titled with their URI. */
export function resourceToAnthropicContent(
  { contents }: ReadResourceResult,
  options: MediaOptions = {},
): AnthropicContent[] {
  return resourceParts(contents).flatMap((part): AnthropicContent[] => {
    if (part.type === 'media') return shownParts([part], 'anthropic', options).flatMap(anthropicContent);
    if (part.text.trim() === '') return [{ type: 'text', text: partText(part) }];
    return [
      {
        type: 'document',
        source: { type: 'text', media_type: 'text/plain', data: part.text },
        ...(part.uri !== undefined && { title: part.uri }),
      },
    ];
  });
}
