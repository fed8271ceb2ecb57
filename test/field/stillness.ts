const TICK_MS = 5;

/**
 * The longest time that the event loop stood still while `work` ran, milliseconds. Time that the machine gave to other
 * processes does not count: of each turn what counts is the time that passed, or the time that this process computed,
 * whichever is less.
 */
export async function longestStillness(work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  let at = performance.now();
  let computed = process.cpuUsage();
  const turn = () => {
    const passedMs = performance.now() - at - TICK_MS;
    const { user, system } = process.cpuUsage(computed);
    most = Math.max(most, Math.min(passedMs, (user + system) / 1_000));
    at = performance.now();
    computed = process.cpuUsage();
  };
  const timer = setInterval(turn, TICK_MS);
  try {
    await work();
    await new Promise((resolve) => setTimeout(resolve, 3 * TICK_MS));
  } finally {
    clearInterval(timer);
  }
  return Math.round(most);
}
