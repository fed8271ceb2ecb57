import { describe, expect, test } from 'vitest';
import { nearest, nearestHint } from '../../../src/core/nearest.js';

describe('nearest', () => {
  test('gives the names that look most alike, best first', () => {
    const known = ['delete_issue', 'create_issue', 'search_code', 'search_issues'];
    expect(nearest('serach_code', known)).toEqual(['search_code', 'search_issues', 'create_issue']);
  });

  test('gives at most three', () => {
    expect(nearest('a', ['a1', 'a2', 'a3', 'a4', 'a5'])).toHaveLength(3);
    expect(nearest('a', ['b'])).toEqual(['b']);
    expect(nearest('a', [])).toEqual([]);
  });

  test('takes names equally near in their own order, not in that of the list', () => {
    expect(nearest('x', ['d', 'b', 'c', 'a'])).toEqual(['a', 'b', 'c']);
  });

  test('does not mind case, and keeps it', () => {
    expect(nearest('GITHUB', ['gitlab', 'GitHub'])).toEqual(['GitHub', 'gitlab']);
    expect(nearest('github', ['gitlab', 'GITHUB'])[0]).toBe('GITHUB');
  });

  test('takes any iterable', () => {
    expect(nearest('b', new Map([['b', 1]]).keys())).toEqual(['b']);
  });
});

describe('nearestHint', () => {
  test('lists the nearest names', () => {
    expect(nearestHint('githb', ['github', 'jira'])).toBe('; nearest: github, jira');
  });

  test('says so when nothing is known', () => {
    expect(nearestHint('githb', [])).toBe('; none is known');
  });
});
