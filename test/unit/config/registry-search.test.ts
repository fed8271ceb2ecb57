import { createServer } from 'node:http';
import { type RegistryServer, searchRegistry } from 'mcp-fleet/config';
import { describe, expect, test } from 'vitest';
import { listenOnLoopback } from '../../fixtures/loopback.js';
import { BRAVE, ENTRIES, entry, fakeRegistry } from '../../fixtures/registry.js';

const names = (servers: readonly RegistryServer[]) => servers.map(({ name }) => name);

describe('searchRegistry', () => {
  test('asks for the latest versions whose name holds the query, page by page', async () => {
    const registry = fakeRegistry();
    const found = await searchRegistry({ query: 'example', fetch: registry.fetch });
    expect(names(found)).toEqual([
      'io.github.example/weather-mcp',
      'io.github.example/database-manager',
      'io.github.example/sample',
      'com.example/hybrid-mcp',
      'io.github.example/local-http',
    ]);
    expect(registry.asked.map(({ href }) => href)).toEqual([
      'https://registry.modelcontextprotocol.io/v0.1/servers?version=latest&limit=30&search=example',
      'https://registry.modelcontextprotocol.io/v0.1/servers?version=latest&limit=30&search=example&cursor=3',
    ]);
  });

  test('says what each server is, how it can be used, and what it needs to know', async () => {
    const [brave, filesystem] = await searchRegistry({ limit: 2, fetch: fakeRegistry().fetch });
    expect(brave).toEqual({
      name: 'io.modelcontextprotocol/brave-search',
      title: 'Brave Search',
      description: 'The server io.modelcontextprotocol/brave-search',
      version: '1.0.2',
      status: 'active',
      repositoryUrl: 'https://github.com/example/servers',
      offers: [
        {
          from: 'npm',
          inputs: [
            {
              name: 'BRAVE_API_KEY',
              description: 'Brave Search API Key',
              required: true,
              secret: true,
              format: 'string',
            },
          ],
        },
      ],
    });
    expect(filesystem?.offers.map(({ from, inputs }) => [from, inputs.map(({ name }) => name)])).toEqual([
      ['npm', ['target_dir', 'LOG_LEVEL']],
      ['oci', ['source_path', 'target_path', 'LOG_LEVEL']],
    ]);
    const [, defaulted] = filesystem?.offers[0]?.inputs ?? [];
    expect(defaulted).toMatchObject({ required: false, default: 'info', choices: ['debug', 'info'] });
  });

  test('lists the remote server first, and no offer that cannot be used', async () => {
    const found = await searchRegistry({ fetch: fakeRegistry().fetch });
    const offers = new Map(found.map((server) => [server.name, server.offers.map(({ from }) => from)]));
    expect(offers.get('com.example/hybrid-mcp')).toEqual(['remote', 'npm']);
    expect(offers.get('io.modelcontextprotocol/text-editor')).toEqual([]);
    expect(offers.get('io.github.example/local-http')).toEqual([]);
  });

  test('stops at the limit', async () => {
    const registry = fakeRegistry();
    expect(await searchRegistry({ limit: 4, fetch: registry.fetch })).toHaveLength(4);
    expect(registry.asked).toHaveLength(2);
  });

  test('shows deprecated servers as such, and no deleted ones', async () => {
    const { fetch } = fakeRegistry([
      entry({ name: 'a/old' }, 'deprecated'),
      entry({ name: 'a/gone' }, 'deleted'),
      BRAVE,
    ]);
    const found = await searchRegistry({ fetch });
    expect(found.map(({ name, status }) => [name, status])).toEqual([
      ['a/old', 'deprecated'],
      ['io.modelcontextprotocol/brave-search', 'active'],
    ]);
  });

  test('asks another registry, below a path and with headers, through the built-in client', async () => {
    const seen: unknown[] = [];
    await using server = await listenOnLoopback(
      createServer((request, response) => {
        seen.push([request.url, request.headers['x-team']]);
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ servers: [BRAVE] }));
      }),
    );
    const baseUrl = `http://127.0.0.1:${server.port}/mirror/`;
    expect(await searchRegistry({ baseUrl, headers: { 'x-team': 'blue' } })).toHaveLength(1);
    expect(seen).toEqual([['/mirror/v0.1/servers?version=latest&limit=30', 'blue']]);
  });

  test.each([
    [{ limit: 0 }, 'limit'],
    [{ limit: 1.5 }, 'limit'],
    [{ query: 7 as never }, 'query'],
    [{ baseUrl: 'nonsense' }, 'baseUrl'],
    [{ baseUrl: 'http://registry.example.com' }, 'baseUrl'],
    [{ baseUrl: 'file:///etc' }, 'baseUrl'],
    [{ baseUrl: 'https://user:secret@registry.example.com' }, 'baseUrl'],
    [{ timeoutMs: -1 }, 'timeoutMs'],
    [{ headers: { 'bad header': 'x' } }, 'headers[0]'],
  ])('refuses %o', async (options, path) => {
    const { fetch, asked } = fakeRegistry();
    await expect(searchRegistry({ fetch, ...options })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      path,
    });
    expect(asked).toEqual([]);
  });
});

describe('a registry that is not well', () => {
  test.each([
    ['answers 503', () => new Response('down', { status: 503 }), { code: 'HTTP_ERROR', retryable: true }],
    ['answers 400', () => new Response('no', { status: 400 }), { code: 'HTTP_ERROR', retryable: false }],
    ['answers HTML', () => new Response('<html>'), { code: 'PROTOCOL_ERROR' }],
    ['answers something else', () => Response.json({ items: [] }), { code: 'PROTOCOL_ERROR' }],
    ['answers nothing', () => Response.json(null), { code: 'PROTOCOL_ERROR' }],
    [
      'sends elsewhere',
      () =>
        new Response(null, { status: 302, headers: { location: 'https://evil.example.com/v0.1/servers' } }),
      { code: 'HTTP_ERROR' },
    ],
    [
      'repeats a cursor',
      () => Response.json({ servers: [], metadata: { nextCursor: 'again' } }),
      { code: 'PROTOCOL_ERROR' },
    ],
    [
      'answers without end',
      () => new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1 << 20)) })),
      { code: 'RESPONSE_TOO_LARGE' },
    ],
    ['never answers', () => new Promise<Response>(() => {}), { code: 'TIMEOUT' }],
  ])('%s: a typed error', async (_what, answer, expected) => {
    const fetch = async () => answer();
    await expect(searchRegistry({ fetch, timeoutMs: 1_000 })).rejects.toMatchObject(expected);
  });

  test('has ever more pages: the number of requests is bounded', async () => {
    let pages = 0;
    const fetch = async () => Response.json({ servers: [], metadata: { nextCursor: String(++pages) } });
    expect(await searchRegistry({ fetch })).toEqual([]);
    expect(pages).toBe(50);
  });

  test('lists odd entries: they are left out, and the others found', async () => {
    const odd = [
      null,
      7,
      {},
      { server: null },
      { server: { name: 'no-namespace', version: '1.0.0' } },
      { server: { name: '../..%2f', version: '1.0.0' } },
      { server: { name: 'a/b' } },
      { server: { name: `a/${'x'.repeat(300)}`, version: '1.0.0' } },
    ];
    const fetch = async () => Response.json({ servers: [...odd, BRAVE] });
    expect(names(await searchRegistry({ fetch }))).toEqual(['io.modelcontextprotocol/brave-search']);
  });

  test('puts control characters into its texts: they do not reach a terminal', async () => {
    const { fetch } = fakeRegistry([
      entry({ name: 'a/b', title: 'x\u001b[2J\r\ny', description: '\u0007bell' }),
    ]);
    const [found] = await searchRegistry({ fetch });
    expect([found?.title, found?.description]).toEqual(['x [2J y', 'bell']);
  });

  test('is given up when the caller aborts', async () => {
    const caller = new AbortController();
    const reason = new Error('enough');
    const search = searchRegistry({ fetch: () => new Promise(() => {}), signal: caller.signal });
    caller.abort(reason);
    await expect(search).rejects.toBe(reason);
    await expect(searchRegistry({ signal: caller.signal })).rejects.toBe(reason);
  });
});

test('every entry of the fixtures is found', async () => {
  expect(await searchRegistry({ fetch: fakeRegistry().fetch })).toHaveLength(ENTRIES.length);
});
