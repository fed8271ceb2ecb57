export interface Backoff {
  baseMs: number;
  factor: number;
  maxMs: number;
}

/**
 * Full jitter: a random wait between 0 and min(max, base · factor^attempt), so that many clients of one
 * server do not come back in step.
 * @param attempt 0 for the first wait.
 */
export function fullJitter({ baseMs, factor, maxMs }: Backoff, attempt: number): number {
  return Math.random() * Math.min(maxMs, baseMs * factor ** attempt);
}

/** `value` ± `share`, evenly spread. */
export function spread(value: number, share: number): number {
  return value * (1 - share + Math.random() * 2 * share);
}
