/** A JSON Schema that is an object: `true` is `{}` here, and `false` is {@link NOTHING}. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Accepts no value at all. */
export const NOTHING: JsonSchema = { not: {} };

/** Where a schema holds other schemas (JSON Schema 2020-12, core section 10), the older drafts included. */
export const SUBSCHEMAS = {
  single: [
    'items',
    'additionalItems',
    'additionalProperties',
    'contains',
    'not',
    'if',
    'then',
    'else',
    'propertyNames',
    'unevaluatedItems',
    'unevaluatedProperties',
    'contentSchema',
  ],
  list: ['allOf', 'anyOf', 'oneOf', 'prefixItems'],
  map: ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'],
} as const;

export const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'] as const;
export type JsonType = (typeof TYPES)[number];

/** Keywords that say something of one type of value only. */
export const KEYWORDS_OF: Record<JsonType, readonly string[]> = {
  string: [
    'minLength',
    'maxLength',
    'pattern',
    'format',
    'contentEncoding',
    'contentMediaType',
    'contentSchema',
  ],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'format'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'format'],
  boolean: [],
  object: [
    'properties',
    'required',
    'additionalProperties',
    'patternProperties',
    'propertyNames',
    'minProperties',
    'maxProperties',
    'dependentRequired',
    'dependentSchemas',
    'unevaluatedProperties',
  ],
  array: [
    'items',
    'prefixItems',
    'minItems',
    'maxItems',
    'uniqueItems',
    'contains',
    'minContains',
    'maxContains',
    'unevaluatedItems',
  ],
  null: [],
};

/** Keywords that tell a reader something, and exclude no value. */
export const ANNOTATIONS: ReadonlySet<string> = new Set([
  'title',
  'description',
  'default',
  'examples',
  'example',
  'deprecated',
  'readOnly',
  'writeOnly',
]);

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where a part stands in its schema: a keyword, and a key or position in its value. */
export type Place = readonly [keyword: string, key?: string | number];

/** A copy of `schema` with each part that stands where a schema does replaced by what `change` makes of it. */
export function mapParts(
  schema: JsonSchema,
  change: (part: unknown, place: Place) => unknown,
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...schema };
  const changedList = (keyword: string, parts: readonly unknown[]) =>
    parts.map((part, position) => change(part, [keyword, position]));
  for (const keyword of SUBSCHEMAS.single) {
    if (!(keyword in schema)) continue;
    const part = schema[keyword];
    // Of `items`, a tuple in older drafts.
    result[keyword] = Array.isArray(part) ? changedList(keyword, part) : change(part, [keyword]);
  }
  for (const keyword of SUBSCHEMAS.list) {
    const parts = schema[keyword];
    if (Array.isArray(parts)) result[keyword] = changedList(keyword, parts);
  }
  for (const keyword of SUBSCHEMAS.map) {
    const parts = schema[keyword];
    if (!isObject(parts)) continue;
    result[keyword] = Object.fromEntries(
      Object.entries(parts).map(([key, part]) => [key, change(part, [keyword, key])]),
    );
  }
  return result;
}

/** Its parts that stand where a schema does. */
export function partsOf(schema: JsonSchema): { readonly part: unknown; readonly place: Place }[] {
  const parts: { part: unknown; place: Place }[] = [];
  mapParts(schema, (part, place) => parts.push({ part, place }));
  return parts;
}

/** Any value in the place of a schema, as a schema. */
export function schemaOf(value: unknown): JsonSchema {
  if (value === false) return NOTHING;
  return isObject(value) ? value : {};
}

export function schemasOf(value: unknown): JsonSchema[] {
  return Array.isArray(value) ? value.map(schemaOf) : [];
}

export function propertiesOf(schema: JsonSchema): [string, JsonSchema][] {
  return isObject(schema.properties)
    ? Object.entries(schema.properties).map(([key, value]) => [key, schemaOf(value)])
    : [];
}

export function requiredOf(schema: JsonSchema): string[] {
  return Array.isArray(schema.required) ? schema.required.filter((key) => typeof key === 'string') : [];
}

export function typesOf(schema: JsonSchema): JsonType[] {
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  return types.filter((type): type is JsonType => TYPES.includes(type as JsonType));
}

export function isNothing(schema: JsonSchema): boolean {
  return isObject(schema.not) && Object.keys(schema.not).length === 0;
}

function typeOf(value: unknown): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value as JsonType;
}

/** What a reference within the same document points to (RFC 6901); `undefined` for any other. */
export function resolvePointer(root: JsonSchema, reference: string): JsonSchema | undefined {
  if (reference !== '#' && !reference.startsWith('#/')) return undefined;
  let at: unknown = root;
  for (const token of pointerTokens(reference)) {
    const holder: unknown = at;
    const isThere = typeof holder === 'object' && holder !== null && Object.hasOwn(holder, token);
    if (!isThere) return undefined;
    at = (holder as Record<string, unknown>)[token];
  }
  return isObject(at) || typeof at === 'boolean' ? schemaOf(at) : undefined;
}

export function pointerTokens(reference: string): string[] {
  return reference
    .split('/')
    .slice(1)
    .map((token) => decoded(token).replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** `path` with one more token. */
export function pointer(path: string, ...tokens: readonly (string | number | undefined)[]): string {
  return tokens
    .filter((token) => token !== undefined)
    .reduce<string>(
      (at, token) => `${at}/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`,
      path,
    );
}

function decoded(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

/** The only values that it accepts, if it lists them. */
export function fixedValues(schema: JsonSchema): readonly unknown[] | undefined {
  if ('const' in schema) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : undefined;
}

/** What its values, or the keywords of one type, say where `type` does not. */
export function impliedTypes(schema: JsonSchema): JsonType[] {
  const values = fixedValues(schema);
  if (values !== undefined) {
    const types = [...new Set(values.map(typeOf))];
    return types.includes('number') ? types.filter((type) => type !== 'integer') : types;
  }
  const found = TYPES.filter(
    (type) =>
      type !== 'integer' && KEYWORDS_OF[type].some((keyword) => keyword !== 'format' && keyword in schema),
  );
  if (found.length === 0 && 'format' in schema) return ['string'];
  return found;
}

export function isOfType(value: unknown, type: JsonType): boolean {
  const own = typeOf(value);
  return own === type || (type === 'number' && own === 'integer');
}
