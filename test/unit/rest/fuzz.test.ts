import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RestDoor, restDoor } from '../../fixtures/rest-door.js';

const RUNS = 6_000;
/** What a client may be told of others' faults. */
const MAY_BE = new Set([502, 503, 504]);

let door: RestDoor;
beforeAll(async () => {
  door = await restDoor({ maxBodyBytes: 5_000, presets: { files: { url: 'https://8.8.8.8/mcp' } } });
  // The door is what is tried here, not what is behind it.
  await door.manager.removeServer('gone');
});
afterAll(() => door[Symbol.asyncDispose]());

const name = fc.oneof(
  fc.constantFrom(
    'math',
    'gone',
    'status',
    '__proto__',
    'constructor',
    '..',
    '%2e%2e',
    'a%00b',
    '%ff',
    '%',
    '',
  ),
  fc.string({ maxLength: 20, unit: 'grapheme' }).map(encodeURIComponent),
);
const path = fc.oneof(
  fc.constantFrom(
    ...[
      '/servers',
      '/servers/status',
      '/tools',
      '/tools/call',
      '/tools/batch',
      '/resources',
      '/resources/templates',
    ],
    ...[
      '/resources/read',
      '/prompts',
      '/prompts/get',
      '/oauth/refresh',
      '/health',
      '/openapi.json',
      '/docs',
      '/',
    ],
  ),
  name.map((one) => `/servers/${one}`),
  fc.array(name, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
);
const query = fc.oneof(
  fc.constant(''),
  fc.constantFrom(
    '?server_name=math',
    '?probe=true',
    '?server_name=',
    '?__proto__=1',
    '?a=%',
    '?server_name=math&server_name=x',
  ),
  fc.string({ maxLength: 30 }).map((text) => `?${encodeURI(text).replaceAll('#', '')}`),
);
const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'PROPFIND');
const key = fc.oneof(
  fc.constantFrom(
    'server_name',
    'tool_name',
    'arguments',
    'name',
    'url',
    'preset',
    'calls',
    'headers',
    'timeout',
  ),
  fc.constantFrom(
    'resource_uri',
    'prompt_name',
    'type',
    'oauth2_token',
    'oauth2_scopes',
    'oauth2_client_id',
    'command',
  ),
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', ''),
  fc.string({ maxLength: 8 }),
);
const leaf = fc.oneof(
  fc.constantFrom(
    'math',
    'add',
    'fail',
    'show',
    'memo://pi',
    'explain',
    'files',
    'http://127.0.0.1:1/',
    'stdio',
    'sse',
  ),
  fc.string(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    // Not an object literal: `__proto__` is to be a key.
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => jsonObject(entries)),
  ),
}));
/** Requests that come far, before something else spoils them. */
const fitting = fc.constantFrom<[path: string, body: unknown]>(
  ['/tools/call', { server_name: 'math', tool_name: 'show', arguments: { a: [1, { b: null }] } }],
  ['/tools/batch', { calls: [{ server_name: 'math', tool_name: 'add', arguments: {} }] }],
  ['/resources/read', { server_name: 'math', resource_uri: 'memo://pi' }],
  ['/prompts/get', { server_name: 'math', prompt_name: 'explain', arguments: {} }],
  ['/servers', { name: 'p', preset: 'files' }],
  ['/tools/call', { server_name: 'math', tool_name: 'show', arguments: { a: 'x'.repeat(5_000) } }],
);
const body = fc.oneof(
  { weight: 4, arbitrary: value.map(rawJson) },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.nat(200).map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`) },
  { weight: 1, arbitrary: fc.nat(8_000).map((length) => `"${'x'.repeat(length)}"`) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 50 }) },
);
const oddHeaders = fc.record(
  {
    'content-type': fc.oneof(
      { weight: 5, arbitrary: fc.constant('application/json') },
      fc.constantFrom('text/plain', 'application/json; charset=x', 'multipart/form-data', ';', 'a/b;c'),
    ),
    'content-length': fc.constantFrom('0', '7', '-1', '999999', 'x'),
    'content-encoding': fc.constantFrom('gzip', 'identity', 'x'),
    origin: fc.constantFrom('null', 'http://localhost', 'https://evil.example', '%', ''),
    'sec-fetch-site': fc.constantFrom('cross-site', 'same-origin', 'x'),
    host: fc.constantFrom('evil.example', ''),
    'x-http-method-override': fc.constant('DELETE'),
  },
  { requiredKeys: [] },
);

const headers = fc.oneof(fc.constant({ 'content-type': 'application/json' }), oddHeaders);
const target = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(method, path, body) },
  { weight: 1, arbitrary: fitting.map(([path, body]) => ['POST', path, JSON.stringify(body)] as const) },
);

test(`${RUNS} requests of every kind are all answered, and none is a fault of this side`, {
  timeout: 60_000,
}, async () => {
  const prototype = Object.getOwnPropertyNames(Object.prototype).sort();
  const statuses = new Map<number, number>();
  const property = fc.asyncProperty(target, query, headers, async ([method, path, body], query, headers) => {
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const request = new Request(`http://localhost${path}${query}`, {
      method,
      headers: headers as Record<string, string>,
      ...(hasBody && { body: body as string }),
    });
    const response = await door.handler(request);
    const text = await response.text();
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    if (response.status >= 500 && !MAY_BE.has(response.status)) throw new Error(text);
    if (response.status >= 400 && !path.startsWith('/health') && method !== 'HEAD')
      expect(JSON.parse(text)).toMatchObject({ status: response.status, code: expect.any(String) });
    // What was removed or added must not change what the next requests meet.
    if (!door.manager.clients.has('math')) door.manager.addServer('math', door.math.config);
    if (door.manager.clients.has('p')) await door.manager.removeServer('p');
  });
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(prototype);
  expect(({} as Record<string, unknown>).server_name).toBeUndefined();
  // All the doors were tried: what succeeds, and what each check refuses.
  expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 201, 204, 400, 403, 404, 405, 413, 415]));
});

/** An object that `rawJson` writes with these keys, whatever they mean to JavaScript. */
function jsonObject(entries: [string, unknown][]): Map<string, unknown> {
  return new Map(entries);
}

function rawJson(value: unknown): string {
  if (value instanceof Map) {
    return `{${[...value].map(([key, member]) => `${JSON.stringify(key)}:${rawJson(member)}`).join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(rawJson).join(',')}]`;
  return JSON.stringify(value) ?? 'null';
}
