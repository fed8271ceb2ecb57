import { pointer } from './json-schema.js';
import { describing, type Losses } from './schema-loss.js';

type Mutable = Record<string, unknown>;

const EXCLUSIVE = [
  ['exclusiveMinimum', 'minimum'],
  ['exclusiveMaximum', 'maximum'],
] as const;
const LEAST = ['minimum', 'exclusiveMinimum'];
const MOST = ['maximum', 'exclusiveMaximum'];
const COUNTS = ['minLength', 'minItems', 'minProperties', 'minContains'].flatMap((least) => [
  least,
  least.replace('min', 'max'),
]);

/**
 * Bounds as numbers that vendors take: written as texts they are read, and past 2^53, where JSON is no longer exact
 * (RFC 8259, section 6), they go.
 */
export function modernNumbers(schema: Mutable, losses: Losses, path: string): void {
  modernExclusives(schema);
  for (const keyword of [...LEAST, ...MOST, ...COUNTS, 'multipleOf']) {
    if (!(keyword in schema)) continue;
    const given = schema[keyword];
    const value = numberOf(given);
    if (value !== undefined && isTaken(keyword, value)) {
      schema[keyword] = value;
      continue;
    }
    delete schema[keyword];
    if (given === null || (value !== undefined && boundsNothing(keyword, value)))
      losses.add(pointer(path, keyword), keyword, 'dropped', 'it bounds nothing');
    else {
      losses.add(pointer(path, keyword), keyword, 'described', 'vendors take no such number');
      schema.description = describing(schema.description, [[keyword, given]]);
    }
  }
}

/** In draft 4 and OpenAPI 3.0, `exclusiveMinimum` was a boolean beside `minimum`. */
function modernExclusives(schema: Mutable): void {
  for (const [exclusive, bound] of EXCLUSIVE) {
    if (typeof schema[exclusive] !== 'boolean') continue;
    if (schema[exclusive] && schema[bound] !== undefined) {
      schema[exclusive] = schema[bound];
      delete schema[bound];
    } else delete schema[exclusive];
  }
}

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))
    ? Number(value)
    : undefined;
}

function isTaken(keyword: string, value: number): boolean {
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return false;
  if (COUNTS.includes(keyword)) return Number.isInteger(value) && value >= 0;
  return keyword !== 'multipleOf' || value > 0;
}

function boundsNothing(keyword: string, value: number): boolean {
  if (COUNTS.includes(keyword))
    return keyword.startsWith('min') ? value <= 0 : value > 0 && !isTaken('maximum', value);
  return (LEAST.includes(keyword) && value < 0) || (MOST.includes(keyword) && value > 0);
}
