import type { ServerCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { McpFleetError } from '../core/errors.js';
import type { ListKind, Session } from '../session/session.js';

/** Which capability a list needs (MCP "Capability Negotiation"). */
export const CAPABILITY_OF_LIST = {
  tools: 'tools',
  resources: 'resources',
  resourceTemplates: 'resources',
  prompts: 'prompts',
} as const satisfies Record<ListKind, keyof ServerCapabilities>;

/** @throws {McpFleetError} `UNSUPPORTED` where the server says that it has no such thing */
export function requireCapability(
  { capabilities }: Session,
  capability: keyof ServerCapabilities,
  method: string,
): void {
  if (capabilities === undefined || capabilities[capability] !== undefined) return;
  throw unsupported(`${capability}, which ${method} needs`);
}

export function unsupported(what: string): McpFleetError {
  return new McpFleetError('UNSUPPORTED', `The server does not support ${what}`, { delivery: 'not-sent' });
}
