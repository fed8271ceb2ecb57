import type { ListOptions } from '../calls/call-options.js';
import type { ServerFilter } from '../manager/fleet.js';
import type { McpManager } from '../manager/mcp-manager.js';

interface Selection {
  readonly query: { readonly server_name?: string | undefined };
  readonly signal: AbortSignal;
}

/** `?server_name=` as the manager is asked for it. */
export function selectionOf({ query, signal }: Selection): ListOptions & ServerFilter {
  return { signal, ...(query.server_name !== undefined && { server: query.server_name }) };
}

export function askedServers(manager: McpManager, { query }: Selection): Iterable<string> {
  return query.server_name === undefined ? manager.clients.keys() : [query.server_name];
}
