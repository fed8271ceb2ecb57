import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { Agent } from 'undici';
import { describe, expect, test } from 'vitest';
import { oddServer } from '../fixtures/odd-servers.js';
import { eventually, SLACK_MS, timed } from './harness.js';
import { HttpScanner, type Piece } from './http-scanner.js';
import { tcpProxy } from './tcp-proxy.js';

const BODY = 'x'.repeat(200);

/** What a plain HTTP client gets: the body, or the code of its error. */
async function post(url: string, body = BODY): Promise<string> {
  return new Promise((resolve) => {
    const request = httpRequest(url, { method: 'POST', agent: false }, (response) => {
      text(response).then(resolve, (error) => resolve(error.code));
    });
    request.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? ''));
    request.setTimeout(300, () => request.destroy(Object.assign(new Error(), { code: 'SILENCE' })));
    request.end(body);
  });
}

async function proxied() {
  const server = await oddServer(({ body }, response) => {
    response.writeHead(200, { 'content-length': body.length }).end(body.toUpperCase());
  });
  const proxy = await tcpProxy(Number(new URL(server.url).port));
  return {
    server,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await server.close();
    },
  };
}

describe('the proxy', () => {
  test('passes everything on, and counts', async () => {
    await using all = await proxied();
    expect(await post(all.proxy.url)).toBe(BODY.toUpperCase());
    expect(all.proxy.connections).toBe(1);
    expect(all.proxy.bytes.up).toBeGreaterThan(BODY.length);
    expect(all.proxy.bytes.down).toBeGreaterThan(BODY.length);
    await eventually(() => expect(all.proxy.openConnections).toBe(0));
  });

  test.each(['slice', 'latency', 'limit'] as const)('delays with %s, and loses nothing', async (kind) => {
    await using all = await proxied();
    all.proxy.toxic({ kind, direction: 'down', at: 'before-headers', ms: 40, bytesPerSecond: 5_000 });
    const { ms, value } = await timed(() => post(all.proxy.url));
    expect(value).toBe(BODY.toUpperCase());
    expect(ms).toBeGreaterThan({ slice: 0, latency: 35, limit: 30 }[kind]);
  });

  test.each([
    ['up', 'before-headers', 0],
    ['up', 'after-headers', 0],
    ['up', 'mid-body', 0],
    ['down', 'before-headers', 1],
    ['down', 'after-headers', 1],
    ['down', 'mid-body', 1],
  ] as const)('resets %s at %s: the server got %3$i whole requests', async (direction, at, whole) => {
    await using all = await proxied();
    all.proxy.toxic({ kind: 'reset', direction, at, times: 1 });
    expect(await post(all.proxy.url)).toMatch(/ECONNRESET|EPIPE/);
    expect(all.proxy.strikes).toBe(1);
    expect(all.server.requests).toHaveLength(whole);
    expect(await post(all.proxy.url)).toBe(BODY.toUpperCase());
  });

  test.each(['up', 'down'] as const)('swallows what goes %s', async (direction) => {
    await using all = await proxied();
    all.proxy.toxic({ kind: 'timeout', direction, at: 'after-headers', times: 1 });
    expect(await post(all.proxy.url)).toBe('SILENCE');
    expect(all.server.requests).toHaveLength(direction === 'up' ? 0 : 1);
  });

  test('ends one direction, and leaves the other', async () => {
    await using all = await proxied();
    all.proxy.toxic({ kind: 'half-close', direction: 'down', at: 'mid-body', times: 1 });
    const { ms, value } = await timed(() => post(all.proxy.url));
    expect(value).toBe('ECONNRESET');
    expect(all.server.requests).toHaveLength(1);
    expect(ms).toBeLessThan(SLACK_MS);
  });

  test('strikes idle connections at once', async () => {
    await using all = await proxied();
    const agent = new Agent();
    const { origin, pathname } = new URL(all.proxy.url);
    const first = await agent.request({ origin, path: pathname, method: 'POST', body: BODY });
    await first.body.text();
    const before = all.proxy.connections;
    all.proxy.toxic({ kind: 'reset', direction: 'down', at: 'idle' });
    expect(all.proxy.strikes).toBe(1);
    await eventually(() => expect(all.proxy.openConnections).toBe(0));
    const again = await agent.request({ origin, path: pathname, method: 'POST', body: BODY });
    expect(await again.body.text()).toBe(BODY.toUpperCase());
    expect(all.proxy.connections).toBe(before + 1);
    await agent.destroy();
  });
});

describe('the scanner finds the points', () => {
  const messages = Buffer.from(
    'POST / HTTP/1.1\r\ncontent-length: 6\r\n\r\nabcdef' +
      'GET / HTTP/1.1\r\nhost: x\r\n\r\n' +
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  );
  const points = (pieces: Piece[]) => pieces.flatMap((piece) => ('point' in piece ? [piece.point] : []));
  const expected = [
    ...['before-headers', 'after-headers', 'mid-body', 'end'],
    ...['before-headers', 'after-headers', 'end'],
    ...['before-headers', 'after-headers', 'mid-body', 'end'],
  ];

  test.each([1, 2, 7, 1_000])('in pieces of %i bytes', (size) => {
    const scanner = new HttpScanner();
    const pieces: Piece[] = [];
    for (let at = 0; at < messages.length; at += size)
      pieces.push(...scanner.scan(messages.subarray(at, at + size)));
    expect(points(pieces)).toEqual(expected);
    const bytes = pieces.flatMap((piece) => ('bytes' in piece ? [piece.bytes] : []));
    expect(Buffer.concat(bytes).equals(messages)).toBe(true);
  });
});
