import {
  fixedValues,
  impliedTypes,
  isObject,
  type JsonSchema,
  propertiesOf,
  requiredOf,
  resolvePointer,
  schemaOf,
  schemasOf,
  typesOf,
} from './json-schema.js';
import { withLocalReferences } from './local-references.js';
import { safePropertyName } from './property-names.js';

export interface RestoringOptions {
  /**
   * In strict mode a model has to write `null` for what it leaves out: then `null` for an optional property means
   * that also where the tool itself would take it. @default false
   */
  strict?: boolean;
}

/** Of references and unions within one another, at one place. */
const MAX_CANDIDATES = 200;

/**
 * A model's arguments as the tool takes them: without `null` for optional properties, and under the tool's own
 * names for its properties.
 */
export function restoredArguments(
  inputSchema: unknown,
  given: Readonly<Record<string, unknown>>,
  options: RestoringOptions = {},
): Record<string, unknown> {
  const root = schemaOf(withLocalReferences(inputSchema));
  return new Restoring(root, options.strict ?? false).restored(given, [root]) as Record<string, unknown>;
}

class Restoring {
  constructor(
    readonly root: JsonSchema,
    readonly strict: boolean,
  ) {}

  restored(value: unknown, schemas: readonly JsonSchema[]): unknown {
    if (Array.isArray(value)) {
      const candidates = this.#candidates(schemas);
      return value.map((item, position) => this.restored(item, itemSchemas(candidates, position)));
    }
    if (!isObject(value)) return value;
    const all = this.#candidates(schemas);
    const names = ownNames(all);
    const fitting = all.filter((candidate) => fits(value, candidate));
    return Object.fromEntries(
      Object.entries(value).flatMap(([given, member]): [string, unknown][] => {
        const key = names.get(given);
        if (member === null && key !== undefined && this.#meansNothing(key, fitting, schemas)) return [];
        const declared = key === undefined ? [] : declarations(key, fitting);
        const others = fitting.map(({ additionalProperties }) => additionalProperties).filter(isObject);
        return [[key ?? given, this.restored(member, declared.length > 0 ? declared : others)]];
      }),
    );
  }

  #meansNothing(key: string, candidates: readonly JsonSchema[], schemas: readonly JsonSchema[]): boolean {
    const isRequiredIn = (candidate: JsonSchema) => requiredOf(candidate).includes(key);
    const isTaken = this.#candidates(declarations(key, candidates)).some(takesNull);
    if (isTaken) return this.strict && !candidates.some(isRequiredIn);
    // What only one of several alternatives requires is left out by those who mean another.
    return !this.#candidates(schemas, ['allOf']).some(isRequiredIn);
  }

  /** The schemas that say something of a value: references followed, intersections and unions taken apart. */
  #candidates(
    schemas: readonly JsonSchema[],
    combinations: readonly string[] = ['allOf', 'anyOf', 'oneOf'],
  ): JsonSchema[] {
    const found = new Set<JsonSchema>();
    const open = [...schemas];
    for (const schema of open) {
      if (found.has(schema) || found.size >= MAX_CANDIDATES) continue;
      found.add(schema);
      const reference = schema.$ref ?? schema.$recursiveRef;
      const target = typeof reference === 'string' ? resolvePointer(this.root, reference) : undefined;
      if (target !== undefined) open.push(target);
      for (const keyword of combinations) open.push(...schemasOf(schema[keyword]));
    }
    return [...found];
  }
}

/** The tool's names of properties, by themselves and by the names that they may have been given. */
function ownNames(candidates: readonly JsonSchema[]): ReadonlyMap<string, string> {
  const keys = candidates.flatMap((candidate) => propertiesOf(candidate).map(([key]) => key));
  return new Map([
    ...keys.map((key) => [safePropertyName(key), key] as const),
    ...keys.map((key) => [key, key] as const),
  ]);
}

function declarations(key: string, candidates: readonly JsonSchema[]): JsonSchema[] {
  return candidates
    .map(({ properties }) => properties)
    .filter((properties) => isObject(properties) && Object.hasOwn(properties, key))
    .map((properties) => schemaOf((properties as Record<string, unknown>)[key]));
}

function itemSchemas(candidates: readonly JsonSchema[], position: number): JsonSchema[] {
  return candidates.flatMap(({ prefixItems, items, additionalItems }) => {
    const tuple = Array.isArray(items) ? items : prefixItems;
    if (Array.isArray(tuple) && position < tuple.length) return [schemaOf(tuple[position])];
    const rest = Array.isArray(items) ? additionalItems : items;
    return isObject(rest) ? [rest] : [];
  });
}

/** Whether a value can be of a schema whose properties have fixed values, as the branches of a union do. */
function fits(value: Record<string, unknown>, candidate: JsonSchema): boolean {
  return propertiesOf(candidate).every(([key, property]) => {
    const fixed = fixedValues(property);
    const given = value[key];
    if (fixed === undefined || given === undefined || given === null) return true;
    return typeof given === 'object' || fixed.includes(given);
  });
}

function takesNull(schema: JsonSchema): boolean {
  if (schema.nullable === true) return true;
  const fixed = fixedValues(schema);
  if (fixed !== undefined) return fixed.includes(null);
  const isUnion = ['$ref', '$recursiveRef', 'allOf', 'anyOf', 'oneOf'].some((keyword) => keyword in schema);
  if (isUnion) return false;
  const types = typesOf(schema);
  return types.includes('null') || (types.length === 0 && impliedTypes(schema).length === 0);
}
