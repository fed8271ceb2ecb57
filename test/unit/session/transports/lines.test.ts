import { describe, expect, test } from 'vitest';
import { LineReader } from '../../../../src/session/transports/lines.js';

function read(chunks: readonly Buffer[], maxBytes = 1_000) {
  const lines: string[] = [];
  const oversize: [head: string, tail: string][] = [];
  const reader = new LineReader(maxBytes, {
    line: (line) => lines.push(line),
    oversize: (head, tail) => oversize.push([head, tail]),
  });
  const ends = chunks.every((chunk) => reader.push(chunk));
  return { lines, oversize, ends };
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
      expect(read(cut('x'.repeat(20)), 20)).toMatchObject({ lines: ['x'.repeat(20)], oversize: [] });
      expect(read(cut('x'.repeat(21)), 20)).toMatchObject({
        lines: [],
        oversize: [['x'.repeat(21), 'x'.repeat(21)]],
      });
      expect(read(cut('ö'.repeat(10)), 20)).toMatchObject({ lines: ['ö'.repeat(10)], oversize: [] });
      expect(read(cut('ö'.repeat(11)), 20).oversize).toHaveLength(1);
    },
  );

  test('counts each line for itself', () => {
    expect(read([Buffer.from('xx\n'.repeat(1_000))], 2)).toMatchObject({ oversize: [], ends: true });
  });

  test('passes over a line that is too long, and goes on behind it', () => {
    const { lines, oversize, ends } = read([Buffer.from('fine\ntoo long\nmore\n')], 4);
    expect([lines, oversize, ends]).toEqual([['fine', 'more'], [['too long', 'too long']], true]);
  });

  test('keeps of it the beginning and the end, however it is cut', () => {
    const long = Buffer.from(`{"id":1,${'x'.repeat(100_000)},"end":2}\n`);
    for (const size of [1_000, 7_777, 200_000]) {
      const chunks = Array.from({ length: Math.ceil(long.length / size) }, (_, n) =>
        long.subarray(n * size, (n + 1) * size),
      );
      const [[head = '', tail = ''] = []] = read(chunks, 50_000).oversize;
      expect(head.startsWith('{"id":1,xxx')).toBe(true);
      expect(tail.endsWith('x,"end":2}')).toBe(true);
      expect(head.length + tail.length).toBeLessThan(70_000);
    }
  });

  test('gives up a line that has no end', () => {
    const chunk = Buffer.alloc(100, 'x');
    expect(
      read(
        Array.from({ length: 4 }, () => chunk),
        100,
      ).ends,
    ).toBe(true);
    expect(
      read(
        Array.from({ length: 5 }, () => chunk),
        100,
      ).ends,
    ).toBe(false);
  });
});
