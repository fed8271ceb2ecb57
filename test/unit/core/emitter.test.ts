import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { Emitter } from '../../../src/core/emitter.js';

interface Events {
  tick: number;
  tock: string;
}

function emitter() {
  const failures: [unknown, keyof Events][] = [];
  const events = new Emitter<Events>((error, name) => failures.push([error, name]));
  return { events, failures };
}

describe('on and emit', () => {
  test('runs listeners in the order they were added, each with the event', () => {
    const { events } = emitter();
    const heard: string[] = [];
    events.on('tick', (n) => heard.push(`a${n}`));
    events.on('tick', (n) => heard.push(`b${n}`));
    events.on('tick', (n) => heard.push(`c${n}`));
    events.emit('tick', 1);
    expect(heard).toEqual(['a1', 'b1', 'c1']);
  });

  test('has run every listener when emit returns', () => {
    const { events } = emitter();
    const listener = vi.fn();
    events.on('tick', listener);
    events.emit('tick', 7);
    expect(listener).toHaveBeenCalledExactlyOnceWith(7);
  });

  test('keeps names apart', () => {
    const { events } = emitter();
    const tick = vi.fn();
    const tock = vi.fn();
    events.on('tick', tick);
    events.on('tock', tock);
    events.emit('tock', 'x');
    expect(tick).not.toHaveBeenCalled();
    expect(tock).toHaveBeenCalledExactlyOnceWith('x');
  });

  test('does nothing where nobody listens', () => {
    const { events, failures } = emitter();
    events.emit('tick', 1);
    expect(failures).toEqual([]);
  });

  test('runs a listener once per event, however often it was added', () => {
    const { events } = emitter();
    const listener = vi.fn();
    events.on('tick', listener);
    events.on('tick', listener);
    events.emit('tick', 1);
    expect(listener).toHaveBeenCalledTimes(1);
  });
});

describe('a listener that fails', () => {
  test('by throwing harms neither the emitter nor the others', () => {
    const { events, failures } = emitter();
    const boom = new Error('boom');
    const after = vi.fn();
    events.on('tick', () => {
      throw boom;
    });
    events.on('tick', after);
    events.emit('tick', 1);
    expect(after).toHaveBeenCalledOnce();
    expect(failures).toEqual([[boom, 'tick']]);
    events.emit('tick', 2);
    expect(after).toHaveBeenCalledTimes(2);
  });

  test('by rejecting harms neither the emitter nor the others', async () => {
    const { events, failures } = emitter();
    const boom = new Error('boom');
    const after = vi.fn();
    events.on('tock', vi.fn().mockRejectedValue(boom));
    events.on('tock', after);
    events.emit('tock', 'x');
    expect(after).toHaveBeenCalledOnce();
    await setImmediate();
    expect(failures).toEqual([[boom, 'tock']]);
  });
});

describe('unsubscribing', () => {
  test('ends the listening, by the function that on returned', () => {
    const { events } = emitter();
    const [gone, stays] = [vi.fn(), vi.fn()];
    const unsubscribe = events.on('tick', gone);
    events.on('tick', stays);
    unsubscribe();
    unsubscribe();
    events.emit('tick', 1);
    expect(gone).not.toHaveBeenCalled();
    expect(stays).toHaveBeenCalledOnce();
  });

  test('ends the listening, by off', () => {
    const { events } = emitter();
    const listener = vi.fn();
    events.on('tick', listener);
    events.off('tick', listener);
    events.off('tick', listener);
    events.off('tock', listener);
    events.emit('tick', 1);
    expect(listener).not.toHaveBeenCalled();
  });

  test('during an event skips no other listener', () => {
    const { events } = emitter();
    const heard: string[] = [];
    const leave = events.on('tick', () => {
      heard.push('a');
      leave();
    });
    events.on('tick', () => heard.push('b'));
    events.on('tick', () => heard.push('c'));
    events.emit('tick', 1);
    events.emit('tick', 2);
    expect(heard).toEqual(['a', 'b', 'c', 'b', 'c']);
  });

  test('a listener added during an event hears only the next one', () => {
    const { events } = emitter();
    const late = vi.fn();
    events.on('tick', () => events.on('tick', late));
    events.emit('tick', 1);
    expect(late).not.toHaveBeenCalled();
    events.emit('tick', 2);
    expect(late).toHaveBeenCalledExactlyOnceWith(2);
  });
});

describe('a signal', () => {
  test('ends the listening when it aborts', () => {
    const { events } = emitter();
    const controller = new AbortController();
    const listener = vi.fn();
    events.on('tick', listener, { signal: controller.signal });
    events.emit('tick', 1);
    controller.abort();
    events.emit('tick', 2);
    expect(listener).toHaveBeenCalledExactlyOnceWith(1);
    expect(events.has('tick')).toBe(false);
  });

  test('that has aborted already starts no listening', () => {
    const { events } = emitter();
    const listener = vi.fn();
    const unsubscribe = events.on('tick', listener, { signal: AbortSignal.abort() });
    events.emit('tick', 1);
    unsubscribe();
    expect(listener).not.toHaveBeenCalled();
    expect(events.has('tick')).toBe(false);
  });

  test('keeps nothing of a listener that has left', () => {
    const { events } = emitter();
    const { signal } = new AbortController();
    const unsubscribe = events.on('tick', () => {}, { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    unsubscribe();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('has', () => {
  test('tells whether anybody listens', () => {
    const { events } = emitter();
    expect(events.has('tick')).toBe(false);
    const unsubscribe = events.on('tick', () => {});
    expect(events.has('tick')).toBe(true);
    expect(events.has('tock')).toBe(false);
    unsubscribe();
    expect(events.has('tick')).toBe(false);
  });
});

describe('once', () => {
  test('is the next event, and only that', async () => {
    const { events } = emitter();
    events.emit('tick', 0);
    const next = events.once('tick');
    events.emit('tick', 1);
    events.emit('tick', 2);
    await expect(next).resolves.toBe(1);
    expect(events.has('tick')).toBe(false);
  });

  test('rejects with the reason of a signal that aborts first, and stops listening', async () => {
    const { events } = emitter();
    const controller = new AbortController();
    const next = events.once('tick', { signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(next).rejects.toBe(reason);
    expect(events.has('tick')).toBe(false);
  });

  test('rejects at once with the reason of a signal that has aborted', async () => {
    const { events } = emitter();
    const reason = new Error('enough');
    await expect(events.once('tick', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(events.has('tick')).toBe(false);
  });

  test('leaves no listener on the signal', async () => {
    const { events } = emitter();
    const { signal } = new AbortController();
    const next = events.once('tick', { signal });
    expect(getEventListeners(signal, 'abort')).not.toHaveLength(0);
    events.emit('tick', 1);
    await next;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('interest', () => {
  test('is told with the first listener of an event and when the last has gone', () => {
    const told: unknown[] = [];
    const events = new Emitter<{ tick: number; tock: number }>(
      () => {},
      (name, wanted) => told.push([name, wanted]),
    );
    const first = events.on('tick', () => {});
    const second = events.on('tick', () => {});
    events.on('tock', () => {});
    first();
    first();
    expect(told).toEqual([
      ['tick', true],
      ['tock', true],
    ]);
    second();
    events.off('tick', () => {});
    expect(told.slice(2)).toEqual([['tick', false]]);
    void events.once('tick');
    events.emit('tick', 1);
    expect(told.slice(3)).toEqual([
      ['tick', true],
      ['tick', false],
    ]);
  });
});
