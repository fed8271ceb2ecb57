import { isObject, type JsonSchema, mapParts, pointer, SUBSCHEMAS, schemaOf, TYPES } from './json-schema.js';
import { withLocalReferences } from './local-references.js';
import { modernNumbers } from './modern-numbers.js';
import { modernValues } from './modern-values.js';
import { possibleSchema } from './possible-schema.js';
import { describing, type Losses } from './schema-loss.js';

type Mutable = Record<string, unknown>;

/** They identify a document, which a tool's schema is not. */
const IDENTITY = ['$schema', '$id', 'id', '$anchor', '$dynamicAnchor', '$comment', '$vocabulary'];
const NEGATING: ReadonlySet<string> = new Set(['not', 'if']);

/**
 * A schema of any draft, or of OpenAPI 3.0, in the words of JSON Schema 2020-12, which vendors check schemas
 * against, with references that are pointers into it. What is no schema at all in the place of one is `{}`.
 */
export function modernSchema(value: unknown, losses: Losses): JsonSchema {
  return translated(withLocalReferences(value), losses, '', false);
}

/** `isNegated`: inside of a `not` or `if`, where what is taken away would change what fits. */
function translated(value: unknown, losses: Losses, path: string, isNegated: boolean): JsonSchema {
  const schema: Mutable = { ...schemaOf(value) };
  // A property may have that name; a keyword it is only with a text.
  for (const keyword of IDENTITY) if (typeof schema[keyword] === 'string') delete schema[keyword];
  modernReference(schema);
  modernItems(schema);
  modernDependencies(schema);
  modernNames(schema, losses, path);
  modernType(schema, losses, path);
  modernNumbers(schema, losses, path);
  modernPattern(schema, losses, path);
  modernValues(schema, losses, path);
  for (const keyword of SUBSCHEMAS.list) {
    const members = schema[keyword];
    if (!Array.isArray(members) || members.length === 0) delete schema[keyword];
  }
  for (const keyword of SUBSCHEMAS.map) if (!isObject(schema[keyword])) delete schema[keyword];
  const modern = mapParts(schema, (part, [keyword, key]) => {
    if (key === undefined && typeof part === 'boolean') return part;
    return translated(part, losses, pointer(path, keyword, key), isNegated || NEGATING.has(keyword));
  });
  return modernNull(isNegated ? modern : possibleSchema(modern, losses, path));
}

function modernReference(schema: Mutable): void {
  if (schema.$recursiveRef === '#') schema.$ref ??= '#';
  delete schema.$recursiveRef;
  delete schema.$recursiveAnchor;
  if (typeof schema.$ref !== 'string') delete schema.$ref;
}

/** Up to draft 2019-09, `items` as an array was a tuple. */
function modernItems(schema: Mutable): void {
  if (Array.isArray(schema.items)) {
    schema.prefixItems = schema.items;
    delete schema.items;
    if ('additionalItems' in schema) schema.items = schema.additionalItems;
  }
  delete schema.additionalItems;
}

/** Draft 7 and older. */
function modernDependencies(schema: Mutable): void {
  if (!isObject(schema.dependencies)) return;
  for (const [key, needed] of Object.entries(schema.dependencies)) {
    const keyword = Array.isArray(needed) ? 'dependentRequired' : 'dependentSchemas';
    schema[keyword] = { ...(schema[keyword] as object | undefined), [key]: needed };
  }
  delete schema.dependencies;
}

function modernNames(schema: Mutable, losses: Losses, path: string): void {
  if ('required' in schema) {
    // In draft 3, and by mistake since, a boolean on the property itself.
    const names = Array.isArray(schema.required) ? schema.required : [];
    const texts = [...new Set(names.filter((name) => typeof name === 'string'))];
    if (texts.length === 0) delete schema.required;
    else schema.required = texts;
  }
  if ('enum' in schema && (!Array.isArray(schema.enum) || schema.enum.length === 0)) {
    losses.add(pointer(path, 'enum'), 'enum', 'dropped', 'it is no list of values');
    delete schema.enum;
  }
  if (typeof schema.description !== 'string') delete schema.description;
  if (typeof schema.title !== 'string') delete schema.title;
}

function modernType(schema: Mutable, losses: Losses, path: string): void {
  if ('type' in schema) {
    const types: unknown[] = Array.isArray(schema.type) ? schema.type : [schema.type];
    const given = types.map((type) => (typeof type === 'string' ? type.toLowerCase() : type));
    const known = [...new Set(given.filter((type) => (TYPES as readonly unknown[]).includes(type)))];
    const unknown = given.filter((type) => !known.includes(type) && type !== 'any');
    if (unknown.length > 0) {
      losses.add(pointer(path, 'type'), 'type', 'described', 'JSON Schema has no type of that name');
      schema.description = describing(schema.description, [['type', schema.type]]);
    }
    if (unknown.length > 0 || known.length === 0 || given.includes('any')) delete schema.type;
    else schema.type = known.length === 1 ? known[0] : known;
  } else if (isObject(schema.properties)) {
    schema.type = 'object';
  } else if ('items' in schema || 'prefixItems' in schema) {
    schema.type = 'array';
  }
}

/** A pattern in the syntax of another language is refused together with the whole request. It is compiled here, never run. */
function modernPattern(schema: Mutable, losses: Losses, path: string): void {
  if (!('pattern' in schema)) return;
  try {
    if (typeof schema.pattern === 'string') return void new RegExp(schema.pattern);
  } catch {}
  losses.add(pointer(path, 'pattern'), 'pattern', 'described', 'it is no regular expression of ECMA-262');
  schema.description = describing(schema.description, [['pattern', schema.pattern]]);
  delete schema.pattern;
}

/** `nullable` of OpenAPI 3.0. */
function modernNull(schema: Mutable): JsonSchema {
  const { nullable, ...rest } = schema;
  if (nullable === undefined || typeof nullable === 'object') return schema;
  if (nullable !== true) return rest;
  if (Array.isArray(rest.enum) && !rest.enum.includes(null)) rest.enum = [...rest.enum, null];
  if (typeof rest.type === 'string' && rest.type !== 'null') return { ...rest, type: [rest.type, 'null'] };
  if (Array.isArray(rest.type)) return { ...rest, type: [...new Set([...rest.type, 'null'])] };
  if (rest.$ref === undefined && rest.anyOf === undefined && rest.oneOf === undefined) return rest;
  const { description, title, default: standard, ...constraints } = rest;
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(standard !== undefined && { default: standard }),
    anyOf: [constraints, { type: 'null' }],
  };
}
