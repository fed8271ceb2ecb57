import { describe, expect, test } from 'vitest';
import { LineReader, TailBuffer } from '../../../../src/session/transports/lines.js';

function read(chunks: readonly Buffer[], maxBytes = 1_000): { lines: string[]; fits: boolean } {
  const lines: string[] = [];
  const reader = new LineReader(maxBytes, (line) => lines.push(line));
  const fits = chunks.every((chunk) => reader.push(chunk));
  return { lines, fits };
}

describe('a line reader', () => {
  const text = 'one\n\nzwölf 🔥\r\n{"a":1}\n';
  const bytes = Buffer.from(text);
  const expected = ['one', '', 'zwölf 🔥\r', '{"a":1}'];

  test('finds the same lines wherever the stream is cut in two or three', () => {
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const chunks = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
        expect(read(chunks).lines).toEqual(expected);
      }
    }
  });

  test('finds the same lines byte by byte', () => {
    expect(read([...bytes].map((byte) => Buffer.from([byte]))).lines).toEqual(expected);
  });

  test('waits for the end of a line', () => {
    expect(read([Buffer.from('half')]).lines).toEqual([]);
    expect(read([Buffer.from('half'), Buffer.from(' and half\nmore')]).lines).toEqual(['half and half']);
  });

  test.each([1, 2, 3, 7, 100])(
    'takes a line of just the limit, not of one byte more, in chunks of %i',
    (size) => {
      const cut = (line: string) => {
        const all = Buffer.from(`${line}\n`);
        return Array.from({ length: Math.ceil(all.length / size) }, (_, n) =>
          all.subarray(n * size, (n + 1) * size),
        );
      };
      expect(read(cut('x'.repeat(20)), 20)).toEqual({ lines: ['x'.repeat(20)], fits: true });
      expect(read(cut('x'.repeat(21)), 20)).toEqual({ lines: [], fits: false });
      expect(read(cut('ö'.repeat(10)), 20)).toEqual({ lines: ['ö'.repeat(10)], fits: true });
      expect(read(cut('ö'.repeat(11)), 20).fits).toBe(false);
    },
  );

  test('counts each line for itself', () => {
    expect(read([Buffer.from('xx\n'.repeat(1_000))], 2)).toMatchObject({ fits: true });
  });

  test('gives the lines before one that is too long', () => {
    expect(read([Buffer.from('fine\ntoo long\nlost\n')], 4)).toEqual({ lines: ['fine'], fits: false });
  });
});

describe('a tail buffer', () => {
  test.each([
    [[], ''],
    [['ab'], 'ab'],
    [['ab', 'cd'], 'abcd'],
    [['ab', 'cd', 'ef'], 'cdef'],
    [['abcdefgh'], 'efgh'],
    [['abc', 'defgh', ''], 'efgh'],
  ])('of 4 bytes remembers the end of %j', (chunks, expected) => {
    const tail = new TailBuffer(4);
    for (const chunk of chunks) tail.push(Buffer.from(chunk));
    expect(tail.text()).toBe(expected);
  });

  test('does not hold on to large chunks', () => {
    const tail = new TailBuffer(4);
    const chunk = Buffer.alloc(1_000, 'x');
    tail.push(chunk);
    chunk.fill('y');
    expect(tail.text()).toBe('xxxx');
  });
});
