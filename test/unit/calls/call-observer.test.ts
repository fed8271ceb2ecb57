import { describe, expect, test } from 'vitest';
import type { CallObserver } from '../../../src/calls/call-observer.js';
import { CallRunner } from '../../../src/calls/call-runner.js';
import { TextExit } from '../../../src/core/text-exit.js';
import { thrownBy } from './fakes.js';

const subject = { method: 'tools/call', name: 'add' };

/** Writes down what it sees, and puts its name into `_meta`. */
function observer(name: string, seen: string[]): CallObserver {
  return {
    begin(begun) {
      seen.push(`${name} begins ${begun.method} ${begun.name}`);
      return {
        async run(work) {
          seen.push(`${name} runs`);
          return work();
        },
        meta: (given) => ({ ...given, [name]: true }),
        sent: ({ id }) => seen.push(`${name} sent ${id}`),
        end: ({ outcome }) => seen.push(`${name} ends ${outcome}`),
      };
    },
  };
}

function runnerSeenBy(...names: string[]) {
  const seen: string[] = [];
  const runner = new CallRunner({
    server: 's',
    timeoutMs: 1_000,
    isHeard: () => true,
    onCall: () => seen.push('event'),
    exit: new TextExit(),
  });
  const stops = names.map((name) => runner.observe(observer(name, seen)));
  return { runner, seen, stops };
}

describe('an observer', () => {
  test('is told of the beginning and the end of a call', async () => {
    const { runner, seen } = runnerSeenBy('a');
    const result = await runner.run(subject, {}, async (call) => {
      expect(call.observation?.meta({ own: 1 })).toEqual({ own: 1, a: true });
      call.observation?.sent({ method: 'tools/call', id: 7, sessionId: undefined });
      return 'result';
    });
    expect(result).toBe('result');
    expect(seen).toEqual(['a begins tools/call add', 'a runs', 'a sent 7', 'event', 'a ends ok']);
  });

  test('is told of a call that fails', async () => {
    const { runner, seen } = runnerSeenBy('a');
    await thrownBy(
      runner.run(subject, {}, () => {
        throw new Error('no');
      }),
    );
    expect(seen).toEqual(['a begins tools/call add', 'a runs', 'event', 'a ends failed']);
  });

  test('is told of nothing after its end', async () => {
    const { runner, seen, stops } = runnerSeenBy('a');
    for (const stop of stops) stop();
    await runner.run(subject, {}, async (call) => expect(call.observation).toBeUndefined());
    expect(seen).toEqual(['event']);
  });
});

test('several observers see the same call, one inside the other', async () => {
  const { runner, seen } = runnerSeenBy('a', 'b');
  await runner.run(subject, {}, async (call) => {
    expect(call.observation?.meta(undefined)).toEqual({ a: true, b: true });
  });
  expect(seen).toEqual([
    'a begins tools/call add',
    'b begins tools/call add',
    'a runs',
    'b runs',
    'event',
    'a ends ok',
    'b ends ok',
  ]);
});
