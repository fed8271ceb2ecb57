import { describe, expect, test } from 'vitest';
import {
  looksHashed,
  plainAddress,
  qualifiedName,
  type ToolAddress,
  toolNames,
} from '../../../src/manager/tool-names.js';

const SAFE = /^[A-Za-z0-9_-]{1,64}$/;

describe('a qualified name', () => {
  test.each([
    ['github', 'create_issue', 'github__create_issue'],
    ['a', 'b', 'a__b'],
    ['a_b', 'c-d', 'a_b__c-d'],
    ['0', '0', '0__0'],
    ['s', '_private', 's___private'],
    ['s', 'two__parts', 's__two__parts'],
    ['s'.repeat(31), 't'.repeat(31), `${'s'.repeat(31)}__${'t'.repeat(31)}`],
  ])('of %s and %s is plain', (server, toolName, expected) => {
    expect(qualifiedName({ server, toolName })).toBe(expected);
    expect(plainAddress(expected)).toEqual({ server, toolName });
  });

  test.each([
    ['a dot', 'srv', 'files.read'],
    ['a slash', 'srv', 'files/read'],
    ['a space', 'srv', 'read file'],
    ['other letters', 'srv', 'größe'],
    ['an emoji', 'srv', '🔥'],
    ['a newline', 'srv', 'a\nb'],
    ['one character too many', 'srv', 't'.repeat(60)],
    ['a very long name', 'srv', 't'.repeat(5_000)],
    ['a server as long as can be', 's'.repeat(64), 'tool'],
    ['a server that ends in an underscore', 'a_', 'b'],
  ])('with %s is cut, made safe and gets a hash', (_what, server, toolName) => {
    const name = qualifiedName({ server, toolName });
    expect(name).toMatch(SAFE);
    expect(looksHashed(name)).toBe(true);
    expect(qualifiedName({ server, toolName })).toBe(name);
    const plain = `${server}__${toolName}`.replace(/[^A-Za-z0-9_-]/g, '_');
    expect(name.slice(0, -11)).toBe(plain.slice(0, 53));
  });

  test('tells server a_ with tool b from server a with tool _b', () => {
    const first = qualifiedName({ server: 'a_', toolName: 'b' });
    const second = qualifiedName({ server: 'a', toolName: '_b' });
    expect(second).toBe('a___b');
    expect(first).not.toBe(second);
  });

  test('tells two unsafe names apart that look the same once they are safe', () => {
    const names = ['a.b', 'a/b', 'a b', 'a\u00e9b'].map((toolName) =>
      qualifiedName({ server: 's', toolName }),
    );
    expect(new Set(names).size).toBe(4);
    expect(new Set(names.map((name) => name.slice(0, -10)))).toEqual(new Set(['s__a_b_']));
  });

  test('tells long names apart that differ only at their end', () => {
    const names = ['1', '2'].map((end) => qualifiedName({ server: 's', toolName: 'x'.repeat(200) + end }));
    expect(new Set(names).size).toBe(2);
  });

  test('can be read back only if it has a separator after a server', () => {
    expect(plainAddress('no-separator')).toBeUndefined();
    expect(plainAddress('__tool')).toBeUndefined();
    expect(plainAddress('')).toBeUndefined();
    expect(plainAddress(`s__${'x'.repeat(80)}`)).toBeUndefined();
    expect(plainAddress('s__a.b')).toBeUndefined();
  });
});

describe('the names of a set of tools', () => {
  const odd: ToolAddress = { server: 'srv', toolName: 'we.ird' };
  /** A tool whose plain name is the hashed name of `odd`. */
  const impostor: ToolAddress = { server: 'srv', toolName: qualifiedName(odd).slice('srv__'.length) };

  test('lead from each tool to its name and back', () => {
    const tools = [odd, { server: 'srv', toolName: 'plain' }, { server: 'other', toolName: 'plain' }];
    const names = toolNames(tools);
    for (const tool of tools) expect(names.addressOf(names.nameOf(tool.server, tool.toolName))).toEqual(tool);
    expect([...names.all()].sort()).toEqual(['other__plain', qualifiedName(odd), 'srv__plain'].sort());
    expect(names.addressOf('srv__nobody')).toBeUndefined();
  });

  test('know what to call a tool that is not in the set', () => {
    expect(toolNames([]).nameOf('srv', 'plain')).toBe('srv__plain');
    expect(toolNames([]).nameOf('srv', 'we.ird')).toBe(qualifiedName(odd));
  });

  test('leave a plain name to its tool, and give the hashed tool that looks like it another one', () => {
    const names = toolNames([odd, impostor]);
    const name = qualifiedName(odd);
    expect(names.nameOf('srv', impostor.toolName)).toBe(name);
    expect(names.addressOf(name)).toEqual(impostor);
    const salted = names.nameOf('srv', 'we.ird');
    expect(salted).toBe(qualifiedName(odd, 1));
    expect(salted).toMatch(SAFE);
    expect(names.addressOf(salted)).toEqual(odd);
  });

  test('salt again when the salted name is taken too', () => {
    const second: ToolAddress = {
      server: 'srv',
      toolName: qualifiedName(odd, 1).slice('srv__'.length),
    };
    const names = toolNames([second, impostor, odd]);
    expect(names.nameOf('srv', 'we.ird')).toBe(qualifiedName(odd, 2));
    expect([...names.all()]).toHaveLength(3);
  });

  test('are the same in whatever order the tools come', () => {
    const tools = [odd, impostor, { server: 'a_', toolName: 'b' }, { server: 'a', toolName: '_b' }];
    const outcome = (order: readonly ToolAddress[]) => {
      const names = toolNames(order);
      return tools.map(({ server, toolName }) => names.nameOf(server, toolName));
    };
    const expected = outcome(tools);
    for (const order of permutations(tools)) expect(outcome(order)).toEqual(expected);
  });

  test.each([1, 2, 3, 4, 5])('are unique, safe and reversible for 2,000 random tools (seed %i)', (seed) => {
    const random = randomNumbers(seed);
    const pairs = new Map<string, ToolAddress>();
    while (pairs.size < 2_000) {
      const pair = { server: randomServer(random), toolName: randomText(random) };
      pairs.set(JSON.stringify(pair), pair);
    }
    const tools = [...pairs.values()];
    const names = toolNames(tools);
    const shuffled = toolNames([...tools].sort(() => random() - 0.5));
    const seen = new Set<string>();
    for (const tool of tools) {
      const name = names.nameOf(tool.server, tool.toolName);
      if (!SAFE.test(name) || seen.has(name)) expect.fail(`${JSON.stringify(tool)} is ${name}`);
      seen.add(name);
      expect(names.addressOf(name)).toEqual(tool);
      expect(shuffled.nameOf(tool.server, tool.toolName)).toBe(name);
    }
  });
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, at) =>
    permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  );
}

/** Mulberry32: the same numbers for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Few letters, so that names collide often once they are cut and made safe. */
const LETTERS = ['a', 'b', '_', '-', '.', '/', ' ', 'é', '🔥'];

function randomText(random: () => number): string {
  const length = random() < 0.8 ? 1 + Math.floor(random() * 6) : 50 + Math.floor(random() * 30);
  return Array.from({ length }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('');
}

function randomServer(random: () => number): string {
  const length = Math.floor(random() * 4);
  const rest = Array.from({ length }, () => ['a', '_', '-'][Math.floor(random() * 3)]).join('');
  return `a${rest}`.replaceAll(/_{2,}/g, '_');
}
