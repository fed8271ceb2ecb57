import type { ShownPart } from './media.js';

export interface GeminiInlineData {
  inlineData: { mimeType: string; data: string };
}

export type GeminiPart = { text: string } | GeminiInlineData;

export function geminiPart(part: ShownPart): GeminiPart {
  if (part.type === 'text') return { text: part.text };
  return { inlineData: { mimeType: part.mimeType, data: part.data } };
}
