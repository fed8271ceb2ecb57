import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { canonicalJson } from '../core/canonical-json.js';
import { isObject } from './json-schema.js';
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

/** Where a server does not say which. */
const USUAL_MEDIA = { image: 'image/png', audio: 'audio/wav' } as const;

/** What a tool answered. `structuredContent` is added as JSON, unless the texts say the same already. */
export function resultParts({ content, structuredContent }: CallToolResult): Part[] {
  const parts = contentParts(content);
  if (!isObject(structuredContent)) return parts;
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

/** One block or several, as servers send them: text alone is a text block, and what is no block is shown as JSON. */
export function contentParts(content: unknown): Part[] {
  if (content === undefined || content === null) return [];
  return (Array.isArray(content) ? content : [content]).map(
    (block): Part => contentPart(block) ?? { type: 'text', text: wordsOf(block) },
  );
}

/** What a resource holds; an entry that holds nothing readable is shown as JSON. */
export function resourceParts(contents: unknown): Part[] {
  return (Array.isArray(contents) ? contents : []).map(
    (one): Part => resourcePart(one) ?? { type: 'text', text: wordsOf(one) },
  );
}

function contentPart(block: unknown): Part | undefined {
  if (!isObject(block)) return undefined;
  const { type, text, data, mimeType, resource } = block;
  if (type === 'text' && typeof text === 'string') return { type, text };
  if ((type === 'image' || type === 'audio') && typeof data === 'string')
    return mediaPart(type, data, typeof mimeType === 'string' ? mimeType : USUAL_MEDIA[type]);
  if (type === 'resource_link' && typeof block.uri === 'string')
    return { type: 'text', text: linkText(block) };
  return type === 'resource' ? resourcePart(resource) : undefined;
}

function resourcePart(contents: unknown): Part | undefined {
  if (!isObject(contents)) return undefined;
  const { text, blob, mimeType } = contents;
  const uri = typeof contents.uri === 'string' ? { uri: contents.uri } : {};
  if (typeof text === 'string') return { type: 'text', text, ...uri };
  if (typeof blob !== 'string') return undefined;
  const type = typeof mimeType === 'string' ? mimeType : 'application/octet-stream';
  if (!isTextual(type)) return { ...mediaPart(kindOf(type), blob, type), ...uri };
  return { type: 'text', text: Buffer.from(blob, 'base64').toString('utf8'), ...uri };
}

function wordsOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
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

function linkText({ name, uri, title, description, mimeType }: Record<string, unknown>): string {
  const details = [title ?? name, mimeType, description].filter((detail) => typeof detail === 'string');
  return `Link to resource ${uri}${details.length === 0 ? '' : ` (${details.join('; ')})`}`;
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
