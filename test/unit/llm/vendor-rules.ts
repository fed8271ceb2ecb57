/** The vendors' rules for schemas, written down a second time: what breaks one, or nothing. */
type Schema = Record<string, unknown>;

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];

const STRICT_KEYWORDS = [
  ...['type', 'title', 'description', 'enum', 'const', 'properties', 'required', 'additionalProperties'],
  ...['items', 'anyOf', '$ref', '$defs', 'pattern', 'format', 'multipleOf', 'minimum', 'maximum'],
  ...['exclusiveMinimum', 'exclusiveMaximum', 'minItems', 'maxItems'],
];
const GEMINI_KEYWORDS = [
  ...[
    '$id',
    '$defs',
    '$ref',
    '$anchor',
    'type',
    'format',
    'title',
    'description',
    'enum',
    'items',
    'prefixItems',
  ],
  ...['minItems', 'maxItems', 'minimum', 'maximum', 'anyOf', 'oneOf', 'properties', 'additionalProperties'],
  ...['required', 'propertyOrdering'],
];

/** What no vendor takes, and what none could fill in. */
export function breaksAny(root: Schema): string[] {
  const problems: string[] = [];
  visit(root, (schema, path) => {
    const at = (problem: string) => problems.push(`${path}: ${problem}`);
    if (isEmpty(schema.not) && !path.endsWith('/not/0')) at('no value fits');
    for (const keyword of ['$id', 'id', '$anchor', '$dynamicAnchor', '$dynamicRef'])
      if (typeof schema[keyword] === 'string') at(keyword);
    if ('$ref' in schema && !/^#(\/|$)/.test(String(schema.$ref))) at(`${schema.$ref} is no pointer`);
    for (const type of 'type' in schema ? [schema.type].flat() : [])
      if (!TYPES.includes(type as string)) at(`type ${type}`);
    for (const [keyword, value] of Object.entries(schema)) {
      if (!/^(exclusive)?(min|max)|^multipleOf$/i.test(keyword)) continue;
      if (typeof value !== 'number' || !(Math.abs(value) <= 2 ** 53 - 1)) at(`${keyword}: ${value}`);
    }
    const values = 'const' in schema ? [schema.const] : schema.enum;
    if (!Array.isArray(values) || !('type' in schema)) return;
    for (const value of values)
      if (![schema.type].flat().some((type) => isOf(value, type))) at(`value ${value}`);
  });
  return problems;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function isOf(value: unknown, type: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  return typeof value === type && value !== null && !Array.isArray(value);
}

export function breaksStrict(root: Schema): string[] {
  const problems = root.type === 'object' && !('anyOf' in root) ? [] : ['the root is no plain object'];
  visit(root, (schema, path) => {
    const at = (problem: string) => problems.push(`${path}: ${problem}`);
    for (const keyword of Object.keys(schema))
      if (!STRICT_KEYWORDS.includes(keyword)) at(`${keyword} is not permitted`);
    if ('$ref' in schema && Object.keys(schema).length > 1) at('$ref cannot have other keywords');
    if (!('$ref' in schema) && !('anyOf' in schema) && !('type' in schema)) at('must have a type');
    if ([schema.type].flat().includes('object')) {
      if (schema.additionalProperties !== false) at('additionalProperties must be false');
      const names = Object.keys(schema.properties as object);
      if (JSON.stringify(schema.required) !== JSON.stringify(names)) at('required must name every property');
    }
    if ([schema.type].flat().includes('array') && !('items' in schema)) at('array schema missing items');
  });
  return [...problems, ...dangling(root)];
}

export function breaksGemini(root: Schema): string[] {
  const problems = root.type === 'object' ? [] : ['the root is no object'];
  visit(root, (schema, path) => {
    for (const keyword of Object.keys(schema)) {
      if (!GEMINI_KEYWORDS.includes(keyword)) problems.push(`${path}: ${keyword} is not supported`);
    }
    const others = Object.keys(schema).filter((keyword) => !keyword.startsWith('$'));
    if ('$ref' in schema && others.length > 0) problems.push(`${path}: $ref beside ${others.join()}`);
    const values = Array.isArray(schema.enum) ? schema.enum : [];
    if (values.some((value) => !['string', 'number'].includes(typeof value))) problems.push(`${path}: enum`);
  });
  const definitions = (root.$defs ?? {}) as Record<string, Schema>;
  for (const name of Object.keys(definitions)) {
    if (needs(name, definitions, [])) problems.push(`${name} needs itself`);
  }
  return [...problems, ...dangling(root)];
}

export function breaksAnthropic(root: Schema): string[] {
  const problems = root.type === 'object' ? [] : ['the root is no object'];
  for (const keyword of ['anyOf', 'oneOf', 'allOf'])
    if (keyword in root) problems.push(`${keyword} at the top`);
  visit(root, (schema, path) => {
    for (const name of Object.keys((schema.properties as object) ?? {})) {
      if (!/^[a-zA-Z0-9_.-]{1,64}$/.test(name)) problems.push(`${path}: property ${name}`);
    }
  });
  return problems;
}

export function breaksOpenAI(root: Schema): string[] {
  const problems = root.type === 'object' ? [] : ['the root is no object'];
  for (const keyword of ['anyOf', 'oneOf', 'allOf', 'enum', 'not']) {
    if (keyword in root) problems.push(`${keyword} at the top`);
  }
  if (typeof root.properties !== 'object') problems.push('object schema missing properties');
  visit(root, (schema, path) => {
    if ([schema.type].flat().includes('array') && !('items' in schema))
      problems.push(`${path}: missing items`);
  });
  return problems;
}

/** Whether a definition cannot be without itself: through required properties only. */
function needs(name: string, definitions: Record<string, Schema>, above: readonly string[]): boolean {
  if (above.includes(name)) return true;
  const found: string[] = [];
  const search = (schema: Schema): void => {
    if (typeof schema.$ref === 'string') found.push(schema.$ref.slice('#/$defs/'.length));
    const required = (schema.required as string[]) ?? [];
    for (const [key, property] of Object.entries((schema.properties as Record<string, Schema>) ?? {})) {
      if (required.includes(key)) search(property);
    }
    for (const part of [schema.items, schema.additionalProperties, schema.anyOf, schema.prefixItems].flat()) {
      if (typeof part === 'object' && part !== null) search(part as Schema);
    }
  };
  search(definitions[name] ?? {});
  return found.some((next) => needs(next, definitions, [...above, name]));
}

function dangling(root: Schema): string[] {
  const problems: string[] = [];
  const definitions = (root.$defs ?? {}) as object;
  visit(root, ({ $ref }, path) => {
    if ($ref === undefined) return;
    const name = String($ref).slice('#/$defs/'.length);
    if (!Object.hasOwn(definitions, name)) problems.push(`${path}: ${$ref} leads nowhere`);
  });
  return problems;
}

function visit(schema: Schema, look: (schema: Schema, path: string) => void, path = '#'): void {
  look(schema, path);
  for (const keyword of ['properties', '$defs', 'patternProperties', 'dependentSchemas', 'definitions']) {
    for (const [key, part] of Object.entries((schema[keyword] as Record<string, Schema>) ?? {})) {
      if (typeof part === 'object') visit(part, look, `${path}/${keyword}/${key}`);
    }
  }
  for (const keyword of ['anyOf', 'oneOf', 'allOf', 'prefixItems', 'items', 'additionalProperties', 'not']) {
    for (const [position, part] of [schema[keyword]].flat().entries()) {
      if (typeof part === 'object' && part !== null)
        visit(part as Schema, look, `${path}/${keyword}/${position}`);
    }
  }
}
