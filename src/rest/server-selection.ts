import type { ListOptions } from '../calls/call-options.js';
import type { Fleet, ServerFilter } from '../manager/fleet.js';

interface Selection {
  readonly query: { readonly server_name?: string | undefined };
  readonly signal: AbortSignal;
}

/** `?server_name=` as the manager is asked for it. */
export function selectionOf({ query, signal }: Selection): ListOptions & ServerFilter {
  return { signal, ...(query.server_name !== undefined && { server: query.server_name }) };
}

export function askedServers({ query, fleet }: Selection & { readonly fleet: Fleet }): string[] {
  if (query.server_name !== undefined) return [query.server_name];
  return fleet.snapshot().servers.map(({ server }) => server);
}
