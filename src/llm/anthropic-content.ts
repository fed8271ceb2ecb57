import type { ShownPart } from './media.js';
import type { VENDOR_MEDIA } from './vendor-limits.js';

export type AnthropicContent =
  | { type: 'text'; text: string }
  | { type: 'image'; source: { type: 'base64'; media_type: AnthropicImageType; data: string } }
  | {
      type: 'document';
      source:
        | { type: 'base64'; media_type: 'application/pdf'; data: string }
        | { type: 'text'; media_type: 'text/plain'; data: string };
      title?: string;
    };

export type AnthropicImageType = (typeof VENDOR_MEDIA)['anthropic']['image'][number];

/** Nothing for a text without a letter, which is refused. */
export function anthropicContent(part: ShownPart): AnthropicContent[] {
  if (part.type === 'text') return part.text.trim() === '' ? [] : [part];
  if (part.kind === 'image') {
    const media_type = part.mimeType as AnthropicImageType;
    return [{ type: 'image', source: { type: 'base64', media_type, data: part.data } }];
  }
  return [
    {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: part.data },
      ...(part.uri !== undefined && { title: part.uri }),
    },
  ];
}
