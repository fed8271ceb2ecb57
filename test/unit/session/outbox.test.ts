import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { McpFleetError } from '../../../src/core/errors.js';
import { Outbox } from '../../../src/session/outbox.js';
import { ScriptedTransport } from './scripted-transport.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const answer = (id: number) => ({ jsonrpc: '2.0' as const, id, result: {} });
const never = () => new Promise<void>(() => {});

function posting(script: ConstructorParameters<typeof ScriptedTransport>[0]) {
  const errors: McpFleetError[] = [];
  const transport = new ScriptedTransport(script);
  return { errors, transport, outbox: new Outbox(transport, (error) => errors.push(error)) };
}

describe('what nobody waits for', () => {
  test('is sent a few at a time, in order, and whatever becomes of one the others follow', async () => {
    let under = 0;
    let most = 0;
    const { outbox, transport, errors } = posting(async ({ id = 0 }) => {
      most = Math.max(most, ++under);
      await Promise.resolve();
      under--;
      if (id % 3 === 0) throw new Error('refused');
    });
    for (let id = 0; id < 200; id++) outbox.post(answer(id));
    await vi.advanceTimersByTimeAsync(0);
    expect(transport.sent.map(({ id }) => id)).toEqual(Array.from({ length: 200 }, (_, id) => id));
    expect(most).toBe(16);
    expect(errors).toEqual([]);
  });

  test('is given up when a peer takes none of it for too long, and makes room', async () => {
    const { outbox, transport } = posting(
      (_message, { signal }) =>
        new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    );
    for (let id = 0; id < 40; id++) outbox.post(answer(id));
    expect(transport.sent).toHaveLength(16);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(transport.sent).toHaveLength(32);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(transport.sent).toHaveLength(40);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is dropped where it is too much, which is told once', () => {
    const { outbox, transport, errors } = posting(never);
    for (let id = 0; id < 10_000; id++) outbox.post(answer(id));
    expect(transport.sent).toHaveLength(16);
    expect(errors.map(({ code, delivery }) => [code, delivery])).toEqual([['QUEUE_FULL', 'not-sent']]);
  });

  test('ends with the session', async () => {
    const reasons: unknown[] = [];
    const { outbox, transport } = posting(
      (_message, { signal }) =>
        new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => {
            reasons.push(signal.reason);
            reject(signal.reason);
          }),
        ),
    );
    for (let id = 0; id < 100; id++) outbox.post(answer(id));
    outbox.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(reasons).toHaveLength(16);
    expect(transport.sent).toHaveLength(16);
    expect(vi.getTimerCount()).toBe(0);
  });
});
