import { isRecord } from './json-values.js';
import type { Params } from './message.js';
import { anyObject, type Reader } from './shapes.js';

/** Schemas of a tool within a schema that are looked at. */
const MAX_SCHEMAS = 5_000;
/** Keywords whose value is an object of schemas (JSON Schema 2020-12, "Applying Subschemas"). */
const MAPS = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'] as const;
/** Keywords whose value is a schema. */
const SCHEMAS = [
  'items',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'contains',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
] as const;
/** Keywords whose value is a list of schemas. */
const LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const;
/** For these `null` is a value like any other. */
const NULLABLE: ReadonlySet<string> = new Set(['default', 'const', 'example']);

/**
 * The schema of a tool's arguments: of an object, whatever else it says. Where a server gives none, the arguments are
 * any object. Keywords with `null`, and `[]` where an object of schemas should be, are mended at every depth.
 */
export const readInputSchema: Reader = (value) => {
  if (value === null || value === undefined || value === true) return { type: 'object' };
  const schema = readSchema(value) as Params | undefined;
  if (schema === undefined || schema.type === 'object') return schema;
  return isObjectType(schema.type) ? { ...schema, type: 'object' } : undefined;
};

/** Also one of several types, in other letters, or not said: arguments are an object in any case. */
function isObjectType(type: unknown): boolean {
  if (Array.isArray(type)) return type.length === 0 || type.some(isObjectType);
  return type === undefined || (typeof type === 'string' && type.toLowerCase() === 'object');
}

export const readSchema: Reader = (value) => {
  const schema = anyObject(value);
  if (schema === undefined) return undefined;
  return mended(schema as Params, { left: MAX_SCHEMAS });
};

function mended(schema: Params, budget: { left: number }): Params {
  if (budget.left-- <= 0) return schema;
  let changed: Record<string, unknown> | undefined;
  const change = (keyword: string, value: unknown) => {
    changed ??= { ...schema };
    if (value === undefined) delete changed[keyword];
    else changed[keyword] = value;
  };
  for (const keyword of Object.keys(schema)) {
    if (schema[keyword] === null && !NULLABLE.has(keyword)) change(keyword, undefined);
  }
  for (const keyword of MAPS) {
    const given = schema[keyword];
    if (given === undefined || given === null) continue;
    const schemas = mendedMap(anyObject(given) as Params | undefined, budget);
    if (schemas !== given) change(keyword, schemas);
  }
  for (const keyword of SCHEMAS) {
    const given = schema[keyword];
    if (given === undefined || given === null || typeof given === 'boolean') continue;
    const one = Array.isArray(given) && given.length > 0 ? given : subschema(given, budget);
    if (one !== given) change(keyword, one);
  }
  for (const keyword of LISTS) {
    const given = schema[keyword];
    if (!Array.isArray(given)) continue;
    const all = given.map((each) => subschema(each, budget));
    if (all.some((each, position) => each !== given[position])) change(keyword, all);
  }
  // PHP writes an empty list of names as it writes an empty object.
  if (isRecord(schema.required)) change('required', Object.values(schema.required));
  return changed ?? schema;
}

function mendedMap(schemas: Params | undefined, budget: { left: number }): Params | undefined {
  if (schemas === undefined) return undefined;
  let changed: Record<string, unknown> | undefined;
  for (const [name, given] of Object.entries(schemas)) {
    const meant = subschema(given, budget);
    if (meant === given) continue;
    changed ??= { ...schemas };
    changed[name] = meant;
  }
  return changed ?? schemas;
}

/** What is no schema says nothing: anything will do. */
function subschema(given: unknown, budget: { left: number }): unknown {
  if (typeof given === 'boolean') return given;
  const schema = anyObject(given) as Params | undefined;
  return schema === undefined ? {} : mended(schema, budget);
}
