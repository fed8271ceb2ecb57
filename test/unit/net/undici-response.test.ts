import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type HttpStub, httpClient, httpServer, rawServer, tcpServer, zerosInGzip } from './servers.js';

const AT_ONCE_MS = 1_000;
const MEGABYTE = 1_048_576;

/** A response to a GET, with its server. */
async function answered(write: (response: ServerResponse) => void): Promise<[Response, HttpStub]> {
  const server = await httpServer((_request, response) => write(response));
  return [await httpClient().fetch(server.origin), server];
}

function encoded(encoding: string, body: Uint8Array): (response: ServerResponse) => void {
  return (response) => response.writeHead(200, { 'content-encoding': encoding }).end(body);
}

const PIECE = randomBytes(65_536);

/** Sends `PIECE` so many times, as fast as it is taken; in gzip, which cannot make it smaller, if that is asked. */
function pour(times: number, poured: { bytes: number }, encoding = 'identity') {
  const piece = encoding === 'gzip' ? gzipSync(PIECE) : PIECE;
  return (response: ServerResponse) => {
    response.writeHead(200, { 'content-encoding': encoding });
    const more = () => {
      while (poured.bytes < times * piece.length) {
        poured.bytes += piece.length;
        if (!response.write(piece)) return response.once('drain', more);
      }
      return response.end();
    };
    more();
  };
}

async function sizeOf(response: Response): Promise<number> {
  let size = 0;
  for await (const chunk of response.body ?? []) size += chunk.byteLength;
  return size;
}

/** Rejections that nobody handles, until the test ends. */
function unhandledRejections() {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  onTestFinished(() => {
    process.off('unhandledRejection', unhandled);
  });
  return unhandled;
}

describe('an encoded body', () => {
  const text = 'é😀 '.repeat(50_000);

  test.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['GZIP', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['identity', Buffer.from],
    ['unheard-of', Buffer.from],
  ] as [string, (text: string) => Uint8Array][])(
    'in %s is read as what it stands for',
    async (encoding, encode) => {
      const [response] = await answered(encoded(encoding, encode(text)));
      expect(await response.text()).toBe(text);
    },
  );

  test('is asked for', async () => {
    const [, server] = await answered((response) => response.end());
    expect(server.requests[0]?.headers['accept-encoding']).toBe('gzip, deflate, br');
  });

  test('comes as it is decoded, not at its end', async () => {
    const whole = gzipSync('a'.repeat(100_000), { level: 0 });
    const server = await rawServer(
      'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n',
      `${(50_000).toString(16)}\r\n`,
      whole.subarray(0, 50_000),
      '\r\n',
    );
    const response = await httpClient().fetch(server.origin);
    const { value } = (await response.body?.getReader().read()) ?? {};
    expect(value?.byteLength).toBeGreaterThan(0);
  });

  test.each([
    ['gzip', 'not gzip at all'],
    ['gzip', gzipSync(text).subarray(0, 100)],
    ['gzip', gzipSync(text).fill(0, 100, 120)],
    ['deflate', 'not deflate at all'],
    ['br', brotliCompressSync(text).subarray(0, 20)],
  ])('in %s that is broken rejects as PROTOCOL_ERROR', async (encoding, body) => {
    const [response] = await answered(encoded(encoding, Buffer.from(body)));
    await expect(response.text()).rejects.toMatchObject({
      name: 'ConnectionError',
      code: 'PROTOCOL_ERROR',
      message: `The ${encoding} encoding of the answer is broken`,
      delivery: 'unknown',
      httpStatus: 200,
      cause: expect.any(Error),
    });
  });

  test('that is broken closes a connection on which more would come', async () => {
    const server = await rawServer(
      'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n',
      '4\r\njunk\r\n',
    );
    const response = await httpClient().fetch(server.origin);
    await expect(response.text()).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
  });

  test.each([
    ['gzip', 200],
    ['deflate', 200],
    ['br', 202],
    ['gzip', 204],
  ])('in %s may be empty (HTTP %i)', async (encoding, status) => {
    const [response] = await answered((answer) =>
      answer.writeHead(status, { 'content-encoding': encoding }).end(),
    );
    expect(await response.text()).toBe('');
  });

  test('named deflate may lack the zlib wrapper, as some servers send it', async () => {
    const [response] = await answered(encoded('deflate', deflateRawSync(text)));
    expect(await response.text()).toBe(text);
  });
});

describe('reading', () => {
  test.each([
    ['text', (response: Response) => response.text()],
    ['json', (response: Response) => response.json()],
  ])('a second time by %s rejects', async (_by, read) => {
    const [response] = await answered((answer) => answer.end('{}'));
    expect(response.bodyUsed).toBe(false);
    await response.text();
    expect(response.bodyUsed).toBe(true);
    await expect(read(response)).rejects.toThrow(new TypeError('The body was read already'));
  });

  test('before the first has ended rejects, and leaves the first alone', async () => {
    const server = await rawServer('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal');
    const response = await httpClient().fetch(server.origin);
    const first = response.text();
    first.catch(() => {});
    await expect(response.text()).rejects.toThrow(TypeError);
    server.dropConnections();
    await expect(first).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  test('JSON that is none rejects with a SyntaxError', async () => {
    const [response] = await answered((answer) => answer.end('<html>'));
    await expect(response.json()).rejects.toThrow(SyntaxError);
  });

  test('keeps characters whole that come in pieces', async () => {
    const bytes = Buffer.from('é😀');
    const server = await tcpServer((socket) => {
      socket.setNoDelay(true).once('data', async () => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes.length}\r\n\r\n`);
        for (const byte of bytes) {
          socket.write(Buffer.of(byte));
          await delay(2);
        }
      });
    });
    const response = await httpClient().fetch(server.origin);
    expect(await response.text()).toBe('é😀');
  });
});

describe('a body that nobody reads', () => {
  test.each(['identity', 'gzip'])(
    'in %s stops the server, and comes whole when it is read after all',
    { timeout: 30_000 },
    async (encoding) => {
      const poured = { bytes: 0 };
      const [response] = await answered(pour(800, poured, encoding));
      await delay(500);
      const stoppedAt = poured.bytes;
      await delay(200);
      expect(poured.bytes).toBe(stoppedAt);
      // What the kernel holds for both sides is in it.
      expect(stoppedAt).toBeLessThan(25 * MEGABYTE);
      expect(await sizeOf(response)).toBe(800 * PIECE.length);
    },
  );

  test('is not decoded any further than it is held', { timeout: 30_000 }, async () => {
    const total = 64 * MEGABYTE;
    const bomb = await zerosInGzip(64);
    const before = process.memoryUsage().arrayBuffers;
    const [response] = await answered(encoded('gzip', bomb));
    await delay(500);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MEGABYTE);
    expect(await sizeOf(response)).toBe(total);
  });
});

describe('the web stream', () => {
  test('gives the whole body', async () => {
    const [response] = await answered(pour(48, { bytes: 0 }));
    expect(response.body).toBeInstanceOf(ReadableStream);
    expect(response.body).toBe(response.body);
    expect(await sizeOf(response)).toBe(3 * MEGABYTE);
  });

  test('ends where the body is empty', async () => {
    const [response] = await answered((answer) => answer.end());
    expect(await sizeOf(response)).toBe(0);
  });

  test('fails as the connection does', async () => {
    const server = await tcpServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'));
    });
    const response = await httpClient().fetch(server.origin);
    await expect(sizeOf(response)).rejects.toMatchObject({ code: 'CONNECTION_LOST', delivery: 'unknown' });
  });

  test('closes the connection when it is cancelled', async () => {
    const unhandled = unhandledRejections();
    const server = await rawServer('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal');
    const response = await httpClient().fetch(server.origin);
    await response.body?.cancel();
    await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test('may be cancelled when the whole body has arrived, and leaves the connection open', async () => {
    const unhandled = unhandledRejections();
    const [response, server] = await answered((answer) => answer.end('whole'));
    await response.body?.cancel();
    await delay(50);
    expect(server.openConnections).toBe(1);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test('that nobody reads stops the server', { timeout: 30_000 }, async () => {
    const poured = { bytes: 0 };
    const [response] = await answered(pour(800, poured));
    const reader = response.body?.getReader();
    const first = await reader?.read();
    await delay(500);
    expect(poured.bytes).toBeLessThan(25 * MEGABYTE);
    reader?.releaseLock();
    expect((first?.value?.byteLength ?? 0) + (await sizeOf(response))).toBe(800 * PIECE.length);
  });
});
