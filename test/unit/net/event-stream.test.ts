import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import type { StreamEvent as Event } from '../../../src/net/event-parser.js';
import { readEvents } from '../../../src/net/event-stream.js';
import { httpClient, httpServer, tcpServer } from './servers.js';

const AT_ONCE_MS = 1_000;
const MEGABYTE = 1_048_576;

/** A foreign response whose body comes in exactly these chunks. */
function inChunks(chunks: Iterable<string | Uint8Array>): Response {
  const rest = chunks[Symbol.iterator]();
  return new Response(
    new ReadableStream({
      pull(stream) {
        const { done, value } = rest.next();
        if (done) stream.close();
        else stream.enqueue(typeof value === 'string' ? new TextEncoder().encode(value) : value);
      },
    }),
  );
}

function* byteByByte(text: string): Iterable<Uint8Array> {
  for (const byte of new TextEncoder().encode(text)) yield Uint8Array.of(byte);
}

async function eventsOf(response: Response, maxEventBytes = 10_000): Promise<Event[]> {
  const events: Event[] = [];
  await readEvents(response, maxEventBytes, { ...SINK, event: (event) => void events.push(event) });
  return events;
}

const SINK = { event: () => {}, oversize: () => {} };

const sample =
  ': hello\nid: 1\nevent: message\ndata: {"text":"é😀"}\n\nretry: 1500\n\ndata: one\ndata: two\n\ndata:x\n\n';
const sampleEvents: Event[] = [
  { id: '1', event: 'message', data: '{"text":"é😀"}' },
  { id: undefined, event: undefined, data: 'one\ntwo' },
  { id: undefined, event: undefined, data: 'x' },
];

describe('events', () => {
  test.each<[string, Iterable<string | Uint8Array>]>([
    ['in one chunk', [sample]],
    ['byte by byte, within characters too', byteByByte(sample)],
    ['with CRLF', [sample.replaceAll('\n', '\r\n')]],
    ['with CRLF, byte by byte', byteByByte(sample.replaceAll('\n', '\r\n'))],
    ['after a byte order mark', [`\ufeff${sample}`]],
    ['in empty chunks too', ['', sample, '']],
  ])('are found %s', async (_how, chunks) => {
    expect(await eventsOf(inChunks(chunks))).toEqual(sampleEvents);
  });

  test('come as they arrive, over a socket', async () => {
    let send = (_text: string) => {};
    let end = () => {};
    const server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      send = (text) => response.write(text);
      end = () => response.end();
    });
    const response = await httpClient().fetch(server.origin);
    const data: string[] = [];
    const read = readEvents(response, 1_000, { ...SINK, event: (event) => void data.push(event.data) });
    for (const text of ['one', 'two', 'three']) {
      send(`data: ${text}\n\n`);
      await vi.waitFor(() => expect(data.at(-1)).toBe(text), 5_000);
    }
    end();
    await read;
    expect(data).toEqual(['one', 'two', 'three']);
  });

  test('are found in an encoded body', async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(sample));
    });
    expect(await eventsOf(await httpClient().fetch(server.origin))).toEqual(sampleEvents);
  });

  test('that are cut off at the end do not count', async () => {
    for (const end of ['data: half\n', 'data: {"a":1', 'data: {"a":[1]\ndata: ,'])
      expect(await eventsOf(inChunks([`data: whole\n\n${end}`]))).toEqual([
        { id: undefined, event: undefined, data: 'whole' },
      ]);
  });

  test.each(['data: {"a":1}', 'data: {"a":1}\n', 'data: [1]\r'])(
    'that are whole at the end count, though the empty line is missing: %j',
    async (text) => {
      expect(await eventsOf(inChunks([text]))).toHaveLength(1);
    },
  );

  test('without data do not count', async () => {
    expect(await eventsOf(inChunks(['id: 7\n\n: ping\n\nevent: x\n\n']))).toEqual([]);
  });

  test('may have an empty data field', async () => {
    expect(await eventsOf(inChunks(['id: 7\ndata:\n\n']))).toEqual([{ id: '7', event: undefined, data: '' }]);
  });

  test('are not disturbed by fields nobody knows', async () => {
    expect(await eventsOf(inChunks(['color: red\ndata: x\nnonsense\n\n']))).toMatchObject([{ data: 'x' }]);
  });
});

describe('retry', () => {
  test('tells the milliseconds, and nothing that is no number', async () => {
    const told: number[] = [];
    const text = 'retry: 0\n\nretry: 1500\ndata: x\n\nretry: soon\n\nretry: -1\n\nretry: 99999999999\n\n';
    await readEvents(inChunks([text]), 1_000, { ...SINK, retry: (ms) => void told.push(ms) });
    expect(told).toEqual([0, 1_500, 99_999_999_999]);
  });

  test('may interest nobody', async () => {
    expect(await eventsOf(inChunks(['retry: 1\n\ndata: x\n\n']))).toHaveLength(1);
  });
});

describe('an end before the end', () => {
  test.each([
    ['a foreign fetch', (url: string) => fetch(url)],
    ['the built-in client', (url: string) => httpClient().fetch(url)],
  ])('is CONNECTION_LOST, unknown, with %s', async (_name, get) => {
    const server = await tcpServer((socket) => {
      socket.once('data', async () => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: x\n\n\r\n');
        await delay(50);
        socket.destroy();
      });
    });
    const events: Event[] = [];
    const read = readEvents(await get(server.origin), 1_000, {
      ...SINK,
      event: (event) => void events.push(event),
    });
    await expect(read).rejects.toMatchObject({
      name: 'ConnectionError',
      code: 'CONNECTION_LOST',
      delivery: 'unknown',
      retryable: true,
    });
    expect(events).toHaveLength(1);
  });

  test.each([
    ['a foreign fetch', (url: string) => fetch(url)],
    ['the built-in client', (url: string) => httpClient().fetch(url)],
  ])('by the sink rejects with what it threw and closes the connection, with %s', async (_name, get) => {
    const server = await httpServer((_request, response) => {
      response.write('data: x\n\n');
    });
    const failure = new Error('not what the protocol says');
    const event = vi.fn(() => {
      throw failure;
    });
    await expect(readEvents(await get(server.origin), 1_000, { ...SINK, event })).rejects.toBe(failure);
    await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
    expect(event).toHaveBeenCalledOnce();
  });

  test('by the sink counts even when the whole body has arrived', async () => {
    const server = await httpServer((_request, response) => response.end('data: x\n\n'));
    const failure = new Error('not what the protocol says');
    const response = await httpClient().fetch(server.origin);
    await expect(
      readEvents(response, 1_000, {
        ...SINK,
        event() {
          throw failure;
        },
      }),
    ).rejects.toBe(failure);
  });
});

describe('the limit', () => {
  const limit = 1_000;
  const tooLarge = { name: 'ConnectionError', code: 'RESPONSE_TOO_LARGE', delivery: 'unknown' };

  test.each<[string, string]>([
    ['in one chunk', `data: ${'a'.repeat(limit + 1)}\n\n`],
    ['in many lines', `${'data: aaaaaaaaa\n'.repeat(limit / 10 + 1)}\n`],
    ['counted in bytes', `data: ${'é'.repeat(limit / 2 + 1)}\n\n`],
    ['with other fields', `id: 1\ndata: ${'a'.repeat(limit + 1)}\nevent: x\n\n`],
  ])('passes over an event %s, and goes on behind it', async (_how, large) => {
    const text = `data: x\n\n${large}data: y\n\n`;
    for (const chunks of [[text], byteByByte(text), byteByByte(text.replaceAll('\n', '\r\n'))]) {
      const data: string[] = [];
      const oversize: [string, string][] = [];
      await readEvents(inChunks(chunks), limit, {
        event: (event) => void data.push(event.data),
        oversize: (head, tail) => void oversize.push([head.slice(0, 3), tail.slice(-3)]),
      });
      expect(data).toEqual(['x', 'y']);
      expect(oversize).toHaveLength(1);
      expect(oversize[0]?.[0]).toMatch(/^(aaa|ééé)/);
    }
  });

  test.each<[string, () => Iterable<string | Uint8Array>]>([
    ['that never ends, in one line', () => repeated('a', 'data: ')],
    ['that never ends, in many lines', () => repeated('data: aaaaaaaaa\n')],
    ['that never ends, with comments inside', () => repeated('data: aaaaaaaaa\n: c\n')],
    ['that never ends, with fields inside', () => repeated('data: aaaaaaaaa\nid: 1\nretry: 1\n')],
    ['of empty lines of data that never end', () => repeated('data\n')],
    ['that is an endless comment', () => repeated('c', ': ')],
    ['that is an endless id', () => repeated('7', 'id: ')],
    ['that is an endless name of a field', () => repeated('f')],
  ])('gives up a stream with an event %s', async (_how, chunks) => {
    await expect(eventsOf(inChunks(chunks()), limit)).rejects.toMatchObject(tooLarge);
  });

  test('lets an event of exactly its size pass', async () => {
    const data = 'a'.repeat(limit);
    expect(await eventsOf(inChunks([`data: ${data}\n\n`]), limit)).toMatchObject([{ data }]);
    expect(await eventsOf(inChunks([`data: ${'é'.repeat(limit / 2)}\n\n`]), limit)).toHaveLength(1);
  });

  test.each([
    ['small events', 'data: {"text":"hello"}\n\n', 2_000],
    ['comments', ': ping\n\n', 0],
    ['retries', 'retry: 1000\n\n', 0],
    ['blank lines', '\r\n', 0],
  ])('lets a long stream of %s pass', async (_what, piece, expected) => {
    const chunks = repeated(piece, '', 2_000);
    expect(await eventsOf(inChunks(chunks), 100)).toHaveLength(expected);
  });

  test('is no limit for the stream as a whole, in large chunks', async () => {
    const chunk = 'data: aaaaaaaaaaaaaaaaaaa\n\n'.repeat(1_000);
    expect(await eventsOf(inChunks([chunk, chunk, chunk]), 100)).toHaveLength(3_000);
  });

  test('closes the connection', async () => {
    const server = await httpServer((_request, response) => {
      const piece = `data: ${'a'.repeat(65_536)}\n`;
      const more = () => {
        while (!response.destroyed && response.write(piece));
      };
      response.on('drain', more);
      more();
    });
    const response = await httpClient().fetch(server.origin);
    await expect(eventsOf(response, MEGABYTE)).rejects.toMatchObject(tooLarge);
    await vi.waitFor(() => expect(server.openConnections).toBe(0), AT_ONCE_MS);
  });
});

/** `head`, and then `piece` so many times, or for ever: enough for any limit here. */
function* repeated(piece: string, head = '', times = 100_000): Iterable<string> {
  yield head;
  for (let i = 0; i < times; i++) yield piece;
  if (times === 100_000) throw new Error('Nobody has stopped it');
}
