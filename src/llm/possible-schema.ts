import {
  ANNOTATIONS,
  isNothing,
  isObject,
  type JsonSchema,
  pointer,
  propertiesOf,
  schemaOf,
} from './json-schema.js';
import type { Losses } from './schema-loss.js';

/**
 * `schema` without the parts that no value fits (`false`, `{ not: {} }`), which vendors refuse: branches of a union, as zod
 * writes them for what may be left out, properties that must not be given, and items of empty arrays.
 */
export function possibleSchema(schema: JsonSchema, losses: Losses, path: string): JsonSchema {
  const result: Record<string, unknown> = { ...schema };
  if (result.not === true) result.not = {};
  if (result.not === false) delete result.not;
  for (const keyword of ['additionalProperties', 'unevaluatedProperties'])
    if (keyword in result && isNothing(schemaOf(result[keyword]))) result[keyword] = false;
  if ('items' in result && isNothing(schemaOf(result.items))) {
    if ('prefixItems' in result) result.items = false;
    else {
      delete result.items;
      result.maxItems = 0;
    }
  }
  withoutProperties(result, losses, path);
  return (['anyOf', 'oneOf'] as const).reduce<JsonSchema>(withoutBranches, result);
}

function withoutProperties(schema: Record<string, unknown>, losses: Losses, path: string): void {
  const impossible = propertiesOf(schema).filter(([, property]) => isNothing(property));
  if (impossible.length === 0) return;
  const names = new Set(impossible.map(([name]) => name));
  for (const name of names)
    losses.add(pointer(path, 'properties', name), 'properties', 'dropped', 'no value fits');
  schema.properties = Object.fromEntries(propertiesOf(schema).filter(([name]) => !names.has(name)));
  if (Array.isArray(schema.required)) schema.required = schema.required.filter((name) => !names.has(name));
}

/** One branch that is left takes the place of the union. */
function withoutBranches(schema: JsonSchema, keyword: 'anyOf' | 'oneOf'): JsonSchema {
  const { [keyword]: union, ...rest } = schema;
  if (!Array.isArray(union)) return schema;
  const left = union.filter((branch) => !isNothing(schemaOf(branch)));
  if (left.length === union.length) return schema;
  const [only, ...others] = left;
  if (only === undefined) return { ...rest, not: {} };
  const isApart = isObject(only) && Object.keys(only).every((key) => ANNOTATIONS.has(key) || !(key in rest));
  return others.length === 0 && isApart ? { ...only, ...rest } : { ...rest, [keyword]: left };
}
