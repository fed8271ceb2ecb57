import { vi } from 'vitest';

/** Streams and promises take turns of the event loop, which is not faked. */
export async function turns(n = 3): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets so many milliseconds pass, `step` by `step`. */
export async function pass(ms: number, step = 1_000): Promise<void> {
  for (let left = ms; left > 0; left -= step) {
    await vi.advanceTimersByTimeAsync(Math.min(step, left));
    await turns();
  }
}

/** What becomes of a promise, with as much time passing as it takes: little by little, at first. */
export async function soon<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const done = () => {
    settled = true;
  };
  promise.then(done, done);
  for (let n = 0; !settled && n < 1_000; n++) await pass(n < 20 ? 1 : 100, 100);
  return promise;
}
