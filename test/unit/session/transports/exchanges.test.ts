import { describe, expect, test } from 'vitest';
import { Exchanges } from '../../../../src/session/transports/exchanges.js';
import { gate, rejection } from '../../client/fakes.js';

describe('exchanges', () => {
  test('end with what their work ends with', async () => {
    const exchanges = new Exchanges();
    expect(await exchanges.run(async () => 7)).toBe(7);
    const failure = new Error('no');
    expect(await rejection(exchanges.run(() => Promise.reject(failure)))).toBe(failure);
  });

  test('are all stopped at once, each by what stops its request', async () => {
    const exchanges = new Exchanges();
    const stopped: unknown[] = [];
    const { passed, open } = gate();
    const running = ['a', 'b'].map((name) =>
      exchanges.run(async ({ stoppable }) => {
        stoppable((reason) => stopped.push([name, reason]));
        await passed;
      }),
    );
    exchanges.stopAll('closing');
    expect(stopped).toEqual([
      ['a', 'closing'],
      ['b', 'closing'],
    ]);
    open();
    await Promise.all(running);
  });

  test('are stopped by the request that they are at, and at once by one that begins later', async () => {
    const exchanges = new Exchanges();
    const stopped: string[] = [];
    const { passed, open } = gate();
    const running = exchanges.run(async ({ stoppable }) => {
      stoppable(() => stopped.push('first'));
      stoppable(() => stopped.push('second'));
      await passed;
      stoppable(() => stopped.push('third'));
    });
    exchanges.stopAll('closing');
    expect(stopped).toEqual(['second']);
    open();
    await running;
    expect(stopped).toEqual(['second', 'third']);
  });

  test('cannot be stopped after their end', async () => {
    const exchanges = new Exchanges();
    const stopped: unknown[] = [];
    const stop = (reason: unknown) => stopped.push(reason);
    await exchanges.run(async ({ stoppable }) => stoppable(stop));
    await rejection(
      exchanges.run(({ stoppable }) => {
        stoppable(stop);
        return Promise.reject(new Error('x'));
      }),
    );
    exchanges.stopAll('late');
    expect(stopped).toEqual([]);
  });
});
