import type { ServerSnapshot } from '../client/snapshot.js';
import type { ServerFailure } from '../manager/fleet.js';
import { type Problem, problemOf } from './problem.js';
import { snakeCased } from './snake-case.js';

export function snapshotReport(snapshot: ServerSnapshot): Record<string, unknown> {
  return snakeCased(snapshot);
}

/** Problems by the name of the server. */
export function errorsReport(failed: readonly ServerFailure[]): Record<string, Problem> {
  return Object.fromEntries(failed.map(({ server, error }) => [server, problemOf(error)]));
}

/**
 * Entries as the protocol has them, by the name of their server. A server without entries has an empty list, so
 * that it can be told from one that failed.
 */
export function entriesByServer<Entry extends { server: string }>(
  entries: readonly Entry[],
  asked: Iterable<string>,
  failed: readonly ServerFailure[],
): Record<string, unknown[]> {
  const sick = new Set(failed.map(({ server }) => server));
  const lists = new Map<string, unknown[]>();
  for (const server of asked) if (!sick.has(server)) lists.set(server, []);
  for (const { server, ...entry } of entries) lists.get(server)?.push(entry);
  return Object.fromEntries(lists);
}
