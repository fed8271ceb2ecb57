import { canonicalJson } from '../core/canonical-json.js';
import {
  isObject,
  type JsonSchema,
  NOTHING,
  requiredOf,
  schemaOf,
  schemasOf,
  typesOf,
} from './json-schema.js';

/** Says what of `allOf` has no place in the merged schema. */
export type Conflict = (keyword: string, value: unknown) => void;

const LARGER = new Set([
  'minimum',
  'exclusiveMinimum',
  'minLength',
  'minItems',
  'minProperties',
  'minContains',
]);
const SMALLER = new Set([
  'maximum',
  'exclusiveMaximum',
  'maxLength',
  'maxItems',
  'maxProperties',
  'maxContains',
]);
const TEXTS = new Set(['title', 'description', 'default', 'examples', 'example', '$defs', 'definitions']);

/** One schema for what both accept, as far as one can say it; the rest goes to `conflict`. */
export function intersection(first: JsonSchema, second: JsonSchema, conflict: Conflict): JsonSchema {
  const merged: Record<string, unknown> = { ...first };
  for (const [keyword, value] of Object.entries(second)) {
    const known = merged[keyword];
    if (keyword === '$ref' && known !== undefined && known !== value) {
      merged.allOf = [...schemasOf(merged.allOf), { $ref: value }];
      continue;
    }
    merged[keyword] = known === undefined ? value : both(keyword, known, value, conflict);
  }
  const types = commonTypes(first, second);
  if (types === undefined) return merged;
  if (types.length === 0) return NOTHING;
  return { ...merged, type: types.length === 1 ? types[0] : types };
}

function both(keyword: string, a: unknown, b: unknown, conflict: Conflict): unknown {
  if (canonicalJson(a) === canonicalJson(b)) return a;
  if (LARGER.has(keyword)) return Math.max(Number(a), Number(b));
  if (SMALLER.has(keyword)) return Math.min(Number(a), Number(b));
  if (keyword === 'type' || TEXTS.has(keyword)) return a;
  if (keyword === 'required')
    return [...new Set([...requiredOf({ required: a }), ...requiredOf({ required: b })])];
  if (keyword === 'enum' && Array.isArray(a) && Array.isArray(b)) {
    const allowed = new Set(b.map(canonicalJson));
    return a.filter((value) => allowed.has(canonicalJson(value)));
  }
  if (keyword === 'properties' && isObject(a) && isObject(b)) {
    const properties = new Map(Object.entries(a));
    for (const [key, value] of Object.entries(b)) {
      const known = properties.get(key);
      properties.set(
        key,
        known === undefined ? value : intersection(schemaOf(known), schemaOf(value), conflict),
      );
    }
    return Object.fromEntries(properties);
  }
  if (keyword === 'items' || keyword === 'additionalProperties') {
    if (a === false || b === false) return false;
    return intersection(schemaOf(a), schemaOf(b), conflict);
  }
  if (keyword === 'allOf' && Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  conflict(keyword, b);
  return a;
}

/** `undefined` where not both name types. An integer is a number too. */
function commonTypes(first: JsonSchema, second: JsonSchema): string[] | undefined {
  const [a, b] = [typesOf(first), typesOf(second)];
  if (a.length === 0 || b.length === 0) return undefined;
  return [
    ...a.filter((type) => b.includes(type) || (type === 'integer' && b.includes('number'))),
    ...b.filter((type) => type === 'integer' && a.includes('number') && !a.includes('integer')),
  ];
}
