// Rounds, medians and ratios.
import { FLEET } from './clients.mjs';

/** The value that so great a part of `values` does not exceed. */
export function percentile(values, part) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

/**
 * Measures the contestants in turn, round after round, so that a machine that slows down slows all of them.
 * `measure` gives an object of figures; the medians of each over the rounds come back, by contestant.
 */
export async function interleaved(contestants, rounds, measure) {
  const figures = new Map(Object.keys(contestants).map((name) => [name, []]));
  for (const contestant of Object.values(contestants)) await measure(contestant); // warm
  for (let round = 0; round < rounds; round++) {
    // Whoever comes first in one round comes last in the next.
    const order = Object.keys(contestants);
    if (round % 2 === 1) order.reverse();
    for (const name of order) figures.get(name).push(await measure(contestants[name]));
  }
  return Object.fromEntries(
    [...figures].map(([name, measured]) => [
      name,
      Object.fromEntries(
        Object.keys(measured[0]).map((figure) => [
          figure,
          percentile(
            measured.map((m) => m[figure]),
            0.5,
          ),
        ]),
      ),
    ]),
  );
}

/** Calls per second, latencies and this process's CPU time per call, with so many calls under way for so long. */
export async function load(call, parallel, durationMs) {
  const latencies = [];
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const worker = async () => {
    for (;;) {
      const calledAt = performance.now();
      if (calledAt - startedAt >= durationMs) return;
      await call();
      latencies.push(performance.now() - calledAt);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: (latencies.length * 1_000) / (performance.now() - startedAt),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    cpuUs: (user + system) / latencies.length,
  };
}

/** How long `work` takes, and what it gives back is cleaned up outside the measurement. */
export async function timed(work, cleanUp = () => {}) {
  const startedAt = performance.now();
  const outcome = await work();
  const ms = performance.now() - startedAt;
  await cleanUp(outcome);
  return { ms };
}

/** Adds to each contestant how many times better mcp-fleet is in that figure. */
export function compared(figures, figure, better) {
  const ours = figures[FLEET][figure];
  for (const measured of Object.values(figures)) {
    const theirs = measured[figure];
    measured.fleetTimes = better === 'more' ? ours / theirs : theirs / ours;
  }
  return figures;
}

/** Prints what one group measured: `{ case: { contestant: figures } }`. */
export function print(title, cases) {
  const rows = {};
  for (const [name, contestants] of Object.entries(cases)) {
    for (const [contestant, figures] of Object.entries(contestants)) {
      rows[`${name} · ${contestant}`] = roundedFigures(figures);
    }
  }
  console.log(`\n${title}`);
  console.table(rows);
}

export function rounded(value) {
  return typeof value === 'number' ? Number(value.toPrecision(value >= 1_000 ? 5 : 3)) : value;
}

function roundedFigures(figures) {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]));
}
