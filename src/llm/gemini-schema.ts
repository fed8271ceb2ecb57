import { isObject, type JsonSchema, propertiesOf, requiredOf, schemaOf, schemasOf } from './json-schema.js';
import { modernSchema } from './modern-schema.js';
import { objectRoot } from './object-root.js';
import { SchemaConversion } from './schema-conversion.js';
import { Losses, type SchemaLoss } from './schema-loss.js';
import { type SchemaSubset, SubsetConverter } from './subset-schema.js';

/** What `@google/genai` says of JSON Schema: the keywords beside `responseJsonSchema`. */
const GEMINI: SchemaSubset = {
  keywords: new Set(['format', 'prefixItems', 'minItems', 'maxItems', 'minimum', 'maximum']),
  formats: new Set(['date-time', 'date', 'time', 'duration', 'email', 'int32', 'int64', 'float', 'double']),
  enumTypes: new Set(['string', 'number', 'integer']),
  exact: false,
};

/** A tool's schema for `parametersJsonSchema` of Gemini. */
export function geminiSchema(tool: { name: string; inputSchema: unknown }): {
  schema: JsonSchema;
  losses: readonly SchemaLoss[];
} {
  const losses = new Losses(tool.name);
  const root = objectRoot(modernSchema(tool.inputSchema, losses), losses);
  const conversion = new SchemaConversion(root, losses);
  const { schema, definitions } = new SubsetConverter(conversion, GEMINI).convert();
  if (conversion.obstacle !== undefined) {
    const { path, reason } = conversion.obstacle;
    losses.add(path, 'properties', 'dropped', reason);
    return { schema: { type: 'object', properties: {} }, losses: losses.all };
  }
  const cycles = namesInCycles(definitions);
  for (const name of cycles) loosen(definitions[name] ?? {}, cycles, name, losses);
  const properties = schema.properties ?? {};
  return {
    schema: { ...schema, properties, ...(Object.keys(definitions).length > 0 && { $defs: definitions }) },
    losses: losses.all,
  };
}

/** The definitions that lead back to themselves, and those between two such. */
function namesInCycles(definitions: Readonly<Record<string, JsonSchema>>): Set<string> {
  const edges = Object.entries(definitions).flatMap(([from, definition]) =>
    [...new Set(referencesIn(definition))].map((to) => [from, to] as const),
  );
  const inner = reachable(Object.keys(definitions), edges);
  return reachable(
    [...inner],
    edges.filter(([from, to]) => inner.has(from) && inner.has(to)).map(([from, to]) => [to, from] as const),
  );
}

/** Without those that nothing leads to, and then those that only these led to, and so on. */
function reachable(names: readonly string[], edges: readonly (readonly [string, string])[]): Set<string> {
  const left = new Set(names);
  const arriving = new Map(names.map((name) => [name, 0]));
  const leaving = new Map<string, string[]>(names.map((name) => [name, []]));
  for (const [from, to] of edges) {
    arriving.set(to, (arriving.get(to) ?? 0) + 1);
    leaving.get(from)?.push(to);
  }
  const unreached = names.filter((name) => arriving.get(name) === 0);
  for (const name of unreached) {
    left.delete(name);
    for (const to of leaving.get(name) ?? []) {
      arriving.set(to, (arriving.get(to) ?? 0) - 1);
      if (arriving.get(to) === 0) unreached.push(to);
    }
  }
  return left;
}

function referencesIn(schema: JsonSchema): string[] {
  const own = typeof schema.$ref === 'string' ? [schema.$ref.slice('#/$defs/'.length)] : [];
  return [...own, ...partsOf(schema).flatMap(referencesIn)];
}

function partsOf(schema: JsonSchema): JsonSchema[] {
  const properties = propertiesOf(schema).map(([, property]) => property);
  return [...properties, ...otherPartsOf(schema)];
}

function otherPartsOf(schema: JsonSchema): JsonSchema[] {
  const single = [schema.items, schema.additionalProperties].filter(isObject).map(schemaOf);
  return [...single, ...schemasOf(schema.anyOf), ...schemasOf(schema.prefixItems)];
}

/** Gemini takes a reference back into a cycle only inside of a property that is not required; being nullable is not enough. */
function loosen(schema: JsonSchema, cycle: ReadonlySet<string>, name: string, losses: Losses): void {
  const required = requiredOf(schema);
  for (const [key, property] of propertiesOf(schema)) {
    loosen(property, cycle, name, losses);
    if (!required.includes(key) || !holdsReference(property, cycle)) continue;
    losses.add(
      `/$defs/${name}`,
      'required',
      'approximated',
      `${key} may be left out: it leads back to ${name}`,
    );
    required.splice(required.indexOf(key), 1);
  }
  for (const part of otherPartsOf(schema)) loosen(part, cycle, name, losses);
  const mutable = schema as { required?: string[] };
  if (required.length > 0) mutable.required = required;
  else delete mutable.required;
}

function holdsReference(schema: JsonSchema, cycle: ReadonlySet<string>): boolean {
  if (typeof schema.$ref === 'string') return cycle.has(schema.$ref.slice('#/$defs/'.length));
  const required = requiredOf(schema);
  const parts = propertiesOf(schema)
    .filter(([key]) => required.includes(key))
    .map(([, property]) => property);
  return [...parts, ...otherPartsOf(schema)].some((part) => holdsReference(part, cycle));
}
