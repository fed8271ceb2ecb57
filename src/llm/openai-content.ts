import type { ShownPart } from './media.js';
import { dataUrl, fileName, type MediaPart } from './result-parts.js';

/** A part of the content of a user's message in chat completions. */
export type OpenAIChatContent =
  | { type: 'text'; text: string }
  | { type: 'image_url'; image_url: { url: string } }
  | { type: 'input_audio'; input_audio: { data: string; format: 'wav' | 'mp3' } }
  | { type: 'file'; file: { filename: string; file_data: string } };

/** A part of the content of an input message, or of a function's output, in responses. */
export type OpenAIResponsesContent =
  | { type: 'input_text'; text: string }
  | { type: 'input_image'; image_url: string; detail: 'auto' }
  | { type: 'input_file'; filename: string; file_data: string };

export function chatContent(part: ShownPart): OpenAIChatContent {
  if (part.type === 'text') return part;
  if (part.kind === 'image') return { type: 'image_url', image_url: { url: dataUrl(part) } };
  if (part.kind === 'file')
    return { type: 'file', file: { filename: fileName(part), file_data: dataUrl(part) } };
  const format = part.mimeType === 'audio/wav' ? 'wav' : 'mp3';
  return { type: 'input_audio', input_audio: { data: part.data, format } };
}

export function responsesContent(part: ShownPart): OpenAIResponsesContent {
  if (part.type === 'text') return { type: 'input_text', text: part.text };
  if (part.kind === 'image') return { type: 'input_image', image_url: dataUrl(part), detail: 'auto' };
  return { type: 'input_file', filename: fileName(part), file_data: dataUrl(part) };
}

/** Responses take no audio in messages and outputs. */
export function isForResponses(part: MediaPart): boolean {
  return part.kind === 'image' || part.kind === 'file';
}
