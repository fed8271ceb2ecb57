import type { GetPromptResult, ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import { type MediaOptions, type ShownPart, shownParts } from './media.js';
import { contentParts, fileName, partText, resourceParts } from './result-parts.js';

export type AISDKContent =
  | { type: 'text'; text: string }
  | { type: 'file'; data: string; mediaType: string; filename?: string };

export type AISDKMessage = { role: 'user'; content: AISDKContent[] } | { role: 'assistant'; content: string };

/** What `manager.getPrompt` returns, as model messages. Those of the assistant are text only: media become words. */
export function promptToAISDKMessages(prompt: GetPromptResult, options: MediaOptions = {}): AISDKMessage[] {
  return prompt.messages.map(({ role, content }) => {
    const parts = contentParts(content);
    if (role === 'assistant') return { role, content: parts.map(partText).join('\n') };
    return { role, content: shownParts(parts, 'any', options).map(aiSDKContent) };
  });
}

/** What `manager.readResource` returns, as parts of a user's message. */
export function resourceToAISDKContent(
  { contents }: ReadResourceResult,
  options: MediaOptions = {},
): AISDKContent[] {
  return shownParts(resourceParts(contents), 'any', options).map(aiSDKContent);
}

function aiSDKContent(part: ShownPart): AISDKContent {
  if (part.type === 'text') return part;
  return {
    type: 'file',
    data: part.data,
    mediaType: part.mimeType,
    ...(part.uri !== undefined && { filename: fileName(part) }),
  };
}
