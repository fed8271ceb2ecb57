import {
  isObject,
  type JsonSchema,
  propertiesOf,
  resolvePointer,
  schemaOf,
  schemasOf,
} from './json-schema.js';
import { modernSchema } from './modern-schema.js';
import { objectRoot } from './object-root.js';
import { SchemaConversion } from './schema-conversion.js';
import { Losses, type SchemaLoss } from './schema-loss.js';
import { type SchemaSubset, SubsetConverter } from './subset-schema.js';
import { LARGE_ENUM, VENDOR_LIMITS } from './vendor-limits.js';

/** "Supported schemas" in OpenAI's guide to Structured Outputs. */
const OPENAI_STRICT: SchemaSubset = {
  keywords: new Set([
    'pattern',
    'format',
    'multipleOf',
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'minItems',
    'maxItems',
  ]),
  formats: new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid']),
  enumTypes: new Set(['string', 'number', 'integer', 'boolean']),
  exact: true,
};

export type StrictSchema =
  | { readonly schema: JsonSchema; readonly losses: readonly SchemaLoss[] }
  /** Why there is none. */
  | { readonly obstacle: { readonly path: string; readonly reason: string } };

/** A tool's schema for OpenAI's strict mode, if that mode can say what the tool takes. */
export function strictSchema(tool: { name: string; inputSchema: unknown }): StrictSchema {
  const losses = new Losses(tool.name);
  const root = objectRoot(modernSchema(tool.inputSchema, losses), losses);
  const conversion = new SchemaConversion(root, losses);
  const { schema, definitions } = new SubsetConverter(conversion, OPENAI_STRICT).convert();
  const whole = { ...schema, ...(Object.keys(definitions).length > 0 && { $defs: definitions }) };
  const obstacle = conversion.obstacle ?? overLimit(whole);
  return obstacle === undefined ? { schema: whole, losses: losses.all } : { obstacle };
}

interface Size {
  properties: number;
  enumValues: number;
  characters: number;
  largeEnumCharacters: number;
}

function overLimit(schema: JsonSchema): { path: string; reason: string } | undefined {
  const limits = VENDOR_LIMITS.openai;
  const size: Size = { properties: 0, enumValues: 0, characters: 0, largeEnumCharacters: 0 };
  measure(schema, size);
  const over = (value: number, limit: number, what: string) =>
    value > limit ? { path: '', reason: `it has ${value} ${what}, more than ${limit}` } : undefined;
  return (
    over(size.properties, limits.strictProperties, 'properties') ??
    over(depthOf(schema, schema, new Map()), limits.strictDepth, 'levels of objects') ??
    over(size.enumValues, limits.strictEnumValues, 'values in enums') ??
    over(size.largeEnumCharacters, limits.strictLargeEnumCharacters, 'characters in one enum') ??
    over(size.characters, limits.strictSchemaCharacters, 'characters of names and values')
  );
}

function measure(schema: JsonSchema, size: Size): void {
  const values = Array.isArray(schema.enum) ? schema.enum : [];
  const characters = values.reduce<number>((sum, value) => sum + String(value).length, 0);
  size.enumValues += values.length;
  size.characters += characters;
  if (values.length > LARGE_ENUM) size.largeEnumCharacters = Math.max(size.largeEnumCharacters, characters);
  for (const [key, property] of propertiesOf(schema)) {
    size.properties++;
    size.characters += key.length;
    measure(property, size);
  }
  for (const [key, definition] of propertiesOf({ properties: schema.$defs })) {
    size.characters += key.length;
    measure(definition, size);
  }
  for (const branch of schemasOf(schema.anyOf)) measure(branch, size);
  if (isObject(schema.items)) measure(schema.items, size);
}

/** Beyond them, nothing is counted: the limit of levels is far below. */
const MAX_DESCENT = 500;

/** Levels of objects, definitions included. What a schema that contains itself adds is not counted twice. */
function depthOf(schema: JsonSchema, root: JsonSchema, known: Map<string, number>, descent = 0): number {
  if (descent > MAX_DESCENT) return MAX_DESCENT;
  if (typeof schema.$ref === 'string') {
    const depth = known.get(schema.$ref);
    if (depth !== undefined) return depth;
    known.set(schema.$ref, 0);
    const found = depthOf(resolvePointer(root, schema.$ref) ?? {}, root, known, descent + 1);
    known.set(schema.$ref, found);
    return found;
  }
  const parts = [
    ...schemasOf(schema.anyOf),
    ...(schema.items === undefined ? [] : [schemaOf(schema.items)]),
    ...propertiesOf(schema).map(([, property]) => property),
  ];
  const below = parts.reduce(
    (deepest, part) => Math.max(deepest, depthOf(part, root, known, descent + 1)),
    0,
  );
  return below + (schema.type === 'object' ? 1 : 0);
}
