import { describe, expect, test } from 'vitest';
import { pageOf } from '../../../src/session/schemas.js';
import { tool } from '../client/fakes.js';

describe('a page', () => {
  test('holds its entries and the cursor of the next one', () => {
    const entries = [tool('a'), tool('b', { description: 'B' })];
    expect(pageOf('tools', { tools: entries, nextCursor: 'next' })).toEqual({
      entries,
      nextCursor: 'next',
      rejected: [],
    });
  });

  test.each([undefined, null])('without a next one has none: %s', (nextCursor) => {
    expect(pageOf('tools', { tools: [], nextCursor }).nextCursor).toBeUndefined();
  });

  test('leaves out the entries that are not what the protocol says, and names each', () => {
    const page = pageOf('tools', {
      tools: [
        tool('first'),
        { name: 'no schema' },
        { name: 'array', inputSchema: { type: 'array' } },
        null,
        'text',
        { inputSchema: { type: 'object' } },
        { name: 7, inputSchema: { type: 'object' } },
        { name: 'x'.repeat(1_000) },
        tool('last'),
      ],
    });
    expect(page.entries.map(({ name }) => name)).toEqual(['first', 'last']);
    expect(page.rejected.map((text) => text.split(':')[0]?.slice(0, 20))).toEqual([
      '"no schema"',
      '"array"',
      '#3',
      '#4',
      '#5',
      '#6',
      `"${'x'.repeat(19)}`,
    ]);
    expect(page.rejected[0]).toContain('inputSchema');
    expect(page.rejected[1]).toContain('inputSchema.type');
    expect(page.rejected[3]).toContain('entry: ');
    for (const text of page.rejected) expect(text.length).toBeLessThan(300);
  });

  test('knows resources, templates and prompts by their own shape', () => {
    expect(
      pageOf('resources', { resources: [{ uri: 'a:b', name: 'x' }, { uri: 'a:c' }, { name: 'y' }] }),
    ).toMatchObject({
      entries: [{ uri: 'a:b' }],
      rejected: [expect.stringContaining('#1: name'), expect.stringContaining('"y": uri')],
    });
    expect(
      pageOf('resourceTemplates', {
        resourceTemplates: [{ uriTemplate: 'a:{b}', name: 'x' }, { uri: 'a:b' }],
      }),
    ).toMatchObject({ entries: [{ uriTemplate: 'a:{b}' }], rejected: [expect.any(String)] });
    expect(pageOf('prompts', { prompts: [{ name: 'x' }, { name: 'y', arguments: 'none' }] })).toMatchObject({
      entries: [{ name: 'x' }],
      rejected: [expect.stringContaining('"y": arguments')],
    });
  });

  test('without the list it should hold is empty', () => {
    expect(pageOf('tools', {}).entries).toEqual([]);
  });
});
