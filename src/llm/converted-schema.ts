import { type JsonSchema, schemaOf, typesOf } from './json-schema.js';
import { describing } from './schema-loss.js';

/** In the words of a vendor. */
export type ConvertedSchema = Record<string, unknown>;

/** What goes into a description. */
export type Notes = [keyword: string, value: unknown][];

/** `schema`, or `null`. */
export function nullable(schema: ConvertedSchema): ConvertedSchema {
  if (acceptsNull(schema)) return schema;
  const { title, description, ...constraints } = schema;
  const annotations = {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
  };
  if (Array.isArray(schema.anyOf)) return { ...schema, anyOf: [...schema.anyOf, { type: 'null' }] };
  const isScalar = typeof schema.type === 'string' && !['object', 'array'].includes(schema.type);
  if (!isScalar || 'enum' in schema) return { ...annotations, anyOf: [constraints, { type: 'null' }] };
  return { ...schema, type: [schema.type, 'null'] };
}

export function acceptsNull(schema: JsonSchema): boolean {
  if (Array.isArray(schema.anyOf)) return schema.anyOf.some((branch) => acceptsNull(schemaOf(branch)));
  return typesOf(schema).includes('null');
}

/** Such as `{ required: ['a'] }`: a condition on what is described elsewhere. */
export function addsNoValues(branch: JsonSchema): boolean {
  return Object.keys(branch).every((keyword) =>
    ['required', 'not', 'title', 'description'].includes(keyword),
  );
}

export function texts({ title, description }: JsonSchema, notes: Notes): ConvertedSchema {
  const told = describing(description, notes);
  return { ...(title !== undefined && { title }), ...(told !== undefined && { description: told }) };
}

export function only(schema: JsonSchema, keywords: readonly string[]): ConvertedSchema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => keywords.includes(keyword)));
}

export function without(schema: JsonSchema, keywords: readonly string[]): ConvertedSchema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !keywords.includes(keyword)));
}
