import { getEventListeners } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { CallQueue } from '../../../src/calls/call-queue.js';
import { McpFleetError } from '../../../src/core/errors.js';
import { thrownBy } from './fakes.js';

const NEVER = new AbortController().signal;

/** Work that is told when to end. */
function works(queue: CallQueue) {
  const started: string[] = [];
  const ends = new Map<string, { resolve(): void; reject(error: unknown): void }>();
  const start = (name: string, signal = NEVER, identity?: string) =>
    queue.run(
      () =>
        new Promise<string>((resolve, reject) => {
          started.push(name);
          ends.set(name, { resolve: () => resolve(name), reject });
        }),
      signal,
      identity,
    );
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    started,
    start,
    /** Of the identity that its name begins with. */
    startOf: (name: string, signal = NEVER) => start(name, signal, name.slice(0, 1)),
    async finish(name: string) {
      ends.get(name)?.resolve();
      await settled();
    },
    async fail(name: string, error: unknown) {
      ends.get(name)?.reject(error);
      await settled();
    },
  };
}

test('starts at once what it has place for, and gives its result', async () => {
  const queue = new CallQueue(2, 0);
  const { start, started, finish } = works(queue);
  const a = start('a');
  const b = start('b');
  expect(started).toEqual(['a', 'b']);
  expect(queue).toMatchObject({ running: 2, waiting: 0 });
  await finish('b');
  expect(await b).toBe('b');
  expect(queue.running).toBe(1);
  await finish('a');
  expect(await a).toBe('a');
  expect(queue).toMatchObject({ running: 0, waiting: 0 });
});

test('lets the others wait, first come first served', async () => {
  const queue = new CallQueue(2, 10);
  const { start, started, finish } = works(queue);
  const all = ['a', 'b', 'c', 'd', 'e'].map((name) => start(name));
  expect(queue).toMatchObject({ running: 2, waiting: 3 });
  await finish('b');
  expect(started).toEqual(['a', 'b', 'c']);
  await finish('c');
  await finish('a');
  expect(started).toEqual(['a', 'b', 'c', 'd', 'e']);
  await finish('e');
  await finish('d');
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('hands a place over: one that comes in that moment does not overtake', async () => {
  const queue = new CallQueue(1, 10);
  const { start, started, finish } = works(queue);
  void start('a').then(() => start('late'));
  const waits = start('waits');
  await finish('a');
  expect(started).toEqual(['a', 'waits']);
  expect(queue).toMatchObject({ running: 1, waiting: 1 });
  await finish('waits');
  expect(await waits).toBe('waits');
  expect(started).toEqual(['a', 'waits', 'late']);
  await finish('late');
  expect(queue.running).toBe(0);
});

test('never runs more than it may, whatever comes and goes', async () => {
  const queue = new CallQueue(3, 1_000);
  let running = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      queue
        .run(async () => {
          most = Math.max(most, ++running);
          for (let tick = 0; tick < n % 5; tick++) await Promise.resolve();
          running--;
          if (n % 7 === 0) throw new Error('failed');
        }, new AbortController().signal)
        .catch(() => {}),
    ),
  );
  expect(most).toBe(3);
  expect(queue).toMatchObject({ running: 0, waiting: 0 });
});

test.each([0, 1, 2])(
  'refuses one more than the %i that may wait, and says that it was not sent',
  async (maxQueue) => {
    const queue = new CallQueue(1, maxQueue);
    const { start, started } = works(queue);
    for (let n = 0; n <= maxQueue; n++) void start(`call ${n}`);
    const error = await thrownBy(start('one more'));
    expect(error).toBeInstanceOf(McpFleetError);
    expect(error).toMatchObject({
      code: 'QUEUE_FULL',
      message: `More than maxQueue (${maxQueue}) calls wait for this server`,
      delivery: 'not-sent',
      retryable: true,
    });
    expect(started).toEqual(['call 0']);
    expect(queue).toMatchObject({ running: 1, waiting: maxQueue });
  },
);

test('frees the place of work that fails, in whatever way', async () => {
  const queue = new CallQueue(1, 10);
  const { start, started, fail, finish } = works(queue);
  const fails = thrownBy(start('fails'));
  const next = start('next');
  const failure = new Error('boom');
  await fail('fails', failure);
  expect(await fails).toBe(failure);
  expect(started).toEqual(['fails', 'next']);
  await finish('next');
  await next;
  const throwing = () => {
    throw failure;
  };
  expect(await thrownBy(queue.run(throwing, NEVER))).toBe(failure);
  expect(queue.running).toBe(0);
});

test('an abort while waiting leaves the line with its reason, and the others move up', async () => {
  const queue = new CallQueue(1, 10);
  const { start, started, finish } = works(queue);
  const controller = new AbortController();
  void start('a');
  const leaves = thrownBy(start('leaves', controller.signal));
  const stays = start('stays');
  controller.abort('enough');
  expect(await leaves).toBe('enough');
  expect(queue.waiting).toBe(1);
  await finish('a');
  expect(started).toEqual(['a', 'stays']);
  await finish('stays');
  await stays;
  expect(queue).toMatchObject({ running: 0, waiting: 0 });
});

test('an abort before waits for nothing', async () => {
  const queue = new CallQueue(1, 10);
  const { start, started } = works(queue);
  void start('a');
  const late = vi.fn();
  start('late', AbortSignal.abort('enough')).catch(late);
  await new Promise((resolve) => setImmediate(resolve));
  expect(late).toHaveBeenCalledExactlyOnceWith('enough');
  expect(queue.waiting).toBe(0);
  expect(started).toEqual(['a']);
});

test('an abort once it runs is not its matter, and no listener is left', async () => {
  const queue = new CallQueue(1, 10);
  const { start, started, finish } = works(queue);
  const controller = new AbortController();
  void start('a');
  const b = start('b', controller.signal);
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  await finish('a');
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  controller.abort('enough');
  expect(started).toEqual(['a', 'b']);
  await finish('b');
  expect(await b).toBe('b');
});

describe('identities', () => {
  test('take turns, however many calls one of them has brought', async () => {
    const queue = new CallQueue(1, 10);
    const { start, startOf, started, finish } = works(queue);
    void start('first');
    for (const name of ['A1', 'A2', 'A3', 'B1']) void startOf(name);
    expect(queue).toMatchObject({ running: 1, waiting: 4 });
    for (const name of ['first', 'A1', 'B1', 'A2', 'A3']) await finish(name);
    expect(started).toEqual(['first', 'A1', 'B1', 'A2', 'A3']);
    expect(queue).toMatchObject({ running: 0, waiting: 0 });
  });

  test('take turns with those who act for nobody in particular, too', async () => {
    const queue = new CallQueue(1, 10);
    const { start, startOf, started, finish } = works(queue);
    void start('x');
    for (const name of ['y', 'z']) void start(name);
    for (const name of ['A1', 'B1', 'A2']) void startOf(name);
    for (const name of ['x', 'y', 'A1', 'B1', 'z', 'A2']) await finish(name);
    expect(started).toEqual(['x', 'y', 'A1', 'B1', 'z', 'A2']);
  });

  test('come last with a new line, and each line is first come first served', async () => {
    const queue = new CallQueue(1, 10);
    const { startOf, started, finish } = works(queue);
    for (const name of ['A1', 'A2', 'A3', 'B1']) void startOf(name);
    await finish('A1');
    void startOf('C1');
    void startOf('B2');
    for (const name of ['A2', 'B1', 'A3', 'C1', 'B2']) await finish(name);
    expect(started).toEqual(['A1', 'A2', 'B1', 'A3', 'C1', 'B2']);
  });

  test('with few calls get a place in a full queue: the last of the longest line is refused', async () => {
    const queue = new CallQueue(1, 3);
    const { start, startOf, started, finish } = works(queue);
    void start('first');
    const [a1, a2, a3] = ['A1', 'A2', 'A3'].map((name) => startOf(name));
    const refusedA3 = thrownBy(a3 as Promise<string>);
    const b1 = startOf('B1');
    expect(await refusedA3).toMatchObject({
      code: 'QUEUE_FULL',
      message: 'More than maxQueue (3) calls wait for this server',
      delivery: 'not-sent',
      retryable: true,
    });
    expect(queue).toMatchObject({ running: 1, waiting: 3 });
    const refusedA2 = thrownBy(a2 as Promise<string>);
    const c1 = startOf('C1');
    expect(await refusedA2).toMatchObject({ code: 'QUEUE_FULL' });
    // All lines are equal now: there is nobody to take a place from.
    expect(await thrownBy(startOf('D1'))).toMatchObject({ code: 'QUEUE_FULL' });
    expect(queue).toMatchObject({ running: 1, waiting: 3 });
    for (const name of ['first', 'A1', 'B1', 'C1']) await finish(name);
    expect(await Promise.all([a1, b1, c1])).toEqual(['A1', 'B1', 'C1']);
    expect(started).toEqual(['first', 'A1', 'B1', 'C1']);
    expect(queue).toMatchObject({ running: 0, waiting: 0 });
  });

  test('with the longest line are refused themselves, as are those who would only change places', async () => {
    const queue = new CallQueue(1, 3);
    const { start, startOf, started, finish } = works(queue);
    void start('first');
    for (const name of ['A1', 'A2', 'B1']) void startOf(name);
    expect(await thrownBy(startOf('A3'))).toMatchObject({ code: 'QUEUE_FULL' });
    expect(await thrownBy(startOf('B2'))).toMatchObject({ code: 'QUEUE_FULL' });
    expect(queue).toMatchObject({ running: 1, waiting: 3 });
    for (const name of ['first', 'A1', 'B1', 'A2']) await finish(name);
    expect(started).toEqual(['first', 'A1', 'B1', 'A2']);
  });

  test('cannot get a place where nobody may wait', async () => {
    const queue = new CallQueue(1, 0);
    const { startOf } = works(queue);
    void startOf('A1');
    expect(await thrownBy(startOf('B1'))).toMatchObject({ code: 'QUEUE_FULL' });
    expect(queue).toMatchObject({ running: 1, waiting: 0 });
  });

  test('whose call is aborted leave their line, and the last of a line takes the line with it', async () => {
    const queue = new CallQueue(1, 3);
    const { start, startOf, started, finish } = works(queue);
    void start('first');
    const controller = new AbortController();
    const { signal } = controller;
    const left = ['A1', 'A2'].map((name) => thrownBy(startOf(name, signal)));
    void startOf('B1');
    expect(queue.waiting).toBe(3);
    controller.abort('enough');
    expect(await Promise.all(left)).toEqual(['enough', 'enough']);
    expect(queue.waiting).toBe(1);
    // They are no longest line any more.
    for (const name of ['B2', 'B3']) void startOf(name);
    expect(queue.waiting).toBe(3);
    for (const name of ['first', 'B1', 'B2', 'B3']) await finish(name);
    expect(started).toEqual(['first', 'B1', 'B2', 'B3']);
    expect(queue).toMatchObject({ running: 0, waiting: 0 });
  });

  test('who were refused leave no listener, and their abort changes nothing', async () => {
    const queue = new CallQueue(1, 2);
    const { start, startOf, finish } = works(queue);
    void start('first');
    const controller = new AbortController();
    void startOf('A1');
    const refused = thrownBy(startOf('A2', controller.signal));
    const b1 = startOf('B1');
    expect(await refused).toMatchObject({ code: 'QUEUE_FULL' });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    controller.abort('late');
    expect(queue).toMatchObject({ running: 1, waiting: 2 });
    for (const name of ['first', 'A1', 'B1']) await finish(name);
    expect(await b1).toBe('B1');
  });

  test('keep the counts right, whatever comes, goes and is refused', async () => {
    const queue = new CallQueue(3, 20);
    let running = 0;
    let most = 0;
    const outcomes = await Promise.all(
      Array.from({ length: 400 }, async (_, n) => {
        for (let tick = 0; tick < n % 40; tick++) await Promise.resolve();
        const controller = new AbortController();
        const identity = n % 3 === 0 ? `user ${n % 9}` : 'busy';
        const call = queue.run(
          async () => {
            most = Math.max(most, ++running);
            for (let tick = 0; tick < n % 5; tick++) await Promise.resolve();
            running--;
            return 'done';
          },
          controller.signal,
          identity,
        );
        if (n % 11 === 0) controller.abort('gone');
        return call.catch((error: unknown) => (error instanceof McpFleetError ? error.code : error));
      }),
    );
    expect(most).toBe(3);
    expect(new Set(outcomes)).toEqual(new Set(['done', 'gone', 'QUEUE_FULL']));
    expect(queue).toMatchObject({ running: 0, waiting: 0 });
  });
});
