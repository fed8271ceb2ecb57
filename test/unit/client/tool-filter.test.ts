import { describe, expect, test } from 'vitest';
import { toolFilter } from '../../../src/client/tool-filter.js';

const NAMES = ['read_file', 'read_dir', 'write_file', 'delete', 'a.b', 'a+b'];

describe('a tool filter', () => {
  test.each<[string, Parameters<typeof toolFilter>[0], string[]]>([
    ['lets everything pass by default', undefined, NAMES],
    ['lets everything pass when it is empty', {}, NAMES],
    ['lets nothing pass when nothing is allowed', { allow: [] }, []],
    ['lets pass what is named', { allow: ['delete'] }, ['delete']],
    ['takes * for any run of characters', { allow: ['read_*'] }, ['read_file', 'read_dir']],
    ['takes * in the middle and twice', { allow: ['*e*_f*e'] }, ['read_file', 'write_file']],
    ['lets everything pass with * alone', { allow: ['*'] }, NAMES],
    ['takes away what is denied', { deny: ['delete', 'write_*'] }, ['read_file', 'read_dir', 'a.b', 'a+b']],
    ['lets deny win', { allow: ['*_file'], deny: ['write_file'] }, ['read_file']],
    ['takes every other character as it is', { allow: ['a.b'] }, ['a.b']],
    ['takes plus signs as they are', { allow: ['a+b'] }, ['a+b']],
    ['matches whole names', { allow: ['read', 'file'] }, []],
  ])('%s', (_what, options, expected) => {
    expect(NAMES.filter(toolFilter(options))).toEqual(expected);
  });

  test('takes the special characters of patterns literally', () => {
    const special = '\\^$.+?()[]{}|/-';
    expect(toolFilter({ allow: [special] })(special)).toBe(true);
    expect(toolFilter({ allow: [`${special}*`] })(`${special}x`)).toBe(true);
    expect(toolFilter({ allow: ['[ab]'] })('a')).toBe(false);
  });

  test('lets * stand for line breaks and for nothing', () => {
    expect(toolFilter({ allow: ['a*b'] })('a\n\nb')).toBe(true);
    expect(toolFilter({ allow: ['a*b'] })('ab')).toBe(true);
    expect(toolFilter({ allow: ['a'] })('a\n')).toBe(false);
  });

  test('is quick with a pattern of many stars, whatever names a server makes up', { timeout: 1_000 }, () => {
    const filter = toolFilter({ allow: [`${'*a'.repeat(30)}b`] });
    expect(filter('a'.repeat(100_000))).toBe(false);
    expect(filter(`${'a'.repeat(100_000)}b`)).toBe(true);
  });
});
