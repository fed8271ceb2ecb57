import type { Unsubscribe } from '../core/emitter.js';

interface Started {
  holders: number;
  readonly stop: Unsubscribe;
}

const startedOn = new WeakMap<object, Map<unknown, Started>>();

/** Starts what is not yet started for that object and key; it stops when all who started it have stopped it. */
export function startOnce(object: object, key: unknown, start: () => Unsubscribe): Unsubscribe {
  const started = startedOn.get(object) ?? new Map<unknown, Started>();
  startedOn.set(object, started);
  const mine = started.get(key) ?? { holders: 0, stop: start() };
  started.set(key, mine);
  mine.holders++;
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    if (--mine.holders > 0) return;
    started.delete(key);
    mine.stop();
  };
}
