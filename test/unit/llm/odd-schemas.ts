import type { FleetTool } from 'mcp-fleet';

const text = { type: 'string' };
const object = (properties: object, rest: object = {}) => ({ type: 'object', properties, ...rest });

/** As servers of every kind and age write them. */
export const ODD_SCHEMAS = {
  'nothing-but-the-type': { type: 'object' },
  'alternatives-by-required': object(
    { id: text, title: text, body: text },
    { required: ['id'], anyOf: [{ required: ['title'] }, { required: ['body'] }] },
  ),
  'alternatives-by-kind': {
    type: 'object',
    oneOf: [
      object({ kind: { const: 'circle' }, radius: { type: 'number' } }, { required: ['kind', 'radius'] }),
      object({ kind: { const: 'square' }, side: { type: 'number' } }, { required: ['kind', 'side'] }),
    ],
  },
  'intersection-at-the-top': {
    type: 'object',
    allOf: [{ $ref: '#/definitions/page' }, object({ query: text }, { required: ['query'] })],
    definitions: { page: object({ limit: { type: 'integer', maximum: 100 } }) },
  },
  'reference-at-the-top': {
    type: 'object',
    $ref: '#/$defs/input',
    $defs: { input: object({ name: text }, { required: ['name'], additionalProperties: false }) },
  },
  'a-tree': {
    ...object({ root: { $ref: '#/$defs/node', description: 'Where it begins' } }, { required: ['root'] }),
    $defs: {
      node: object(
        { value: text, children: { type: 'array', items: { $ref: '#/$defs/node' } } },
        { required: ['value', 'children'] },
      ),
    },
  },
  'contains-itself': object({
    not_this: { $ref: '#' },
    and: { type: 'array', items: { $ref: '#' } },
    term: text,
  }),
  'two-that-contain-each-other': {
    ...object({ person: { $ref: '#/$defs/person' } }),
    $defs: {
      person: object(
        { name: text, employer: { $ref: '#/$defs/company' } },
        { required: ['name', 'employer'] },
      ),
      company: object({ staff: { type: 'array', items: { $ref: '#/$defs/person' } } }),
    },
  },
  'draft-7': {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'https://example.com/point.json',
    ...object({
      point: { type: 'array', items: [{ type: 'number' }, { type: 'number' }], additionalItems: false },
      near: { $ref: '#/definitions/distance', description: 'At most this far' },
    }),
    definitions: { distance: { type: 'number', minimum: 0 } },
    dependencies: { near: ['point'] },
  },
  'draft-4': object({
    share: { type: 'number', minimum: 0, exclusiveMinimum: true },
    name: { ...text, required: true },
  }),
  'openapi-3-0': object({
    note: { type: 'string', nullable: true },
    level: { type: 'string', enum: ['low', 'high'], nullable: true },
    owner: { nullable: true, allOf: [object({ id: text }, { required: ['id'] })] },
  }),
  tuple: object(
    { range: { type: 'array', prefixItems: [{ type: 'integer' }, text], items: false, minItems: 2 } },
    { required: ['range'] },
  ),
  'several-types': object(
    { id: { type: ['string', 'integer', 'null'], minLength: 1, minimum: 1 } },
    { required: ['id'] },
  ),
  'enum-of-several-types': object({ mode: { enum: ['auto', 1, 2.5, true, null] } }, { required: ['mode'] }),
  'enum-without-type': object({ unit: { enum: ['C', 'F'] }, version: { const: 2 } }),
  'fixed-values': object(
    { on: { const: true }, off: { type: 'boolean', enum: [false] } },
    { required: ['on'] },
  ),
  'any-keys': object({ headers: { type: 'object', additionalProperties: text } }, { required: ['headers'] }),
  'any-object': object({ data: { type: 'object' } }),
  'any-value': object({ value: {}, flag: true, never: false }),
  'more-than-declared': object({ name: text }, { additionalProperties: true, required: ['name'] }),
  'array-of-anything': object({ list: { type: 'array' } }),
  'keys-by-pattern': object({
    labels: {
      type: 'object',
      patternProperties: { '^x-': text },
      propertyNames: { maxLength: 20 },
      maxProperties: 5,
    },
  }),
  conditions: object(
    { method: { ...text, enum: ['card', 'cash'] }, number: text },
    {
      required: ['method'],
      if: { properties: { method: { const: 'card' } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['number'] },
      dependentRequired: { number: ['method'] },
    },
  ),
  'every-constraint': object(
    {
      code: { ...text, minLength: 2, maxLength: 8, pattern: '^[A-Z]+$', description: 'The code.' },
      mail: { ...text, format: 'email' },
      page: { ...text, format: 'uri' },
      share: { type: 'number', exclusiveMinimum: 0, maximum: 1, multipleOf: 0.1 },
      tags: {
        type: 'array',
        items: text,
        uniqueItems: true,
        minItems: 1,
        maxItems: 3,
        contains: { const: 'a' },
      },
      not_empty: { ...text, not: { const: '' } },
    },
    { required: ['code', 'mail', 'page', 'share', 'tags', 'not_empty'] },
  ),
  annotations: object({
    old: { ...text, deprecated: true, title: 'Old', examples: ['a'], default: 'b' },
    vendor: { ...text, 'x-order': 1, readOnly: false },
  }),
  'patterns-of-others': object({
    python: { ...text, pattern: '(?P<year>\\d+)' },
    ahead: { ...text, pattern: '^(?!a)' },
  }),
  'odd-names': JSON.parse(`{ "type": "object", "properties": {
    "with space": { "type": "string" }, "größe": { "type": "number" }, "$ref": { "type": "string" },
    "${'long'.repeat(30)}": { "type": "string" }, "a/b~c": { "type": "string" }, "__proto__": { "type": "string" },
    "constructor": { "type": "string" }, "@type": { "type": "object", "properties": { "#id": { "type": "string" } },
    "required": ["#id"] } }, "required": ["with space"] }`),
  'named-like-keywords': object({
    type: text,
    properties: object({ required: text }),
    required: { type: 'boolean' },
    description: { type: 'array', items: text },
    $defs: text,
  }),
  'types-of-others': object({
    a: { type: 'any' },
    b: { type: 'str' },
    c: { type: ['string', 'date'] },
    d: { type: 7 },
  }),
  'leads-nowhere': object({ a: { $ref: '#/$defs/missing' }, b: { $ref: 'https://example.com/b.json' } }),
  'reference-by-path': object({
    from: object({ city: text }, { required: ['city'] }),
    to: { $ref: '#/properties/from' },
  }),
  'intersection-inside': {
    ...object({
      who: {
        allOf: [
          { $ref: '#/$defs/named' },
          { properties: { age: { type: 'integer', minimum: 0 } }, required: ['age'] },
        ],
        description: 'A person',
      },
      contradiction: { allOf: [{ type: 'string' }, { type: 'number' }] },
    }),
    $defs: { named: object({ name: text }, { required: ['name'] }) },
  },
  'two-references-for-one': {
    ...object({
      both: { allOf: [object({ at: { $ref: '#/$defs/a' } }), object({ at: { $ref: '#/$defs/b' } })] },
    }),
    $defs: { a: object({ a: text }), b: object({ b: text }, { required: ['b'] }) },
  },
  'union-over-a-base': object(
    {
      shape: {
        type: 'object',
        properties: { name: text },
        required: ['name'],
        oneOf: [
          { properties: { radius: { type: 'number' } }, required: ['radius'] },
          { properties: { side: { type: 'number' } }, required: ['side'] },
        ],
      },
    },
    { required: ['shape'] },
  ),
  'optional-and-nullable': object({
    assignee: { anyOf: [text, { type: 'null' }] },
    parent: { anyOf: [text, { type: 'null' }], default: null },
    note: { type: ['string', 'null'] },
  }),
  'nested-unions': object({
    a: { anyOf: [{ anyOf: [text, { type: 'number' }] }, { oneOf: [{ type: 'boolean' }] }] },
  }),
  'required-but-not-declared': object({ a: text }, { required: ['a', 'b'] }),
  'optional-of-zod': object(
    {
      a: { anyOf: [{ not: {} }, text] },
      b: { anyOf: [{ not: {} }, { ...text, title: 'Of the branch' }], description: 'Of the union' },
      c: { oneOf: [false, { type: 'number' }, text] },
      d: { anyOf: [{ not: {} }, { ...text, minLength: 2 }], minLength: 1 },
      e: { anyOf: [{ not: {} }, { not: {} }] },
      f: { anyOf: [{ not: true }, { $ref: '#/$defs/name' }] },
    },
    { required: ['b'], $defs: { name: text } },
  ),
  impossible: object(
    {
      never: false,
      nor: { not: {} },
      closed: object({ a: text }, { additionalProperties: { not: {} } }),
      empty: { type: 'array', items: false },
      pair: { type: 'array', prefixItems: [text], items: { not: {} } },
      possible: { ...text, not: false },
    },
    { required: ['never', 'possible'] },
  ),
  'impossible-where-it-counts': object({ a: text, b: text }, { not: object({ a: false }) }),
  'values-of-items': object({
    tags: { type: 'array', enum: ['x', 'y'] },
    codes: { type: 'array', items: { type: 'integer' }, enum: [1, 2] },
    either: { type: ['array', 'null'], enum: ['x', null] },
    taken: { type: 'array', items: { enum: ['a'] }, enum: ['x'] },
    whole: { type: 'array', items: text, enum: [['x'], ['x', 'y']] },
  }),
  'values-of-other-types': object({
    text: { ...text, enum: [1, 2, true] },
    number: { type: 'number', enum: ['1', '2.5', 'three'] },
    whole: { type: 'integer', const: '7' },
    flag: { type: 'boolean', enum: ['true', 'false'] },
    nullable: { ...text, enum: ['a', null] },
    object: { type: 'object', properties: { a: text }, enum: ['a'] },
  }),
  'types-in-capitals': object({
    a: { type: 'String' },
    b: { type: 'INTEGER' },
    c: { type: ['Number', 'Null'] },
    d: { type: 'Array', items: { type: 'Boolean' } },
    e: { type: 'Object', properties: { f: { type: 'STRING' } } },
  }),
  'references-by-name': {
    ...object({ a: { $ref: '#address' }, b: { $ref: '#street' }, c: { $dynamicRef: '#node' } }),
    $defs: {
      address: { $anchor: 'address', ...object({ street: { $anchor: 'street', ...text } }) },
      tree: {
        $dynamicAnchor: 'node',
        ...object({ next: { type: 'array', items: { $dynamicRef: '#node' } } }),
      },
    },
  },
  'references-by-address': {
    $id: 'https://example.com/schemas/order.json',
    ...object({
      a: { $ref: 'https://example.com/schemas/order.json#/$defs/money' },
      b: { $ref: 'order.json#/$defs/money' },
      c: { $ref: 'person.json' },
      d: { $ref: 'https://example.com/schemas/person.json#/properties/name' },
      e: { $ref: 'https://example.com/elsewhere.json' },
      f: { $ref: 'order.json' },
    }),
    $defs: {
      money: { type: 'number' },
      person: {
        $id: 'person.json',
        ...object({ name: text, friend: { $ref: '#' }, first: { $ref: '#/$defs/first' } }),
        $defs: { first: text },
      },
    },
  },
  'identities-of-draft-4': {
    id: 'http://example.com/root#',
    ...object({ a: { $ref: '#money' }, b: { $ref: 'http://example.com/root#/definitions/money' } }),
    definitions: { money: { id: '#money', type: 'number' } },
  },
  'past-2-to-the-53': object({
    int64: { type: 'integer', minimum: -(2 ** 63), maximum: 2 ** 63 },
    exact: { type: 'integer', minimum: -9007199254740991, maximum: 9007199254740991 },
    uint64: { type: 'integer', minimum: 0, exclusiveMaximum: 2 ** 64 },
    double: { type: 'number', maximum: 1.7976931348623157e308 },
    unusual: { type: 'number', minimum: 1e300, multipleOf: 1e20 },
    long: { ...text, minLength: 0, maxLength: 1e21 },
    list: { type: 'array', items: text, maxItems: 2 ** 64 },
  }),
  'numbers-of-others': object({
    written: { type: 'integer', minimum: '1', maximum: '10' },
    word: { type: 'integer', minimum: 'one', maximum: null },
    half: { ...text, minLength: 0.5, maxLength: -1 },
    never: { type: 'number', multipleOf: 0 },
  }),
  'no-schema-at-all': { type: 'object', properties: null, required: 'a', anyOf: [], enum: [], items: 3 },
  deep: Array.from({ length: 14 }).reduce<object>(
    (inner) => object({ inner }, { required: ['inner'] }),
    object({ leaf: text }),
  ),
  'large-enum': object({ country: { ...text, enum: Array.from({ length: 1_001 }, (_, at) => `c${at}`) } }),
  'long-enum': object({
    id: { ...text, enum: Array.from({ length: 260 }, (_, at) => `${at}`.padStart(60, 'x')) },
  }),
  'many-properties': object(Object.fromEntries(Array.from({ length: 5_001 }, (_, at) => [`p${at}`, text]))),
  'grows-without-end': {
    ...object({ a: { $ref: '#/$defs/d0', minLength: 1 } }),
    $defs: Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [
        `d${at}`,
        { allOf: [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }] },
      ]).concat([['d40', text]] as never),
    ),
  },
  'contains-only-itself': {
    ...object({ a: { $ref: '#/$defs/loop', minLength: 1 }, b: { $ref: '#/$defs/loop' } }),
    $defs: { loop: { $ref: '#/$defs/loop' } },
  },
  'definitions-in-a-chain': {
    ...object({ a: { $ref: '#/$defs/d0' } }),
    $defs: Object.fromEntries(
      Array.from({ length: 2_000 }, (_, at): [string, object] => [
        `d${at}`,
        object({ next: { $ref: `#/$defs/d${at + 1}` } }),
      ]).concat([['d2000', text]]),
    ),
  },
} satisfies Record<string, object>;

export type OddName = keyof typeof ODD_SCHEMAS;

export function oddTool(name: OddName): FleetTool {
  return toolWith(ODD_SCHEMAS[name], name);
}

export function toolWith(inputSchema: object, toolName = 'tool'): FleetTool {
  return {
    name: `odd__${toolName}`,
    server: 'odd',
    toolName,
    inputSchema: inputSchema as FleetTool['inputSchema'],
  };
}

/** Those whose conversions are short enough to be read. */
export const READABLE = (Object.keys(ODD_SCHEMAS) as OddName[]).filter(
  (name) => JSON.stringify(ODD_SCHEMAS[name]).length < 2_000,
);
