import {
  fixedValues,
  impliedTypes,
  isOfType,
  type JsonType,
  pointer,
  schemaOf,
  typesOf,
} from './json-schema.js';
import { describing, type Losses } from './schema-loss.js';

type Mutable = Record<string, unknown>;

/**
 * `enum` and `const` with values of the schema's type: beside `type: 'array'`, values that are no arrays are meant for its
 * items; `1` beside `type: 'string'` is `'1'`. Vendors refuse the others, and nothing could fit them.
 */
export function modernValues(schema: Mutable, losses: Losses, path: string): void {
  const types = typesOf(schema);
  const values = fixedValues(schema);
  if (types.length === 0 || values === undefined) return;
  if (values.every((value) => isOfSome(value, types))) return;
  const keyword = 'const' in schema ? 'const' : 'enum';
  const given = schema[keyword];
  const at = pointer(path, keyword);
  delete schema.const;
  delete schema.enum;
  if (
    types.includes('array') &&
    fixedValues(schemaOf(schema.items)) === undefined &&
    schema.prefixItems === undefined
  ) {
    const members = values.filter((value) => value !== null);
    const [type, ...others] = impliedTypes({ enum: members });
    const typed = type !== undefined && others.length === 0 ? { type } : {};
    schema.items = { ...typed, ...schemaOf(schema.items), enum: members };
    losses.add(at, keyword, 'approximated', 'its values are those of the items');
    return;
  }
  const fitting = [...new Set(values.flatMap((value) => inTypes(value, types)))];
  if (fitting.length > 0) {
    losses.add(at, keyword, 'approximated', 'as values of its type');
    if (keyword === 'const') schema.const = fitting[0];
    else schema.enum = fitting;
    return;
  }
  losses.add(at, keyword, 'described', 'its values are not of its type');
  schema.description = describing(schema.description, [[keyword, given]]);
}

function isOfSome(value: unknown, types: readonly JsonType[]): boolean {
  return types.some((type) => isOfType(value, type));
}

/** The value, or what it means where it was written as another type; none where it means nothing. */
function inTypes(value: unknown, types: readonly JsonType[]): unknown[] {
  if (isOfSome(value, types)) return [value];
  if (types.includes('string') && ['number', 'boolean'].includes(typeof value)) return [String(value)];
  if (typeof value !== 'string') return [];
  const meant =
    value === 'true' ? true : value === 'false' ? false : Number(value.trim() === '' ? NaN : value);
  return Number.isNaN(meant) || !isOfSome(meant, types) ? [] : [meant];
}
