import { describe, expect, test } from 'vitest';
import { CANONICAL, canonicalJson } from '../../../src/core/canonical-json.js';

describe('equal values', () => {
  test('have one text, whatever the order of their keys', () => {
    expect(canonicalJson({ a: 1, b: 2, c: 3 })).toBe(canonicalJson({ c: 3, a: 1, b: 2 }));
  });

  test('have one text at every depth', () => {
    const one = { list: [{ x: 1, y: { z: [2, { p: 3, q: 4 }] } }], name: 'n' };
    const other = { name: 'n', list: [{ y: { z: [2, { q: 4, p: 3 }] }, x: 1 }] };
    expect(canonicalJson(one)).toBe(canonicalJson(other));
  });

  test('may differ in members that are undefined', () => {
    expect(canonicalJson({ a: 1, b: undefined })).toBe(canonicalJson({ a: 1 }));
    expect(canonicalJson({ b: undefined })).toBe('{}');
  });

  test('may have a prototype or none', () => {
    expect(canonicalJson(Object.assign(Object.create(null), { a: 1 }))).toBe(canonicalJson({ a: 1 }));
  });

  test('are plain JSON where JSON can say it', () => {
    const value = { a: 'x"\n', b: [1, -2.5, true, null], c: {} };
    expect(JSON.parse(canonicalJson(value))).toEqual(value);
  });

  test('are found equal in every order of keys, in trees grown at random', () => {
    const random = randomOf(20_261_122);
    for (let round = 0; round < 500; round++) {
      const tree = treeOf(random, 4);
      const text = canonicalJson(tree);
      expect(canonicalJson(shuffled(random, tree))).toBe(text);
      expect(JSON.parse(text)).toEqual(tree);
    }
  });
});

describe('different values', () => {
  const values: [string, unknown][] = [
    ['null', null],
    ['undefined', undefined],
    ['true', true],
    ['"true"', 'true'],
    ['0', 0],
    ['1', 1],
    ['"1"', '1'],
    ['1n', 1n],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['"#NaN"', '#NaN'],
    ['"#undefined"', '#undefined'],
    ['""', ''],
    ['[]', []],
    ['[[]]', [[]]],
    ['[null]', [null]],
    ['[undefined]', [undefined]],
    ['[1,2]', [1, 2]],
    ['[2,1]', [2, 1]],
    ['["1,2"]', ['1,2']],
    ['{}', {}],
    ['{a:null}', { a: null }],
    ['{a:1}', { a: 1 }],
    ['{a:{}}', { a: {} }],
    ['{"a:1":1}', { 'a:1': 1 }],
    ['{b:1}', { b: 1 }],
    ['a URL', new URL('https://example.com/a')],
    ['another URL', new URL('https://example.com/b')],
    ['a function', () => 1],
    ['another function', () => 1],
    ['an instance', new Date(0)],
    ['an equal instance', new Date(0)],
    ['a symbol', Symbol('s')],
  ];

  test('have different texts', () => {
    const byText = new Map<string, string[]>();
    for (const [name, value] of values) {
      const text = canonicalJson(value);
      byText.set(text, [...(byText.get(text) ?? []), name]);
    }
    expect([...byText.values()].filter((names) => names.length > 1)).toEqual([]);
  });
});

describe('what has no JSON form', () => {
  class Provider {
    constructor(readonly name: string) {}
  }

  test('a URL counts as its text', () => {
    expect(canonicalJson(new URL('https://example.com'))).toBe(
      canonicalJson(new URL('https://EXAMPLE.com/')),
    );
  });

  test('a function is equal to itself alone', () => {
    const same = () => 1;
    expect(canonicalJson({ f: same })).toBe(canonicalJson({ f: same }));
    expect(canonicalJson({ f: same })).not.toBe(canonicalJson({ f: () => 1 }));
  });

  test('an instance of a class is equal to itself alone, even when it changes', () => {
    const same = new Provider('a');
    const before = canonicalJson([same]);
    Object.assign(same, { name: 'b' });
    expect(canonicalJson([same])).toBe(before);
    expect(canonicalJson([new Provider('a')])).not.toBe(canonicalJson([new Provider('a')]));
  });

  test('an instance says nothing of its members', () => {
    expect(canonicalJson(new Provider('canary'))).not.toContain('canary');
  });

  test('an instance with a CANONICAL member is equal to those that say the same', () => {
    class Named {
      constructor(readonly text: string) {}
      get [CANONICAL]() {
        return this.text;
      }
    }
    expect(canonicalJson(new Named('a'))).toBe(canonicalJson(new Named('a')));
    expect(canonicalJson(new Named('a'))).not.toBe(canonicalJson(new Named('b')));
  });

  test('CANONICAL is shared by all copies of the library', () => {
    expect(CANONICAL).toBe(Symbol.for('mcp-fleet.canonical'));
  });

  test('a CANONICAL member that is no string does not count', () => {
    class Odd {
      get [CANONICAL]() {
        return 1;
      }
    }
    expect(canonicalJson(new Odd())).not.toBe(canonicalJson(new Odd()));
  });
});

/** Numbers in [0, 1), the same in every run (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

function treeOf(random: () => number, depth: number): unknown {
  const leaves = [null, true, false, 0, -1, 1.5, '', 'a', '"', '\u2028', '😀', '#1', '{}'];
  const kind = random();
  if (depth === 0 || kind < 0.3) return leaves[Math.floor(random() * leaves.length)];
  const size = Math.floor(random() * 5);
  if (kind < 0.5) return Array.from({ length: size }, () => treeOf(random, depth - 1));
  const keys = ['a', 'b', 'B', '10', '9', '', 'é', '__proto', 'constructor', 'a"b'];
  return Object.fromEntries(
    Array.from({ length: size }, () => [keys[Math.floor(random() * keys.length)], treeOf(random, depth - 1)]),
  );
}

function shuffled(random: () => number, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((member) => shuffled(random, member));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => ({
    entry: [key, shuffled(random, member)] as const,
    place: random(),
  }));
  return Object.fromEntries(entries.sort((a, b) => a.place - b.place).map(({ entry }) => entry));
}
