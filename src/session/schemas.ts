import {
  ResultSchema as AnyResultSchema,
  CallToolResultSchema,
  CompleteResultSchema,
  GetPromptResultSchema,
  PromptSchema,
  ReadResourceResultSchema,
  ResourceSchema,
  ResourceTemplateSchema,
  ToolSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { ListEntries, ListKind, ListPage, SessionRequests } from './session.js';

export type ResultSchema<Result> = z.ZodType<Result>;

/** What the result of each request must look like. Where it should be empty, more than that does no harm. */
export const RESULT_SCHEMAS: {
  [Method in keyof SessionRequests]: ResultSchema<SessionRequests[Method]['result']>;
} = {
  ping: AnyResultSchema,
  'tools/call': CallToolResultSchema,
  'resources/read': ReadResourceResultSchema,
  'resources/subscribe': AnyResultSchema,
  'resources/unsubscribe': AnyResultSchema,
  'prompts/get': GetPromptResultSchema,
  'completion/complete': CompleteResultSchema,
  'logging/setLevel': AnyResultSchema,
};

/** Of one entry with its schemas. */
const MAX_ENTRY_CHARACTERS = 262_144;

const rawPage = { nextCursor: z.string().nullish() };
type RawPage = { nextCursor?: string | null | undefined } & { [Kind in ListKind]?: unknown[] };

/** Pages are taken with their entries unread, so that one bad entry does not cost the others. */
export const listRequests: { [Kind in ListKind]: { method: string; schema: ResultSchema<RawPage> } } = {
  tools: {
    method: 'tools/list',
    schema: AnyResultSchema.extend({ ...rawPage, tools: z.array(z.unknown()) }),
  },
  resources: {
    method: 'resources/list',
    schema: AnyResultSchema.extend({ ...rawPage, resources: z.array(z.unknown()) }),
  },
  resourceTemplates: {
    method: 'resources/templates/list',
    schema: AnyResultSchema.extend({ ...rawPage, resourceTemplates: z.array(z.unknown()) }),
  },
  prompts: {
    method: 'prompts/list',
    schema: AnyResultSchema.extend({ ...rawPage, prompts: z.array(z.unknown()) }),
  },
};

const ENTRY_SCHEMAS: { [Kind in ListKind]: ResultSchema<ListEntries[Kind]> } = {
  tools: ToolSchema,
  resources: ResourceSchema,
  resourceTemplates: ResourceTemplateSchema,
  prompts: PromptSchema,
};

export function pageOf<Kind extends ListKind>(kind: Kind, page: RawPage): ListPage<ListEntries[Kind]> {
  const entries: ListEntries[Kind][] = [];
  const rejected: string[] = [];
  for (const [position, raw] of (page[kind] ?? []).entries()) {
    const parsed = ENTRY_SCHEMAS[kind].safeParse(raw);
    if (parsed.success && isTooLarge(raw))
      rejected.push(`${nameOf(raw) ?? `#${position}`}: larger than ${MAX_ENTRY_CHARACTERS} characters`);
    else if (parsed.success) entries.push(parsed.data);
    else rejected.push(`${nameOf(raw) ?? `#${position}`}: ${faultOf(parsed.error)}`);
  }
  return { entries, nextCursor: page.nextCursor ?? undefined, rejected };
}

function nameOf(raw: unknown): string | undefined {
  const name = (raw as { name?: unknown } | null)?.name;
  return typeof name === 'string' ? JSON.stringify(name.slice(0, 100)) : undefined;
}

function faultOf(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'not readable' : `${issue.path.join('.') || 'entry'}: ${issue.message}`;
}

function isTooLarge(raw: unknown): boolean {
  return JSON.stringify(raw).length > MAX_ENTRY_CHARACTERS;
}
