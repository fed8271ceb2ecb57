import { isRecord } from '../reading/json-values.js';
import type { Params } from '../reading/message.js';

/** The keyword of a property that goes into a header field, too (MCP 2026-07-28 "Custom Headers from Tool Parameters"). */
const KEYWORD = 'x-mcp-header';
const TOKEN = /^[!#$%&'*+.^_`|~\w-]{1,200}$/;
const TYPES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);
/** Values within one schema that are looked at. */
const MAX_VALUES = 20_000;

/** Where an argument stands, and the field that it goes into. */
export interface ParameterHeader {
  readonly path: readonly string[];
  readonly field: string;
}

/** The header fields that a tool wants, or what is wrong with them. */
export function readParameterHeaders(inputSchema: unknown): readonly ParameterHeader[] | string {
  const found: ParameterHeader[] = [];
  const names = new Set<string>();
  const budget = { left: MAX_VALUES };
  let fault: string | undefined;
  const visit = (at: unknown, path: readonly string[] | undefined): void => {
    if (fault !== undefined || budget.left-- <= 0) return;
    if (Array.isArray(at)) {
      for (const item of at) visit(item, undefined);
      return;
    }
    if (!isRecord(at)) return;
    if (KEYWORD in at) {
      fault = faultOf(at, path, names);
      if (fault === undefined) found.push({ path: path ?? [], field: `mcp-param-${String(at[KEYWORD])}` });
    }
    for (const [keyword, value] of Object.entries(at)) {
      if (keyword === KEYWORD || isData(keyword)) continue;
      if (keyword !== 'properties' || !isRecord(value)) visit(value, undefined);
      else for (const [name, schema] of Object.entries(value)) visit(schema, path && [...path, name]);
    }
  };
  visit(inputSchema, []);
  return fault ?? found;
}

/** Keywords whose values are data, not schemas. */
function isData(keyword: string): boolean {
  return keyword === 'default' || keyword === 'const' || keyword === 'enum' || keyword === 'examples';
}

function faultOf(
  schema: Params,
  path: readonly string[] | undefined,
  names: Set<string>,
): string | undefined {
  const name = schema[KEYWORD];
  if (typeof name !== 'string' || !TOKEN.test(name)) return `${KEYWORD}: expected the name of a header field`;
  if (path === undefined || path.length === 0)
    return `${KEYWORD} ${name}: expected on a property that is reached through properties alone`;
  const types = Array.isArray(schema.type) ? schema.type.filter((type) => type !== 'null') : [schema.type];
  if (types.length === 0 || !types.every((type) => TYPES.has(type)))
    return `${KEYWORD} ${name}: expected on a string, an integer or a boolean`;
  if (names.has(name.toLowerCase())) return `${KEYWORD} ${name}: expected once`;
  names.add(name.toLowerCase());
  return undefined;
}

/** The fields for a call with these arguments. What is absent or `null` has none. */
export function parameterFields(
  headers: readonly ParameterHeader[],
  args: Params | undefined,
): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const { path, field } of headers) {
    const value = path.reduce<unknown>(
      (at, name) => (isRecord(at) && Object.hasOwn(at, name) ? at[name] : undefined),
      args,
    );
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      fields[field] = headerText(String(value));
  }
  return fields;
}

/** A text as a header field may carry it ("Value Encoding"). */
export function headerText(text: string): string {
  const isPlain = /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/.test(text);
  const looksEncoded = text.startsWith('=?base64?') && text.endsWith('?=');
  if (isPlain && !looksEncoded) return text;
  return `=?base64?${Buffer.from(text).toString('base64')}?=`;
}
