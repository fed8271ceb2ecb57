import {
  CallToolResultSchema,
  CompleteResultSchema,
  GetPromptResultSchema,
  InitializeResultSchema,
  PromptSchema,
  ReadResourceResultSchema,
  ResourceSchema,
  ResourceTemplateSchema,
  ToolSchema,
} from '@modelcontextprotocol/sdk/types.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { readPage } from '../../../../src/session/reading/entries.js';
import { readInitialization } from '../../../../src/session/reading/initialization.js';
import { RESULT_READERS } from '../../../../src/session/reading/results.js';

const URI = 'file:///asked';
const call = (result: unknown) => RESULT_READERS['tools/call'](result, { name: 'x' });
const resource = (result: unknown) => RESULT_READERS['resources/read'](result, { uri: URI });
const prompt = (result: unknown) => RESULT_READERS['prompts/get'](result, { name: 'x' });
const complete = (result: unknown) => RESULT_READERS['completion/complete'](result, {} as never);

const TEXT = { type: 'text', text: 'paid' };

describe('the result of a tool', () => {
  test.each<[string, unknown, object]>([
    ['content that is null', { content: null }, { content: [] }],
    ['no content', { structuredContent: { a: 1 } }, { content: [], structuredContent: { a: 1 } }],
    ['content that is a text', { content: 'paid' }, { content: [TEXT] }],
    ['content that is one block', { content: TEXT }, { content: [TEXT] }],
    ['texts among the blocks', { content: ['paid'] }, { content: [TEXT] }],
    ['null among the blocks', { content: [null, TEXT, null] }, { content: [TEXT] }],
    ['a block without a type', { content: [{ text: 'paid' }] }, { content: [TEXT] }],
    [
      'a block of another type',
      { content: [{ type: 'video', data: 'eA==' }] },
      { content: [{ type: 'video', data: 'eA==' }] },
    ],
    ['annotations that are null', { content: [{ ...TEXT, annotations: null }] }, { content: [TEXT] }],
    ['annotations that are a text', { content: [{ ...TEXT, annotations: 'high' }] }, { content: [TEXT] }],
    [
      'members that nobody knows',
      { content: [{ ...TEXT, cost: 5 }], took: 1 },
      { content: [{ ...TEXT, cost: 5 }], took: 1 },
    ],
    [
      'a text that is a number',
      { content: [{ type: 'text', text: 42 }] },
      { content: [{ type: 'text', text: '42' }] },
    ],
    [
      'a text that is an object',
      { content: [{ type: 'text', text: { a: 1 } }] },
      { content: [{ type: 'text', text: '{"a":1}' }] },
    ],
    [
      'an image without a media type',
      { content: [{ type: 'image', data: 'eA==' }] },
      { content: [{ type: 'image', data: 'eA==', mimeType: 'application/octet-stream' }] },
    ],
    [
      'data that is base64url',
      { content: [{ type: 'image', data: 'a-_b', mimeType: 'image/png' }] },
      { content: [{ type: 'image', data: 'a-_b', mimeType: 'image/png' }] },
    ],
    ['_meta that is null', { content: [TEXT], _meta: null }, { content: [TEXT] }],
    ['_meta that is an empty array', { content: [TEXT], _meta: [] }, { content: [TEXT], _meta: {} }],
    ['isError that is null', { content: [TEXT], isError: null }, { content: [TEXT] }],
    ['isError that is a text', { content: [TEXT], isError: 'true' }, { content: [TEXT], isError: true }],
    ['isError that is a number', { content: [TEXT], isError: 0 }, { content: [TEXT], isError: false }],
    ['structuredContent that is null', { content: [TEXT], structuredContent: null }, { content: [TEXT] }],
    [
      'structuredContent that is an array',
      { content: [TEXT], structuredContent: [1] },
      { content: [TEXT], structuredContent: [1] },
    ],
    [
      'a resource without its URI',
      { content: [{ type: 'resource', resource: { text: 'x' } }] },
      { content: [{ type: 'resource', resource: { text: 'x', uri: '' } }] },
    ],
    [
      'a resource that is null',
      { content: [{ type: 'resource', resource: null }] },
      { content: [{ type: 'resource', resource: { uri: '', text: '' } }] },
    ],
    ['content alone', [TEXT], { content: [TEXT] }],
    ['a text alone', 'paid', { content: [TEXT] }],
    ['null', null, { content: [] }],
    ['an empty array', [], { content: [] }],
  ])('is understood with %s', (_what, result, expected) => {
    expect(call(result)).toEqual(expected);
  });

  test('that is right is handed on as it is', () => {
    const result = {
      content: [TEXT, { type: 'image', data: 'eA==', mimeType: 'image/png' }],
      isError: false,
    };
    expect(call(result)).toBe(result);
  });

  test('is not changed where it comes from', () => {
    const result = Object.freeze({ content: Object.freeze([Object.freeze({ ...TEXT, annotations: null })]) });
    expect(call(result)).toEqual({ content: [TEXT] });
    expect(result.content[0]).toHaveProperty('annotations', null);
  });
});

describe('the result of', () => {
  test.each<[string, unknown, object]>([
    ['null', null, { contents: [] }],
    ['contents that are null', { contents: null }, { contents: [] }],
    ['one of contents', { contents: { uri: 'a:b', text: 'x' } }, { contents: [{ uri: 'a:b', text: 'x' }] }],
    ['contents without a URI', { contents: [{ text: 'x' }] }, { contents: [{ uri: URI, text: 'x' }] }],
    ['the contents alone', { uri: 'a:b', text: 'x' }, { contents: [{ uri: 'a:b', text: 'x' }] }],
    [
      'a media type that is null',
      { contents: [{ uri: 'a:b', text: 'x', mimeType: null }] },
      { contents: [{ uri: 'a:b', text: 'x' }] },
    ],
  ])('reading a resource is understood with %s', (_what, result, expected) => {
    expect(resource(result)).toEqual(expected);
  });

  test.each<[string, unknown, object]>([
    ['null', null, { messages: [] }],
    ['a description that is null', { messages: [], description: null }, { messages: [] }],
    [
      'content that is a text',
      { messages: [{ role: 'user', content: 'hi' }] },
      { messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }] },
    ],
    [
      'a list of blocks',
      { messages: [{ role: 'assistant', content: [TEXT, 'more'] }] },
      {
        messages: [
          { role: 'assistant', content: TEXT },
          { role: 'assistant', content: { type: 'text', text: 'more' } },
        ],
      },
    ],
    [
      'a text for a message',
      { messages: ['hi'] },
      { messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }] },
    ],
    ['messages alone', [{ role: 'user', content: TEXT }], { messages: [{ role: 'user', content: TEXT }] }],
  ])('getting a prompt is understood with %s', (_what, result, expected) => {
    expect(prompt(result)).toEqual(expected);
  });

  test.each<[unknown, object]>([
    [null, { completion: { values: [] } }],
    [{ completion: null }, { completion: { values: [] } }],
    [{ completion: { values: null, total: null } }, { completion: { values: [] } }],
    [
      { completion: { values: ['a', 5], total: '2', hasMore: 'false' } },
      { completion: { values: ['a', '5'], total: 2, hasMore: false } },
    ],
  ])('completing is understood when it is %j', (result, expected) => {
    expect(complete(result)).toEqual(expected);
  });

  test.each([null, [], {}, 'ok', true, 7])('a ping is a sign of life when it is %j', (result) => {
    expect(RESULT_READERS.ping(result, undefined)).toEqual({});
  });
});

describe('an initialization', () => {
  const valid = {
    protocolVersion: '2025-06-18',
    capabilities: { tools: { listChanged: true } },
    serverInfo: { name: 's', version: '1' },
  };
  test.each<[string, object, object]>([
    ['instructions that are null', { instructions: null }, { instructions: undefined }],
    [
      'a title that is null',
      { serverInfo: { name: 's', version: '1', title: null } },
      { serverInfo: { name: 's', version: '1' } },
    ],
    ['no version', { serverInfo: { name: 's' } }, { serverInfo: { name: 's', version: '' } }],
    [
      'a version that is a number',
      { serverInfo: { name: 's', version: 2 } },
      { serverInfo: { name: 's', version: '2' } },
    ],
    ['serverInfo that is null', { serverInfo: null }, { serverInfo: { name: '', version: '' } }],
    [
      'a capability that is null',
      { capabilities: { tools: {}, logging: null } },
      { capabilities: { tools: {} } },
    ],
    ['a capability that is an empty array', { capabilities: { tools: [] } }, { capabilities: { tools: {} } }],
    ['a capability that is true', { capabilities: { tools: true } }, { capabilities: { tools: {} } }],
    [
      'a capability that is false',
      { capabilities: { tools: {}, prompts: false } },
      { capabilities: { tools: {} } },
    ],
    [
      'a member of one that is null',
      { capabilities: { tools: { listChanged: null } } },
      { capabilities: { tools: {} } },
    ],
    ['capabilities that are null', { capabilities: null }, { capabilities: undefined }],
    ['capabilities that are an empty array', { capabilities: [] }, { capabilities: {} }],
  ])('is understood with %s', (_what, members, expected) => {
    expect(readInitialization({ ...valid, ...members })).toMatchObject(expected);
  });

  test.each([null, undefined, {}, { hello: 'world' }, [], 'ok'])('is none when it is %j', (result) => {
    expect(readInitialization(result)).toBeUndefined();
  });
});

// ── Beside the official schemas ───────────────────────────────────────────────

/** Any JSON in the place of any member. */
const odd = fc.oneof(
  fc.constantFrom(null, [], {}, '', 0, -1, 1e308, true, false, 'text', [null], [[]], { a: null }),
  fc.string(),
  fc.jsonValue({ maxDepth: 2 }),
);
const withOdd = (valid: unknown): fc.Arbitrary<unknown> => {
  const paths: (string | number)[][] = [];
  const walk = (at: unknown, path: (string | number)[]) => {
    paths.push(path);
    if (Array.isArray(at)) for (const [position, item] of at.entries()) walk(item, [...path, position]);
    else if (typeof at === 'object' && at !== null)
      for (const [name, member] of Object.entries(at)) walk(member, [...path, name]);
  };
  walk(valid, []);
  return fc.tuple(fc.constantFrom(...paths), odd).map(([path, value]) => replaced(valid, path, value));
};

function replaced(at: unknown, [first, ...rest]: (string | number)[], value: unknown): unknown {
  if (first === undefined) return value;
  const copy = Array.isArray(at) ? [...at] : { ...(at as object) };
  (copy as Record<string | number, unknown>)[first] = replaced((at as never)[first], rest, value);
  return copy;
}

const annotations = { audience: ['user'], priority: 0.5, lastModified: '2025-01-01T00:00:00Z' };
const icons = [{ src: 'https://a.test/i.png', mimeType: 'image/png', sizes: ['48x48'] }];
const VALID = {
  tool: {
    content: [
      { ...TEXT, annotations, _meta: { a: 1 } },
      { type: 'image', data: 'eA==', mimeType: 'image/png' },
      { type: 'audio', data: 'eA==', mimeType: 'audio/wav' },
      { type: 'resource', resource: { uri: 'a:b', text: 'x', mimeType: 'text/plain' } },
      { type: 'resource_link', uri: 'a:b', name: 'n', title: 't', size: 5, description: 'd', icons },
    ],
    structuredContent: { a: [1] },
    isError: false,
    _meta: { b: 2 },
  },
  resource: {
    contents: [
      { uri: 'a:b', text: 'x' },
      { uri: 'a:c', blob: 'eA==', mimeType: 'image/png' },
    ],
  },
  prompt: { description: 'd', messages: [{ role: 'user', content: TEXT }] },
  completion: { completion: { values: ['a'], total: 1, hasMore: false } },
  initialization: {
    protocolVersion: '2025-06-18',
    capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
    serverInfo: { name: 's', version: '1', title: 't', icons },
    instructions: 'i',
  },
  tools: {
    name: 'n',
    title: 't',
    description: 'd',
    inputSchema: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
    outputSchema: { type: 'object', properties: {} },
    annotations: { title: 't', readOnlyHint: true },
    icons,
    _meta: {},
  },
  resources: {
    uri: 'a:b',
    name: 'n',
    title: 't',
    description: 'd',
    mimeType: 'm',
    size: 1,
    annotations,
    icons,
  },
  resourceTemplates: { uriTemplate: 'a:{b}', name: 'n', description: 'd', mimeType: 'm', annotations },
  prompts: { name: 'n', description: 'd', arguments: [{ name: 'a', description: 'd', required: true }] },
};

const ENTRIES = {
  tools: ToolSchema,
  resources: ResourceSchema,
  resourceTemplates: ResourceTemplateSchema,
  prompts: PromptSchema,
} as const;

/** What the reading lets through on purpose, where the official schema does not. */
function isOfficial(schema: z.ZodType, value: unknown): boolean {
  const { error } = schema.safeParse(value);
  return (error?.issues ?? []).every((issue) =>
    ALLOWED.some((allowed) => allowed.test(JSON.stringify(issue))),
  );
}
const ALLOWED: readonly RegExp[] = [
  /"path":\["content",\d+/, // blocks of another type, data that is no base64
  /"structuredContent"/, // any JSON
  /"blob"|"text"/, // contents with neither, and what is no base64
  /"role"|"audience"|"lastModified"|"priority"|"uri"|"theme"|"taskSupport"/, // texts and numbers of another kind
  /"path":\["(messages|contents)",\d+/,
  /"outputSchema","type"/, // a schema of something else than an object
  /"values"|"total"/, // more than 100
  /"required",\d+|"required"/, // names that are none
  /"properties","/, // false and true, which are schemas
  /"path":\["capabilities","(logging|prompts|completions|experimental|tasks)"/, // any members
];

describe('whatever stands in the place of a member', () => {
  const RUNS = { numRuns: 400 } as const;
  test.each([
    ['the result of a tool', VALID.tool, call, CallToolResultSchema],
    ['the result of reading a resource', VALID.resource, resource, ReadResourceResultSchema],
    ['the result of getting a prompt', VALID.prompt, prompt, GetPromptResultSchema],
    ['the result of a completion', VALID.completion, complete, CompleteResultSchema],
  ] as const)('%s is read, and is what the protocol says', (_what, valid, reader, schema) => {
    expect(schema.safeParse(reader(valid)).success).toBe(true);
    expect(reader(valid)).toEqual(valid);
    fc.assert(
      fc.property(withOdd(valid), (result) => isOfficial(schema as z.ZodType, reader(result))),
      RUNS,
    );
  });

  test('an initialization is read, and is what the protocol says', () => {
    fc.assert(
      fc.property(withOdd(VALID.initialization), (result) => {
        const read = readInitialization(result);
        if (read === undefined) return true;
        const { capabilities = {}, protocolVersion = '', ...rest } = read;
        return isOfficial(
          InitializeResultSchema,
          JSON.parse(JSON.stringify({ capabilities, protocolVersion, ...rest })),
        );
      }),
      RUNS,
    );
  });

  test.each(Object.keys(ENTRIES) as (keyof typeof ENTRIES)[])(
    'an entry of %s is what the protocol says',
    (kind) => {
      expect(readPage(kind, { [kind]: [VALID[kind]] }).entries).toEqual([VALID[kind]]);
      fc.assert(
        fc.property(withOdd(VALID[kind]), (entry) => {
          const { entries, rejected } = readPage(kind, { [kind]: [entry] });
          return (
            entries.length + rejected.count === 1 && entries.every((each) => isOfficial(ENTRIES[kind], each))
          );
        }),
        RUNS,
      );
    },
  );
});
