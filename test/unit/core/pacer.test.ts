import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pacer } from '../../../src/core/pacer.js';

let now = 0;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate'] });
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => {
  vi.useRealTimers();
});

function paced() {
  const did: string[] = [];
  const pacer = new Pacer({ pause: () => did.push('pause'), resume: () => did.push('resume') });
  const work = (ms: number, fault?: Error) =>
    pacer.run(() => {
      now += ms;
      if (fault !== undefined) throw fault;
    });
  return { did, work, pacer };
}

describe('a source of work', () => {
  test('goes on while it is little', () => {
    const { did, work } = paced();
    for (let times = 0; times < 9; times++) work(1);
    expect(did).toEqual([]);
  });

  test('waits for one turn when it was much, at once or together', () => {
    const { did, work } = paced();
    work(50);
    expect(did).toEqual(['pause']);
    vi.runAllTimers();
    expect(did).toEqual(['pause', 'resume']);
    for (let times = 0; times < 5; times++) work(2);
    expect(did).toEqual(['pause', 'resume', 'pause']);
  });

  test('is paused once, however much comes before that turn', () => {
    const { did, work } = paced();
    for (let times = 0; times < 5; times++) work(20);
    vi.runAllTimers();
    expect(did).toEqual(['pause', 'resume']);
  });

  test('counts work that fails, and lets the failure through', () => {
    const { did, work } = paced();
    expect(() => work(20, new Error('bad'))).toThrow('bad');
    expect(did).toEqual(['pause']);
  });

  test('does pieces that are much together in turns, in order, and goes on when all are done', () => {
    const { did, pacer } = paced();
    const pieces = Array.from({ length: 10 }, (_, piece) => piece);
    pacer.each(pieces, (piece) => {
      now += 4;
      did.push(String(piece));
    });
    expect(did).toEqual(['0', '1', '2', 'pause']);
    pacer.each(['late'], (piece) => did.push(piece));
    vi.runOnlyPendingTimers();
    expect(did.slice(4)).toEqual(['3', '4', '5', 'pause']);
    vi.runAllTimers();
    const rest = ['6', '7', '8', 'pause', '9', 'late', 'resume'];
    expect(did.slice(8)).toEqual(rest);
  });
});
