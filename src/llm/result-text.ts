import type { CallToolResult, ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import { partText, resourceParts, resultParts } from './result-parts.js';

/**
 * A tool's result in words: its texts, resources and links one below the other, `structuredContent` as JSON unless
 * a text says the same, media by type and size. A failed one begins with `Error: `.
 */
export function resultToText(result: CallToolResult): string {
  const text = resultParts(result).map(partText).join('\n');
  return result.isError ? `Error: ${text}` : text;
}

/** What `manager.readResource` returns, in words: texts as they are, under their URI; media by type and size. */
export function resourceToText({ contents }: ReadResourceResult): string {
  return resourceParts(contents).map(partText).join('\n');
}
