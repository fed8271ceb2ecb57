import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RestDoor, restDoor } from '../../fixtures/rest-door.js';

let door: RestDoor;
beforeEach(async () => {
  door = await restDoor({ maxBodyBytes: 2_000 });
});
afterEach(() => door[Symbol.asyncDispose]());

type Body = NonNullable<RequestInit['body']>;

async function post(body: Body | undefined, headers: Record<string, string> = JSON_TYPE) {
  const request = new Request('http://localhost/tools/call', {
    method: 'POST',
    headers,
    ...(body !== undefined && { body, duplex: 'half' as const }),
  });
  const response = await door.handler(request);
  return { status: response.status, json: (await response.json()) as { path?: string; detail: string } };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const call = (args: object) => ({ server_name: 'math', tool_name: 'show', arguments: args });

test.each(['application/json', 'APPLICATION/JSON; charset=UTF-8', 'application/json;charset="utf-8"'])(
  'of type %s is read',
  async (type) => expect((await post(JSON.stringify(call({})), { 'content-type': type })).status).toBe(200),
);

test.each<[string, Record<string, string>]>([
  ['no type', {}],
  ['another type', { 'content-type': 'text/json' }],
  ['another character set', { 'content-type': 'application/json; charset=latin1' }],
  ['a list of types', { 'content-type': 'application/json, text/plain' }],
  ['an encoding', { ...JSON_TYPE, 'content-encoding': 'gzip' }],
])('with %s is 415', async (_what, headers) => {
  const bytes = headers['content-encoding'] === 'gzip' ? gzipSync('{}') : new TextEncoder().encode('{}');
  expect((await post(bytes, headers)).status).toBe(415);
});

test.each([
  ['nothing', ''],
  ['half of it', '{"server_name":"ma'],
  ['a trailing comma', '{"a":1,}'],
  ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
  ['an array', '[]'],
  ['a text', '"x"'],
  ['null', 'null'],
])('that is %s is 400', async (_what, body) => expect((await post(body)).status).toBe(400));

test('that is not JSON is not quoted', async () => {
  const { json } = await post('{"oauth2_client_secret":"hunter2" oops');
  expect(JSON.stringify(json)).not.toContain('hunter2');
});

test.each([
  ['at the top', '{"__proto__":{"a":1},"server_name":"math","tool_name":"show"}', '__proto__'],
  [
    'deeper',
    '{"server_name":"math","tool_name":"show","arguments":{"a":[{"__proto__":1}]}}',
    'arguments.a.0.__proto__',
  ],
])('with __proto__ %s is 400', async (_where, body, path) => {
  const { status, json } = await post(body);
  expect([status, json.path]).toEqual([400, path]);
  expect(({} as { a?: unknown }).a).toBeUndefined();
});

test('keys of every object are arguments like others', async () => {
  const args = { constructor: { prototype: 1 }, toString: 'x', hasOwnProperty: null };
  const { status } = await post(JSON.stringify(call(args)));
  expect(status).toBe(200);
  expect(door.math.calls[0]?.arguments).toEqual(args);
});

test('that is nested too deep is 400', async () => {
  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const body = (levels: number) =>
    `{"server_name":"math","tool_name":"show","arguments":{"a":${nested(levels)}}}`;
  expect((await post(body(60))).status).toBe(200);
  expect((await post(body(64))).status).toBe(400);
  expect((await post(body(900))).status).toBe(400);
});

describe('that is too large is 413', () => {
  test('by what it says of itself, before it is read', async () => {
    const { body, read } = trickle(['{}'], 0);
    const headers = { ...JSON_TYPE, 'content-length': '2001' };
    expect((await post(body, headers)).status).toBe(413);
    expect(read()).toBe(0);
  });

  test('by what has arrived, and no more is read', async () => {
    const { body, read } = trickle(Array(100).fill(' '.repeat(500)), 0);
    expect((await post(body)).status).toBe(413);
    expect(read()).toBeLessThan(10);
  });
});

describe('that does not arrive is 408', () => {
  beforeEach(async () => {
    await door[Symbol.asyncDispose]();
    door = await restDoor({ maxBodyBytes: 2_000, bodyTimeoutMs: 50 });
  });

  test('when it stops', async () => {
    const { body } = trickle(['{"server_name"'], 0, false);
    expect((await post(body)).status).toBe(408);
  });

  test('when it drips', async () => {
    const { body } = trickle(Array(100).fill(' '), 10);
    expect((await post(body)).status).toBe(408);
  });

  test('when it breaks', async () => {
    const body = new ReadableStream({ pull: (stream) => stream.error(new Error('ECONNRESET')) });
    expect((await post(body)).status).toBe(408);
  });
});

/** A body of chunks, one each `ms`. */
function trickle(chunks: string[], ms: number, ends = true) {
  let read = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        await new Promise((resolve) => setTimeout(resolve, ms));
        const chunk = chunks[read++];
        if (chunk !== undefined) stream.enqueue(new TextEncoder().encode(chunk));
        else if (ends) stream.close();
        else await new Promise(() => {});
      },
    },
    { highWaterMark: 0 },
  );
  return { body, read: () => read };
}
