import { ANNOTATIONS, type JsonSchema, pointer, resolvePointer, schemasOf } from './json-schema.js';
import { intersection } from './schema-intersection.js';
import { describing, type Losses } from './schema-loss.js';

/** A schema can be written so that it grows without end when its parts are put together. */
const MAX_NODES = 20_000;
/** Of intersections and references within one another, which are put together in place. */
const MAX_NESTED_PARTS = 64;

/** The schema of one tool on its way to a vendor: what its references mean, and what became of it so far. */
export class SchemaConversion {
  /** Why the vendor's subset cannot say what the tool takes; `undefined` while it can. */
  obstacle: { readonly path: string; readonly reason: string } | undefined;
  #nodes = 0;

  constructor(
    readonly root: JsonSchema,
    readonly losses: Losses,
  ) {}

  /** `false` when the schema has become too large to go on. */
  spend(path: string): boolean {
    if (++this.#nodes <= MAX_NODES) return true;
    this.stop(path, `it has more than ${MAX_NODES} parts`);
    return false;
  }

  stop(path: string, reason: string): void {
    this.obstacle ??= { path, reason };
  }

  /** `allOf`, and references with constraints beside them, put together into one schema. */
  joined(schema: JsonSchema, path: string, depth = 0, origin = path): JsonSchema {
    const { allOf, oneOf, ...rest } = schema;
    let joined: JsonSchema = rest;
    if (oneOf !== undefined) {
      if (joined.anyOf === undefined) joined = { ...joined, anyOf: oneOf };
      else joined = this.told(joined, path, 'oneOf', oneOf);
      this.losses.add(pointer(path, 'oneOf'), 'oneOf', 'approximated', 'any of them, not exactly one');
    }
    const constrained = Object.keys(joined).some(
      (keyword) => keyword !== '$ref' && !ANNOTATIONS.has(keyword),
    );
    const parts = schemasOf(allOf).map((part, position) => ({ part, at: pointer(path, 'allOf', position) }));
    if (joined.$ref !== undefined && (constrained || parts.length > 0)) {
      const { $ref, ...others } = joined;
      joined = others;
      parts.unshift({ part: { $ref }, at: path });
    }
    for (const { part, at } of parts) {
      if (depth > MAX_NESTED_PARTS) this.stop(origin, 'its parts contain one another');
      if (depth > MAX_NESTED_PARTS || !this.spend(origin)) break;
      const target =
        Object.keys(part).length === 1 && typeof part.$ref === 'string' ? this.target(part.$ref, at) : part;
      joined = intersection(
        joined,
        this.joined(this.resolved(target, at), at, depth + 1, origin),
        (keyword) =>
          this.losses.add(pointer(at, keyword), keyword, 'dropped', 'it contradicts what stands beside it'),
      );
    }
    return joined;
  }

  /** A reference inside of an intersection has to be followed, together with what stands beside it. */
  resolved(schema: JsonSchema, path: string): JsonSchema {
    if (typeof schema.$ref !== 'string') return schema;
    const { $ref, ...others } = schema;
    return { ...others, allOf: [...schemasOf(others.allOf), this.target($ref, path)] };
  }

  target(reference: string, path: string): JsonSchema {
    const target = resolvePointer(this.root, reference);
    if (target !== undefined) return target;
    this.losses.add(
      pointer(path, '$ref'),
      '$ref',
      'dropped',
      `${reference.slice(0, 200)} is not in this schema`,
    );
    return {};
  }

  told(schema: JsonSchema, path: string, keyword: string, value: unknown, isLoss = true): JsonSchema {
    if (isLoss) this.losses.add(pointer(path, keyword), keyword, 'described');
    const description = describing(schema.description, [[keyword, value]]);
    return { ...schema, ...(description !== undefined && { description }) };
  }
}
