import { z } from 'zod';
import { nearest } from '../core/nearest.js';
import { Refusal } from './problem.js';

/** Names in a path or message are cut: they are the caller's. */
const LONGEST_NAME = 100;

/** Keys of a stdio entry, which is never taken over REST. */
const PROCESS_FIELDS = new Set(['command', 'args', 'env', 'cwd']);

/** @throws {Refusal} 400 for the first fault, naming its path, never its value. */
export function checkedFields<Fields>(schema: z.ZodType<Fields>, value: unknown): Fields {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw faultOf(branchOf(schema, value), value);
}

/**
 * The query of a URL, each parameter once.
 * @throws {Refusal} 400
 */
export function queryOf(url: URL): Record<string, string> {
  const names = [...url.searchParams.keys()];
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw fault([repeated], 'is given more than once');
  return Object.fromEntries(url.searchParams);
}

/** Of a union the member that `value` was most likely meant to be: the one with the fewest faults. */
function branchOf(schema: z.ZodType, value: unknown): z.ZodType {
  if (!(schema instanceof z.ZodUnion)) return schema;
  const branches = schema.options as z.ZodType[];
  return branches.reduce((best, one) => (faultsIn(one, value) < faultsIn(best, value) ? one : best));
}

function faultsIn(schema: z.ZodType, value: unknown): number {
  const issues = schema.safeParse(value).error?.issues ?? [];
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
}

function faultOf(schema: z.ZodType, value: unknown): Refusal {
  const issues = schema.safeParse(value).error?.issues ?? [];
  const unknown = issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown === undefined) {
    const [first] = issues.map(innermost);
    return fault(first?.path ?? [], first?.message ?? 'is not valid');
  }
  const key = unknown.keys[0] ?? '';
  const path = [...unknown.path, key];
  if (PROCESS_FIELDS.has(key))
    return fault(path, 'is not accepted: servers that are processes are added by preset');
  const best = nearest(key.slice(0, LONGEST_NAME), knownKeys(schema, unknown.path))[0];
  return fault(path, `is not a field${best === undefined ? '' : `; did you mean ${best}?`}`);
}

/** Inside a union deeper down, such as that of `headers`, the branch that got furthest tells most. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const deeper = issue.errors.flat().find(({ path }) => path.length > 0);
  return deeper === undefined ? issue : { ...deeper, path: [...issue.path, ...deeper.path] };
}

function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const key of path) {
    at = unwrapped(at);
    at = at instanceof z.ZodArray ? at.element : (at as z.ZodObject | undefined)?.shape?.[String(key)];
  }
  return Object.keys((unwrapped(at) as z.ZodObject | undefined)?.shape ?? {});
}

function unwrapped(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? unwrapped(schema.unwrap()) : schema;
}

function fault(path: readonly PropertyKey[], problem: string): Refusal {
  const place = path.map((key) => String(key).slice(0, LONGEST_NAME)).join('.');
  return new Refusal('INVALID_REQUEST', place === '' ? `The body: ${problem}` : `${place}: ${problem}`, {
    path: place === '' ? undefined : place,
  });
}
