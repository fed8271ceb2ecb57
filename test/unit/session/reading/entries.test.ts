import { describe, expect, test } from 'vitest';
import { readPage } from '../../../../src/session/reading/entries.js';
import { tool } from '../../client/fakes.js';

describe('a page', () => {
  test('holds its entries and the cursor of the next one', () => {
    const entries = [tool('a'), tool('b', { description: 'B' })];
    expect(readPage('tools', { tools: entries, nextCursor: 'next' })).toMatchObject({
      entries,
      nextCursor: 'next',
      rejected: { count: 0, first: [] },
    });
  });

  test.each([undefined, null, ''])('without a next one has none: %j', (nextCursor) => {
    expect(readPage('tools', { tools: [], nextCursor }).nextCursor).toBeUndefined();
  });

  test('hands a cursor back as it came', () => {
    expect(readPage('tools', { tools: [], nextCursor: 2 }).nextCursor).toBe(2);
  });

  test.each([
    [
      { ttlMs: 5, cacheScope: 'public' },
      { ttlMs: 5, isPrivate: false },
    ],
    [
      { ttlMs: '5', cacheScope: 'private' },
      { ttlMs: 5, isPrivate: true },
    ],
    [{ ttlMs: -1 }, { ttlMs: 0, isPrivate: true }],
    [{ cacheScope: 'private' }, { ttlMs: undefined, isPrivate: true }],
    [{ cacheScope: 'public' }, { ttlMs: undefined, isPrivate: undefined }],
    [
      { ttlMs: null, cacheScope: 7 },
      { ttlMs: undefined, isPrivate: undefined },
    ],
  ])('says how long it holds, and whether for all: %j', (hints, { ttlMs, isPrivate }) => {
    const page = readPage('tools', { tools: [], ...hints });
    expect([page.ttlMs, page.isPrivate]).toEqual([ttlMs, isPrivate]);
  });

  test('leaves out what is no entry, counts it and names the first of it', () => {
    const page = readPage('tools', {
      tools: [
        tool('first'),
        { name: 'number', inputSchema: 5 },
        { name: 'array', inputSchema: { type: 'array' } },
        null,
        'text',
        { inputSchema: { type: 'object' } },
        { name: 7, inputSchema: { type: 'object' } },
        { name: '', inputSchema: { type: 'object' } },
        tool('last'),
      ],
    });
    expect(page.entries.map(({ name }) => name)).toEqual(['first', 'last']);
    expect(page.rejected).toEqual({
      count: 7,
      first: [
        '"number": inputSchema: expected the schema of an object',
        '"array": inputSchema: expected the schema of an object',
        '#3: not an object',
      ],
    });
  });

  test('knows the entries of each list by their own member', () => {
    expect(readPage('resources', { resources: [{ uri: 'a:b' }, { name: 'y' }] })).toMatchObject({
      entries: [{ uri: 'a:b', name: 'a:b' }],
      rejected: { count: 1, first: ['"y": uri: expected a text that is not empty'] },
    });
    expect(
      readPage('resourceTemplates', {
        resourceTemplates: [{ uriTemplate: 'a:{b}', name: 'x' }, { uri: 'a:b' }],
      }),
    ).toMatchObject({ entries: [{ uriTemplate: 'a:{b}' }], rejected: { count: 1 } });
    expect(readPage('prompts', { prompts: [{ name: 'x' }, { name: 'y', arguments: null }] }).entries).toEqual(
      [{ name: 'x' }, { name: 'y' }],
    );
  });

  test.each([{}, { tools: null }, { tools: 'none' }, null, [], 'x'])(
    'is empty when the result is %j',
    (result) => {
      expect(readPage('tools', result).entries).toEqual([]);
    },
  );

  test('is understood when the list comes alone, or as an object', () => {
    expect(readPage('tools', [tool('a')]).entries).toEqual([tool('a')]);
    expect(readPage('tools', { tools: { 0: tool('a') } }).entries).toEqual([tool('a')]);
  });

  test('leaves out an entry that is larger than 256 KB', () => {
    const large = tool('large', { description: 'x'.repeat(262_200) });
    const page = readPage('tools', { tools: [tool('a'), large] });
    expect(page.entries.map(({ name }) => name)).toEqual(['a']);
    expect(page.rejected.first).toEqual(['"large": larger than 262144 characters']);
  });
});

describe('a tool', () => {
  const schemaOf = (inputSchema: unknown) =>
    readPage('tools', { tools: [{ name: 'a', inputSchema }] }).entries[0]?.inputSchema;

  test.each<[string, unknown, object | undefined]>([
    ['no schema', undefined, { type: 'object' }],
    ['a schema that is null', null, { type: 'object' }],
    ['a schema that is an empty array', [], { type: 'object' }],
    ['a schema that is true', true, { type: 'object' }],
    ['a schema without a type', { properties: {} }, { properties: {}, type: 'object' }],
    ['a type in capitals', { type: 'OBJECT' }, { type: 'object' }],
    ['several types', { type: ['object', 'null'] }, { type: 'object' }],
    [
      'properties that are an empty array',
      { type: 'object', properties: [] },
      { type: 'object', properties: {} },
    ],
    ['required that is null', { type: 'object', required: null }, { type: 'object' }],
    [
      'required that is an object',
      { type: 'object', required: { 0: 'a' } },
      { type: 'object', required: ['a'] },
    ],
    [
      'a property that is no schema',
      { type: 'object', properties: { a: 5, b: null, c: true } },
      { type: 'object', properties: { a: {}, b: {}, c: true } },
    ],
    [
      'empty arrays deeper in it',
      { type: 'object', properties: { a: { type: 'object', properties: [], description: null } } },
      { type: 'object', properties: { a: { type: 'object', properties: {} } } },
    ],
    [
      'null as a value',
      { type: 'object', properties: { a: { default: null, const: null } } },
      { type: 'object', properties: { a: { default: null, const: null } } },
    ],
    [
      'additionalProperties that are false',
      { type: 'object', additionalProperties: false },
      { type: 'object', additionalProperties: false },
    ],
    ['keywords that nobody knows', { type: 'object', 'x-order': [1] }, { type: 'object', 'x-order': [1] }],
    ['a schema that is a number', 5, undefined],
    ['a schema of something else', { type: 'string' }, undefined],
  ])('with %s has the schema of an object', (_what, given, expected) => {
    expect(schemaOf(given)).toEqual(expected);
  });

  test('keeps the members that newer revisions add', () => {
    const full = {
      ...tool('a'),
      icons: [{ src: 'a:b' }],
      title: 'T',
      _meta: { a: 1 },
      execution: { taskSupport: 'required' },
      cost: 5,
    };
    expect(readPage('tools', { tools: [full] }).entries).toEqual([full]);
  });

  test.each(['description', 'title', 'annotations', 'outputSchema', 'icons', '_meta', 'execution'])(
    'with %s that is null has none',
    (member) => {
      expect(readPage('tools', { tools: [{ ...tool('a'), [member]: null }] }).entries).toEqual([tool('a')]);
    },
  );
});
