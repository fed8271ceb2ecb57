import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { Exchanges } from '../../../../src/session/transports/exchanges.js';
import { rejection } from '../../client/fakes.js';

const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('exchanges', () => {
  test('end with what their work ends with', async () => {
    const exchanges = new Exchanges();
    expect(await exchanges.run(async () => 7, undefined)).toBe(7);
    const failure = new Error('no');
    expect(await rejection(exchanges.run(() => Promise.reject(failure), undefined))).toBe(failure);
  });

  test('are each stopped by their caller, with the reason', async () => {
    const exchanges = new Exchanges();
    const [first, second] = [new AbortController(), new AbortController()];
    const running = [first, second].map(({ signal }) => rejection(exchanges.run(untilAborted, signal)));
    first.abort('first');
    expect(await running[0]).toBe('first');
    exchanges.abortAll('all');
    expect(await running[1]).toBe('all');
  });

  test('do not begin for a caller who has given up', async () => {
    let begun = false;
    const work = async () => {
      begun = true;
    };
    const reason = new Error('before');
    expect(await rejection(new Exchanges().run(work, AbortSignal.abort(reason)))).toBe(reason);
    expect(begun).toBe(false);
  });

  test('leave no listener on the signal, and cannot be stopped after their end', async () => {
    const exchanges = new Exchanges();
    const { signal } = new AbortController();
    let own: AbortSignal | undefined;
    await exchanges.run(async (stop) => {
      own = stop;
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    }, signal);
    await rejection(exchanges.run(() => Promise.reject(new Error('x')), signal));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    exchanges.abortAll('late');
    expect(own?.aborted).toBe(false);
  });
});
