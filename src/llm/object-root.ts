import { canonicalJson } from '../core/canonical-json.js';
import {
  fixedValues,
  isObject,
  type JsonSchema,
  pointer,
  propertiesOf,
  requiredOf,
  resolvePointer,
  schemasOf,
} from './json-schema.js';
import { intersection } from './schema-intersection.js';
import { describing, type Losses } from './schema-loss.js';

const UNIONS = ['anyOf', 'oneOf'] as const;
/** Vendors refuse them at the top (OpenAI also `enum` and `not`). */
const REFUSED_AT_ROOT = ['not', 'if', 'then', 'else', 'enum', 'const'] as const;
/** Of references and parts of parts: a schema can be written so that following them never ends. */
const MAX_STEPS = 1_000;

interface Merging {
  readonly root: JsonSchema;
  readonly losses: Losses;
  steps: number;
}

/**
 * No vendor takes a union or an intersection at the top of a tool's schema: alternatives become the properties
 * of one object, of which those that all have in common stay required, and are told in the description.
 */
export function objectRoot(root: JsonSchema, losses: Losses): JsonSchema {
  const { $defs, definitions, ...rest } = root;
  const { type: _type, ...merged } = mergedRoot(rest, '', { root, losses, steps: 0 });
  const refused = REFUSED_AT_ROOT.filter((keyword) => keyword in merged);
  for (const keyword of refused) losses.add(pointer('', keyword), keyword, 'described');
  const kept = Object.fromEntries(
    Object.entries(merged).filter(([keyword]) => !(refused as readonly string[]).includes(keyword)),
  );
  const description = describing(
    kept.description,
    refused.map((keyword) => [keyword, merged[keyword]]),
  );
  return {
    type: 'object',
    ...kept,
    ...(description !== undefined && { description }),
    ...($defs !== undefined && { $defs }),
    ...(definitions !== undefined && { definitions }),
  };
}

function mergedRoot(schema: JsonSchema, path: string, merging: Merging): JsonSchema {
  const { $ref, allOf, anyOf, oneOf, ...own } = schema;
  const { root, losses } = merging;
  let merged: JsonSchema = own;
  const add = (part: JsonSchema, at: string) => {
    merged = intersection(merged, mergedRoot(part, at, merging), (keyword) =>
      losses.add(pointer(at, keyword), keyword, 'dropped', 'it contradicts what stands beside it'),
    );
  };
  if ($ref !== undefined) {
    const target = merging.steps++ < MAX_STEPS ? resolvePointer(root, String($ref)) : undefined;
    if (target === undefined) losses.add(pointer(path, '$ref'), '$ref', 'dropped', 'it leads nowhere');
    else add(target, path);
  }
  for (const [position, part] of schemasOf(allOf).entries()) add(part, pointer(path, 'allOf', position));
  for (const keyword of UNIONS) {
    const union = { anyOf, oneOf }[keyword];
    if (union === undefined) continue;
    const branches = schemasOf(union).map((branch, position) =>
      mergedRoot(branch, pointer(path, keyword, position), merging),
    );
    const description = describing(merged.description, [[keyword, branches.map(outline)]]);
    losses.add(pointer(path, keyword), keyword, 'described', 'its branches share one object');
    merged = { ...merged, ...united(merged, branches), ...(description !== undefined && { description }) };
  }
  return merged;
}

/** The properties of all branches; where branches differ in one, it is any of theirs. */
function united(base: JsonSchema, branches: readonly JsonSchema[]): JsonSchema {
  const found = new Map<string, JsonSchema[]>();
  for (const branch of branches) {
    for (const [key, schema] of propertiesOf(branch)) found.set(key, [...(found.get(key) ?? []), schema]);
  }
  const declared = new Map(propertiesOf(base));
  for (const [key, schemas] of found) {
    const different = [...new Map(schemas.map((schema) => [canonicalJson(schema), schema])).values()];
    const any = different.length === 1 ? (different[0] as JsonSchema) : anyOf(different);
    const own = declared.get(key);
    declared.set(key, own === undefined ? any : intersection(own, any, () => {}));
  }
  const common = branches.map(requiredOf).reduce((a, b) => a.filter((key) => b.includes(key)));
  const required = [...new Set([...requiredOf(base), ...common])];
  const closed = branches.every((branch) => branch.additionalProperties === false);
  return {
    ...(declared.size > 0 && { properties: Object.fromEntries(declared) }),
    ...(required.length > 0 && { required }),
    ...(closed && { additionalProperties: false }),
  };
}

/** Of fixed values, as those that tell alternatives apart are, one list. */
function anyOf(schemas: readonly JsonSchema[]): JsonSchema {
  const values = schemas.map(fixedValues);
  if (values.includes(undefined)) return { anyOf: schemas };
  const { const: _, enum: __, ...first } = schemas[0] as JsonSchema;
  const isAlike = schemas.every(({ type }) => type === first.type);
  const { type: ___, ...untyped } = first;
  return { ...(isAlike ? first : untyped), enum: [...new Set(values.flat())] };
}

/** Of an alternative, the reader needs what tells it apart: names, and fixed values. */
function outline({ title, description, properties, required }: JsonSchema): JsonSchema {
  const fixed = ([key, schema]: [string, JsonSchema]): [string, unknown] => {
    if ('const' in schema) return [key, { const: schema.const }];
    return [key, 'enum' in schema ? { enum: schema.enum } : {}];
  };
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(isObject(properties) && { properties: Object.fromEntries(propertiesOf({ properties }).map(fixed)) }),
    ...(required !== undefined && { required }),
  };
}
