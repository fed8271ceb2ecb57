import { getEventListeners } from 'node:events';
import { expect, test, vi } from 'vitest';
import { CallQueue } from '../../../src/calls/call-queue.js';
import { McpFleetError } from '../../../src/core/errors.js';
import { thrownBy } from './fakes.js';

const NEVER = new AbortController().signal;

/** Work that is told when to end. */
function works(queue: CallQueue) {
  const started: string[] = [];
  const ends = new Map<string, { resolve(): void; reject(error: unknown): void }>();
  const start = (name: string, signal = NEVER) =>
    queue.run(
      () =>
        new Promise<string>((resolve, reject) => {
          started.push(name);
          ends.set(name, { resolve: () => resolve(name), reject });
        }),
      signal,
    );
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    started,
    start,
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
