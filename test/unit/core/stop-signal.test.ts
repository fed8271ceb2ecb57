import { describe, expect, test } from 'vitest';
import { abortSignalOf, Stop } from '../../../src/core/stop-signal.js';

describe('a stop', () => {
  test('tells each listener once, with the first reason, in their order', () => {
    const stop = new Stop();
    const heard: string[] = [];
    stop.addEventListener('abort', () => heard.push(`a ${stop.reason}`));
    stop.addEventListener('abort', () => heard.push(`b ${stop.reason}`));
    expect(stop.aborted).toBe(false);
    expect(() => stop.throwIfAborted()).not.toThrow();
    stop.abort('first');
    stop.abort('second');
    expect(heard).toEqual(['a first', 'b first']);
    expect(stop.aborted).toBe(true);
    expect(stop.reason).toBe('first');
    expect(() => stop.throwIfAborted()).toThrow('first');
  });

  test('tells nobody who has left, or who comes too late', () => {
    const stop = new Stop();
    const heard: string[] = [];
    const left = () => heard.push('left');
    stop.addEventListener('abort', left);
    stop.removeEventListener('abort', left);
    stop.abort(new Error('enough'));
    stop.addEventListener('abort', () => heard.push('late'));
    expect(heard).toEqual([]);
  });

  test('has no reason to be falsy about: undefined is one', () => {
    const stop = new Stop();
    stop.abort(undefined);
    expect(stop.aborted).toBe(true);
  });

  test.each([
    ['before', true],
    ['after', false],
  ])('is one AbortSignal to others, asked for %s it is aborted', (_when, before) => {
    const stop = new Stop();
    const reason = new Error('enough');
    const early = before ? stop.abortSignal : undefined;
    stop.abort(reason);
    const signal = early ?? stop.abortSignal;
    expect(signal).toBeInstanceOf(AbortSignal);
    expect(signal.reason).toBe(reason);
    expect(stop.abortSignal).toBe(signal);
    expect(abortSignalOf(stop)).toBe(signal);
  });
});

test('an AbortSignal is itself to others', () => {
  const { signal } = new AbortController();
  expect(abortSignalOf(signal)).toBe(signal);
});
