import type { ListEntries, ListKind, ListPage } from '../session.js';
import { isRecord } from './json-values.js';
import type { Params } from './message.js';
import { icons } from './results.js';
import { anyObject, flag, list, needed, number, object, type Reader, text } from './shapes.js';
import { readInputSchema, readSchema } from './tool-schema.js';

/** Of one entry with its schemas. */
const MAX_ENTRY_CHARACTERS = 262_144;
/** Entries that were left out of one page, and are named. */
const MAX_NAMED = 3;

const common = { title: text, description: text, icons, _meta: anyObject };

/** How the entries of each list are read, and by which member they are known: without it they are none. */
const LISTS: { readonly [Kind in ListKind]: { readonly key: string; readonly read: Reader } } = {
  tools: {
    key: 'name',
    read: object({
      ...common,
      inputSchema: needed(readInputSchema, undefined),
      outputSchema: readSchema,
      annotations: object({
        title: text,
        readOnlyHint: flag,
        destructiveHint: flag,
        idempotentHint: flag,
        openWorldHint: flag,
      }),
      execution: object({ taskSupport: text }),
    }),
  },
  resources: {
    key: 'uri',
    read: object({
      ...common,
      name: text,
      mimeType: text,
      size: number,
      annotations: object({ audience: list(text), priority: number, lastModified: text }),
    }),
  },
  resourceTemplates: {
    key: 'uriTemplate',
    read: object({
      ...common,
      name: text,
      mimeType: text,
      annotations: object({ audience: list(text), priority: number, lastModified: text }),
    }),
  },
  prompts: {
    key: 'name',
    read: object({
      ...common,
      arguments: list(object({ name: needed(text, ''), title: text, description: text, required: flag })),
    }),
  },
};

/** Reads one page of a list: an entry that is none costs nobody the others. */
export function readPage<Kind extends ListKind>(kind: Kind, result: unknown): ListPage<ListEntries[Kind]> {
  const page: Params = isRecord(result) ? result : { [kind]: result };
  const raw = page[kind] ?? [];
  const given: readonly unknown[] = Array.isArray(raw) ? raw : isRecord(raw) ? Object.values(raw) : [];
  const characters = charactersOf(raw);
  const entries: ListEntries[Kind][] = [];
  const leftOut: string[] = [];
  let count = 0;
  for (const [position, each] of given.entries()) {
    const entry = readEntry(kind, each, characters > MAX_ENTRY_CHARACTERS);
    if (typeof entry === 'object') entries.push(entry as ListEntries[Kind]);
    else if (++count <= MAX_NAMED) leftOut.push(`${nameOf(each) ?? `#${position}`}: ${entry}`);
  }
  const { nextCursor } = page;
  // An empty cursor is how some servers say that there is no other page.
  const isLast = nextCursor === undefined || nextCursor === null || nextCursor === '';
  return {
    entries,
    nextCursor: isLast ? undefined : (nextCursor as string),
    rejected: { count, first: leftOut },
    characters,
    ...cacheHints(page),
  };
}

/** MCP 2026-07-28 "Caching". */
function cacheHints({ ttlMs, cacheScope }: Params): Pick<ListPage<object>, 'ttlMs' | 'isPrivate'> {
  const told = number(ttlMs);
  // What is private is so without a time as well; how long it holds is then not said.
  if (typeof told !== 'number') return cacheScope === 'private' ? { isPrivate: true } : {};
  return { ttlMs: Math.max(0, told), isPrivate: cacheScope !== 'public' };
}

/** The entry, or what is wrong with it. */
function readEntry(kind: ListKind, raw: unknown, mayBeTooLarge: boolean): object | string {
  if (!isRecord(raw)) return 'not an object';
  const { key, read } = LISTS[kind];
  const name = raw[key];
  if (typeof name !== 'string' || name === '') return `${key}: expected a text that is not empty`;
  if (mayBeTooLarge && charactersOf(raw) > MAX_ENTRY_CHARACTERS)
    return `larger than ${MAX_ENTRY_CHARACTERS} characters`;
  const entry = read(raw) as Params;
  if (kind === 'tools' && entry.inputSchema === undefined)
    return 'inputSchema: expected the schema of an object';
  if (kind === 'resources' || kind === 'resourceTemplates') return { ...entry, name: entry.name ?? name };
  return entry;
}

function nameOf(raw: unknown): string | undefined {
  const { name, uri } = isRecord(raw) ? raw : {};
  const found = [name, uri].find((text) => typeof text === 'string');
  return typeof found === 'string' ? JSON.stringify(found.slice(0, 100)) : undefined;
}

/** About the length of a value's JSON. */
function charactersOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 4;
  let characters = 2;
  if (Array.isArray(value)) {
    for (const item of value) characters += charactersOf(item) + 1;
    return characters;
  }
  for (const name in value) {
    characters += name.length + 4 + charactersOf((value as Record<string, unknown>)[name]);
  }
  return characters;
}
