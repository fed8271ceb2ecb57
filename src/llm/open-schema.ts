import {
  isObject,
  type JsonSchema,
  mapParts,
  pointer,
  pointerTokens,
  resolvePointer,
} from './json-schema.js';
import { modernSchema } from './modern-schema.js';
import { objectRoot } from './object-root.js';
import { safePropertyName } from './property-names.js';
import { describing, Losses, type SchemaLoss } from './schema-loss.js';

export interface OpenSchema {
  readonly schema: JsonSchema;
  readonly losses: readonly SchemaLoss[];
}

export interface OpenSchemaOptions {
  /** Rename properties whose names Anthropic refuses; {@link restoredArguments} undoes it. */
  safeNames?: boolean;
}

/**
 * A tool's schema for a vendor that takes nearly all of JSON Schema 2020-12: one object at the top, the words of
 * older drafts translated, and every array with `items`, which OpenAI asks for.
 */
export function openSchema(
  tool: { name: string; inputSchema: unknown },
  options: OpenSchemaOptions = {},
): OpenSchema {
  const losses = new Losses(tool.name);
  const root = objectRoot(modernSchema(tool.inputSchema, losses), losses);
  const { $defs, definitions, ...schema } = finished(root, { ...options, root }, losses, '');
  // Definitions that only the top referred to have been taken into it.
  const isReferring = JSON.stringify(schema).includes('"$ref":');
  return {
    schema: {
      ...schema,
      ...(!isObject(schema.properties) && { properties: {} }),
      ...(isReferring && $defs !== undefined && { $defs }),
      ...(isReferring && definitions !== undefined && { definitions }),
    },
    losses: losses.all,
  };
}

interface Finishing extends OpenSchemaOptions {
  readonly root: JsonSchema;
}

function finished(schema: JsonSchema, options: Finishing, losses: Losses, path: string): JsonSchema {
  const result = mapParts(schema, (part, place) =>
    isObject(part) ? finished(part, options, losses, pointer(path, ...place)) : part,
  );
  const isArray = schema.type === 'array' || (Array.isArray(schema.type) && schema.type.includes('array'));
  if (isArray && !('items' in result)) result.items = {};
  if (typeof result.$ref === 'string') {
    if (resolvePointer(options.root, result.$ref) === undefined) {
      losses.add(pointer(path, '$ref'), '$ref', 'dropped', 'it leads nowhere');
      delete result.$ref;
    } else if (options.safeNames) result.$ref = safeReference(result.$ref);
  }
  return options.safeNames ? safelyNamed(result, losses, path) : result;
}

/** The same place, after properties on the way there have been renamed. */
function safeReference(reference: string): string {
  const tokens = pointerTokens(reference);
  const renamed = tokens.map((token, at) =>
    tokens[at - 1] === 'properties' ? safePropertyName(token) : token,
  );
  return renamed.every((token, at) => token === tokens[at]) ? reference : pointer('#', ...renamed);
}

function safelyNamed(schema: JsonSchema, losses: Losses, path: string): JsonSchema {
  const { properties, required, dependentRequired, dependentSchemas } = schema;
  const result: Record<string, unknown> = { ...schema };
  if (isObject(properties)) {
    result.properties = Object.fromEntries(
      Object.entries(properties).map(([key, property]) => {
        const name = safePropertyName(key);
        if (name === key || !isObject(property)) return [name, property];
        losses.add(pointer(path, 'properties', key), 'properties', 'described', `its name is ${name} here`);
        return [name, { ...property, description: describing(property.description, [['name', key]]) }];
      }),
    );
  }
  const renamed = (names: unknown) =>
    Array.isArray(names)
      ? names.map((name) => (typeof name === 'string' ? safePropertyName(name) : name))
      : names;
  if (required !== undefined) result.required = renamed(required);
  if (isObject(dependentRequired)) {
    result.dependentRequired = Object.fromEntries(
      Object.entries(dependentRequired).map(([key, names]) => [safePropertyName(key), renamed(names)]),
    );
  }
  if (isObject(dependentSchemas)) {
    result.dependentSchemas = Object.fromEntries(
      Object.entries(dependentSchemas).map(([key, part]) => [safePropertyName(key), part]),
    );
  }
  return result;
}
