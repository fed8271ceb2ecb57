import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { toOpenAITools } from 'mcp-fleet/llm';
import { describe, expect, test } from 'vitest';
import { restoredArguments } from '../../../src/llm/argument-restoring.js';
import { ODD_SCHEMAS, toolWith } from './odd-schemas.js';

const text = { type: 'string' };

describe('null for what is left out', () => {
  const schema = {
    type: 'object',
    properties: {
      path: text,
      limit: { type: 'integer' },
      note: { type: ['string', 'null'] },
      filter: { type: 'object', properties: { tag: text, any: {} } },
      list: { type: 'array', items: { type: 'object', properties: { a: text, b: text }, required: ['a'] } },
    },
    required: ['path'],
  };

  test('is taken away where the tool would refuse it, at every depth', () => {
    const given = {
      path: 'x',
      limit: null,
      filter: { tag: null, any: null },
      list: [
        { a: 'x', b: null },
        { a: 'y', b: 'z' },
      ],
    };
    expect(restoredArguments(schema, given)).toEqual({
      path: 'x',
      filter: { any: null },
      list: [{ a: 'x' }, { a: 'y', b: 'z' }],
    });
  });

  test('stays where the tool takes it, unless the model had no other word for leaving it out', () => {
    expect(restoredArguments(schema, { path: 'x', note: null })).toEqual({ path: 'x', note: null });
    expect(restoredArguments(schema, { path: 'x', note: null }, { strict: true })).toEqual({ path: 'x' });
  });

  test('stays where it is wrong, for the server to say so', () => {
    expect(restoredArguments(schema, { path: null })).toEqual({ path: null });
    expect(restoredArguments(schema, { path: 'x', unheard_of: null })).toEqual({
      path: 'x',
      unheard_of: null,
    });
  });

  test('is seen through references, intersections and unions', () => {
    const tree = ODD_SCHEMAS['contains-itself'];
    const given = {
      not_this: { not_this: null, and: [{ term: null, and: null, not_this: null }], term: 'a' },
      and: null,
    };
    expect(restoredArguments(tree, given)).toEqual({ not_this: { and: [{}], term: 'a' } });
    const kinds = ODD_SCHEMAS['alternatives-by-kind'];
    expect(restoredArguments(kinds, { kind: 'circle', radius: 1, side: null })).toEqual({
      kind: 'circle',
      radius: 1,
    });
    const shape = ODD_SCHEMAS['union-over-a-base'];
    expect(restoredArguments(shape, { shape: { name: 'a', radius: 1, side: null } })).toEqual({
      shape: { name: 'a', radius: 1 },
    });
  });

  test('is seen in tuples and in maps', () => {
    const object = { type: 'object', properties: { a: text } };
    const schema = {
      type: 'object',
      properties: {
        pair: { type: 'array', items: [text, object] },
        map: { type: 'object', additionalProperties: object },
      },
    };
    const given = { pair: ['x', { a: null }], map: { one: { a: null }, two: { a: 'b' } } };
    expect(restoredArguments(schema, given)).toEqual({ pair: ['x', {}], map: { one: {}, two: { a: 'b' } } });
  });
});

test('a loop of references ends', () => {
  expect(restoredArguments(ODD_SCHEMAS['contains-only-itself'], { a: { b: 1 } })).toEqual({ a: { b: 1 } });
});

test('a key named like the prototype stays a key', () => {
  const given = JSON.parse('{ "__proto__": { "polluted": true }, "constructor": "c" }');
  const restored = restoredArguments(ODD_SCHEMAS['odd-names'], given);
  expect(JSON.stringify(restored)).toBe(JSON.stringify(given));
  expect(Object.getPrototypeOf(restored)).toBe(Object.prototype);
});

/** A schema that strict mode can say, a value that fits it, and how a model in strict mode writes that value. */
interface Sample {
  schema: object;
  value: unknown;
  written: unknown;
}

const leaf: fc.Arbitrary<Sample> = fc.oneof(
  fc.string().map((value) => ({ schema: text, value, written: value })),
  fc
    .integer({ min: 1, max: 9 })
    .map((value) => ({ schema: { type: 'integer', minimum: 1 }, value, written: value })),
  fc.boolean().map((value) => ({ schema: { type: 'boolean' }, value, written: value })),
  fc.constantFrom('a', 'b').map((value) => ({ schema: { enum: ['a', 'b'] }, value, written: value })),
);

const { sample } = fc.letrec<{ sample: Sample; list: Sample; object: Sample }>((tie) => ({
  sample: fc.oneof({ depthSize: 'small' }, leaf, tie('list'), tie('object')),
  list: tie('sample').map(({ schema, value, written }) => ({
    schema: { type: 'array', items: schema },
    value: [value, value],
    written: [written, written],
  })),
  object: fc
    .dictionary(
      fc.string({ minLength: 1, maxLength: 6 }),
      fc.record({ member: tie('sample'), required: fc.boolean(), given: fc.boolean() }),
      { minKeys: 1, maxKeys: 4 },
    )
    .map((members) => {
      const entries = Object.entries(members);
      const pick = (of: (one: (typeof members)[string]) => unknown) =>
        Object.fromEntries(entries.map(([key, one]) => [key, of(one)]));
      const present = entries.filter(([, { required, given }]) => required || given);
      return {
        schema: {
          type: 'object',
          properties: pick(({ member }) => member.schema),
          required: entries.filter(([, { required }]) => required).map(([key]) => key),
        },
        value: Object.fromEntries(present.map(([key, { member }]) => [key, member.value])),
        written: pick(({ member, required, given }) => (required || given ? member.written : null)),
      };
    }),
}));

test('whatever a tool takes can be written in strict mode, and comes back as it was', () => {
  const ajv = new Ajv2020({ strict: false });
  const root = sample.filter(({ schema }) => 'properties' in schema);
  fc.assert(
    fc.property(root, ({ schema, value, written }) => {
      const [tool] = toOpenAITools([toolWith(schema)], { strict: true });
      expect(tool?.function.strict).toBe(true);
      expect(ajv.validate(tool?.function.parameters ?? {}, written), JSON.stringify(ajv.errors)).toBe(true);
      const restored = restoredArguments(schema, written as Record<string, unknown>, { strict: true });
      expect(restored).toEqual(value);
      expect(ajv.validate(schema, restored)).toBe(true);
    }),
    { numRuns: 150 },
  );
});
