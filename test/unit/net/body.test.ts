import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { ConnectionError } from '../../../src/core/errors.js';
import { discard, pump, readExcerpt, readText, tooLarge } from '../../../src/net/body.js';
import type { HttpResponse } from '../../../src/net/http.js';
import { httpClient, httpServer, rawServer, type Stub, tcpServer, zerosInGzip } from './servers.js';

const AT_ONCE_MS = 1_000;
const MEGABYTE = 1_048_576;

/** The ways that a response comes: of our own client, and of a `fetch` that a user brings. */
const fetches: [string, (url: string) => Promise<HttpResponse>][] = [
  ['the built-in client', (url) => httpClient().fetch(url)],
  ['a foreign fetch', (url) => fetch(url)],
];

/** A server that never stops sending; `sent` counts what has left it. */
async function endless(head = ''): Promise<Stub & { readonly sent: number }> {
  const chunk = Buffer.alloc(65_536, 'a');
  let written = () => 0;
  const server = await tcpServer((socket) => {
    written = () => socket.bytesWritten;
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nconnection: close\r\n${head}\r\n`);
      const more = () => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', more);
      more();
    });
  });
  return Object.defineProperties(server, { sent: { get: () => written() } }) as Stub & { sent: number };
}

describe.each(fetches)('with %s', (_name, get) => {
  describe('readText', () => {
    test('gives the whole text up to the limit, counted in bytes', async () => {
      const server = await httpServer((_request, response) => response.end('é😀'));
      expect(await readText(await get(server.origin), 6)).toBe('é😀');
      await expect(readText(await get(server.origin), 5)).rejects.toMatchObject({
        code: 'RESPONSE_TOO_LARGE',
      });
    });

    test('gives nothing for an empty body', async () => {
      const server = await httpServer((_request, response) => response.writeHead(202).end());
      expect(await readText(await get(server.origin), 10)).toBe('');
    });

    test('refuses what is larger at once, closes the connection, and reads no more', async () => {
      const server = await endless();
      const response = await get(server.origin);
      const startedAt = performance.now();
      const error: unknown = await readText(response, 100_000).catch((thrown: unknown) => thrown);
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error).toMatchObject({
        code: 'RESPONSE_TOO_LARGE',
        message: 'The answer is larger than maxResponseBytes (100000)',
        delivery: 'unknown',
        retryable: false,
        httpStatus: 200,
      });
      await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
      // What the kernel holds for both sides is in it.
      expect(server.sent).toBeLessThan(25 * MEGABYTE);
    });

    test('counts decoded bytes', async () => {
      const body = gzipSync('a'.repeat(100_000));
      const server = await httpServer((_request, response) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(body),
      );
      expect(body.length).toBeLessThan(1_000);
      expect(await readText(await get(server.origin), 100_000)).toHaveLength(100_000);
      await expect(readText(await get(server.origin), 99_999)).rejects.toMatchObject({
        code: 'RESPONSE_TOO_LARGE',
      });
    });
  });

  describe('readExcerpt', () => {
    test('gives a short body whole', async () => {
      const server = await httpServer((_request, response) => response.writeHead(500).end('broken'));
      expect((await readExcerpt(await get(server.origin), 100)).text).toBe('broken');
    });

    test('cuts at the limit, closes the connection, and reads no more', async () => {
      const server = await endless();
      expect((await readExcerpt(await get(server.origin), 1_000)).text).toBe('a'.repeat(1_000));
      await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
      expect(server.sent).toBeLessThan(25 * MEGABYTE);
    });

    test('cuts across chunks', async () => {
      const server = await httpServer(async (_request, response) => {
        response.write('abc');
        await delay(20);
        response.write('def');
        await delay(20);
        response.end('ghi');
      });
      expect(await readExcerpt(await get(server.origin), 5)).toEqual({ text: 'abcde', isWhole: false });
      expect(await readExcerpt(await get(server.origin), 9)).toEqual({ text: 'abcdefghi', isWhole: true });
    });

    test('gives what has come before the connection broke', async () => {
      const server = await tcpServer((socket) => {
        socket.once('data', async () => {
          socket.write('HTTP/1.1 500 X\r\ncontent-length: 100\r\n\r\nhalf');
          await delay(50);
          socket.destroy();
        });
      });
      expect((await readExcerpt(await get(server.origin), 100)).text).toBe('half');
    });

    test('gives nothing, and does not throw, where the encoding is broken', async () => {
      const server = await httpServer((_request, response) =>
        response.writeHead(500, { 'content-encoding': 'gzip' }).end('junk'),
      );
      expect((await readExcerpt(await get(server.origin), 100)).text).toBe('');
    });

    test('gives nothing, and does not throw, where the body was read already', async () => {
      const server = await httpServer((_request, response) => response.writeHead(500).end('broken'));
      const response = await get(server.origin);
      await response.text();
      expect((await readExcerpt(response, 100)).text).toBe('');
    });
  });

  describe('discard', () => {
    test('closes a connection on which more would come', async () => {
      const server = await rawServer('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal');
      discard(await get(server.origin));
      await vi.waitFor(() => expect(server.openConnections).toBe(0), 5_000);
    });

    test('may follow the reading, and another discard', async () => {
      const server = await httpServer((_request, response) => response.end('ok'));
      const response = await get(server.origin);
      expect(await readText(response, 10)).toBe('ok');
      discard(response);
      discard(response);
    });
  });

  describe('pump', () => {
    test('gives the bytes as they come', async () => {
      const server = await rawServer('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal');
      const chunks: string[] = [];
      const pumped = pump(await get(server.origin), (chunk) => chunks.push(Buffer.from(chunk).toString()));
      pumped.catch(() => {});
      await vi.waitFor(() => expect(chunks.join('')).toBe('hal'), 5_000);
      server.dropConnections();
      await expect(pumped).rejects.toThrow();
    });

    test('rejects with what the sink throws, calls it no more, and closes the connection', async () => {
      const server = await endless();
      const failure = new Error('enough');
      const sink = vi.fn(() => {
        throw failure;
      });
      await expect(pump(await get(server.origin), sink)).rejects.toBe(failure);
      await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
      expect(sink).toHaveBeenCalledOnce();
    });
  });
});

describe('with the built-in client', () => {
  test('discard leaves a connection open whose answer has arrived', async () => {
    const server = await httpServer((_request, response) => response.writeHead(202).end());
    discard(await httpClient().fetch(server.origin));
    await delay(50);
    expect(server.openConnections).toBe(1);
  });

  test('a discarded body is no longer there to read', async () => {
    const server = await rawServer('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal');
    const response = await httpClient().fetch(server.origin);
    discard(response as HttpResponse);
    await expect(response.text()).rejects.toThrow(TypeError);
  });

  test('a sink that throws on bytes that have waited for it ends the reading as well', async () => {
    const server = await rawServer('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal');
    const response: HttpResponse = await httpClient().fetch(server.origin);
    await delay(50);
    const failure = new Error('enough');
    await expect(
      pump(response, () => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
  });
});

test('with a response without a body there is nothing to read', async () => {
  const response = new Response(null, { status: 204 });
  expect(await readText(response, 10)).toBe('');
  expect((await readExcerpt(response, 10)).text).toBe('');
  discard(response);
});

test('tooLarge names the option and its value', () => {
  expect(tooLarge(1_000)).toMatchObject({
    code: 'RESPONSE_TOO_LARGE',
    message: 'The answer is larger than maxResponseBytes (1000)',
    httpStatus: undefined,
  });
  expect(tooLarge(1_000, 404).httpStatus).toBe(404);
});

describe('a gzip bomb of 100 MB', () => {
  let bomb: Buffer;

  beforeAll(async () => {
    bomb = await zerosInGzip(100);
  });

  const serve = () =>
    httpServer((_request, response: ServerResponse) =>
      response.writeHead(500, { 'content-encoding': 'gzip' }).end(bomb),
    );

  /** The most that this process has held more than at the beginning, while `work` ran. */
  async function growthDuring(work: () => Promise<void>): Promise<number> {
    const before = process.memoryUsage.rss();
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 2);
    try {
      await work();
    } finally {
      clearInterval(watch);
    }
    return Math.max(most, process.memoryUsage.rss()) - before;
  }

  test('is a typed error in little time and memory', { timeout: 30_000 }, async () => {
    const server = await serve();
    const response: HttpResponse = await httpClient().fetch(server.origin);
    const startedAt = performance.now();
    const growth = await growthDuring(() =>
      expect(readText(response, 10 * MEGABYTE)).rejects.toMatchObject({ code: 'RESPONSE_TOO_LARGE' }),
    );
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(growth).toBeLessThan(64 * MEGABYTE);
  });

  test('leaves an excerpt in little time and memory', { timeout: 30_000 }, async () => {
    const server = await serve();
    const response: HttpResponse = await httpClient().fetch(server.origin);
    const startedAt = performance.now();
    const growth = await growthDuring(async () => {
      expect((await readExcerpt(response, 8_192)).text).toHaveLength(8_192);
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(growth).toBeLessThan(64 * MEGABYTE);
  });
});
