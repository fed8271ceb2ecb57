import type {
  CallToolResult,
  ContentBlock,
  ReadResourceResult,
  ResourceLink,
} from '@modelcontextprotocol/sdk/types.js';
import { canonicalJson } from '../core/canonical-json.js';
import type { MediaKind } from './vendor-limits.js';

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
  /** Of the resource that the text is, if it is one. */
  readonly uri?: string;
}

export interface MediaPart {
  readonly type: 'media';
  readonly kind: MediaKind;
  /** Base64. */
  readonly data: string;
  readonly mimeType: string;
  /** Of the resource that it is, if it is one. */
  readonly uri?: string;
}

export type Part = TextPart | MediaPart;

type ResourceContents = ReadResourceResult['contents'][number];

/** What a tool answered. `structuredContent` is added as JSON, unless the texts say the same already. */
export function resultParts({ content, structuredContent }: CallToolResult): Part[] {
  const parts = content.map(contentPart);
  if (structuredContent === undefined) return parts;
  const texts = parts.filter((part) => part.type === 'text').map(({ text }) => text);
  if (isTold(structuredContent, texts)) return parts;
  return [...parts, { type: 'text', text: JSON.stringify(structuredContent) }];
}

/** Servers repeat it as JSON; many wrap what they have to say in an object, such as `{ result: 'the text' }`. */
function isTold(structured: Record<string, unknown>, texts: readonly string[]): boolean {
  if (texts.some((text) => says(text, structured))) return true;
  const [value, ...others] = Object.values(structured);
  if (value === undefined || others.length > 0) return false;
  if (texts.some((text) => says(text, value))) return true;
  const isList = Array.isArray(value) && value.length > 0 && value.length === texts.length;
  return isList && texts.every((text, position) => says(text, value[position]));
}

function says(text: string, value: unknown): boolean {
  return text === value || canonicalJson(parsed(text)) === canonicalJson(value);
}

export function contentPart(block: ContentBlock): Part {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'image':
    case 'audio':
      return mediaPart(block.type, block.data, block.mimeType);
    case 'resource_link':
      return { type: 'text', text: linkText(block) };
    case 'resource':
      return resourcePart(block.resource);
    default:
      return { type: 'text', text: JSON.stringify(block) };
  }
}

export function resourcePart(contents: ResourceContents): Part {
  const { uri, mimeType } = contents;
  if ('text' in contents) return { type: 'text', text: contents.text, uri };
  const type = mimeType ?? 'application/octet-stream';
  if (!isTextual(type)) return { ...mediaPart(kindOf(type), contents.blob, type), uri };
  return { type: 'text', text: Buffer.from(contents.blob, 'base64').toString('utf8'), uri };
}

/** A part in words: what a text model, or a vendor without that kind of media, is given. */
export function partText(part: Part): string {
  if (part.type === 'text') return part.uri === undefined ? part.text : `Resource ${part.uri}:\n${part.text}`;
  return `[${mediaName(part)}, not shown]`;
}

/** Such as `image/png, 12 kB`. */
export function mediaName({ mimeType, data, uri }: MediaPart): string {
  const bytes = Math.floor((data.length * 3) / 4);
  const size = bytes < 1_000 ? `${bytes} bytes` : `${Math.round(bytes / 1_000)} kB`;
  return `${mimeType}, ${size}${uri === undefined ? '' : `, ${uri}`}`;
}

/** Also what vendors want as the name of a file. */
export function fileName({ uri }: MediaPart): string {
  return uri?.split(/[?#]/)[0]?.split('/').filter(Boolean).at(-1) ?? 'file.pdf';
}

export function dataUrl({ mimeType, data }: MediaPart): string {
  return `data:${mimeType};base64,${data}`;
}

function mediaPart(kind: MediaKind, data: string, mimeType: string): MediaPart {
  return { type: 'media', kind, data, mimeType: usualType(mimeType) };
}

function linkText({ name, uri, title, description, mimeType }: ResourceLink): string {
  const details = [title ?? name, mimeType, description].filter((detail) => detail !== undefined);
  return `Link to resource ${uri} (${details.join('; ')})`;
}

function kindOf(mimeType: string): MediaKind {
  const kind = mimeType.split('/')[0];
  return kind === 'image' || kind === 'audio' || kind === 'video' ? kind : 'file';
}

function isTextual(mimeType: string): boolean {
  return /^(text\/|application\/(json|xml|yaml|javascript|x-ndjson)|[^;]*\+(json|xml)(;|$))/i.test(mimeType);
}

/** Without parameters, in lower case, and by the name that vendors know it by. */
function usualType(mimeType: string): string {
  const type = (mimeType.split(';')[0] ?? '').trim().toLowerCase();
  const usual: Record<string, string> = {
    'image/jpg': 'image/jpeg',
    'audio/mp3': 'audio/mpeg',
    'audio/x-wav': 'audio/wav',
    'audio/wave': 'audio/wav',
  };
  return Object.hasOwn(usual, type) ? (usual[type] as string) : type;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
