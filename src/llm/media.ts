import { type MediaPart, type Part, partText } from './result-parts.js';
import { type MediaKind, VENDOR_MEDIA } from './vendor-limits.js';

export interface MediaOptions {
  /** What the model takes besides text; the rest is told to it by type and size. @default what the vendor's models take */
  accepts?: readonly MediaKind[];
}

type Vendor = keyof typeof VENDOR_MEDIA | 'any';

/** What is shown to a model where the host says nothing else. Audio is left to the few models of OpenAI that hear. */
const ACCEPTED: Record<Vendor, readonly MediaKind[]> = {
  openai: ['image', 'file'],
  anthropic: ['image', 'file'],
  gemini: ['image', 'audio', 'video', 'file'],
  any: ['image', 'file'],
};

export type ShownPart = MediaPart | { readonly type: 'text'; readonly text: string };

/** Media that the model cannot be shown become words. */
export function shownParts(parts: readonly Part[], vendor: Vendor, options: MediaOptions): ShownPart[] {
  const accepted = options.accepts ?? ACCEPTED[vendor];
  return parts.map((part) => {
    const isShown = part.type === 'media' && accepted.includes(part.kind) && isTaken(part, vendor);
    return isShown ? part : { type: 'text', text: partText(part) };
  });
}

/** Nobody knows which vendor is behind the AI SDK: what any of them takes. */
function isTaken({ kind, mimeType }: MediaPart, vendor: Vendor): boolean {
  const vendors = vendor === 'any' ? Object.values(VENDOR_MEDIA) : [VENDOR_MEDIA[vendor]];
  return vendors.some((media) => (media[kind] as readonly string[]).includes(mimeType));
}
