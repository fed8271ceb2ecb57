import type { GetPromptResult, ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import { type GeminiPart, geminiPart } from './gemini-content.js';
import { type MediaOptions, shownParts } from './media.js';
import { contentParts, resourceParts } from './result-parts.js';

export interface GeminiContent {
  role: 'user' | 'model';
  parts: GeminiPart[];
}

/** What `manager.getPrompt` returns, as contents; the assistant is `model`. */
export function promptToGeminiContents(prompt: GetPromptResult, options: MediaOptions = {}): GeminiContent[] {
  return prompt.messages.map(({ role, content }) => ({
    role: role === 'assistant' ? 'model' : 'user',
    parts: shownParts(contentParts(content), 'gemini', options).map(geminiPart),
  }));
}

/** What `manager.readResource` returns, as parts of a user's content. */
export function resourceToGeminiParts(
  { contents }: ReadResourceResult,
  options: MediaOptions = {},
): GeminiPart[] {
  return shownParts(resourceParts(contents), 'gemini', options).map(geminiPart);
}
