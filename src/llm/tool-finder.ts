import type { RequestOptions } from '../calls/call-options.js';
import type { FleetTool } from '../manager/fleet.js';
import type { McpManager } from '../manager/mcp-manager.js';
import { plainAddress, toolNames } from '../manager/tool-names.js';

export type Found =
  /** Without a tool where its server's list cannot be had: the call itself will show why. */
  | { readonly tool: FleetTool | undefined }
  /** There is none of that name, but those of these names. */
  | { readonly unknown: readonly string[] };

/** Finds tools by the qualified names that models use. A server is asked only for a list that is not known. */
export function toolFinder(
  manager: McpManager,
  offered: readonly FleetTool[] | undefined,
  { signal, timeoutMs }: RequestOptions,
): (name: string) => Promise<Found> {
  const among = (tools: readonly FleetTool[], name: string) => tools.find((tool) => tool.name === name);
  if (offered !== undefined) {
    return async (name) => {
      const tool = among(offered, name);
      return tool === undefined ? { unknown: offered.map((one) => one.name) } : { tool };
    };
  }
  const request = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
  let tools = knownTools(manager);
  return async (name) => {
    const known = among(tools, name);
    if (known !== undefined) return { tool: known };
    const server = plainAddress(name)?.server;
    const isReadable = server !== undefined && manager.clients.has(server);
    const { failed } = await manager.listTools({ ...request, ...(isReadable && { server }) });
    tools = knownTools(manager);
    const tool = among(tools, name);
    if (tool !== undefined || (isReadable && failed.length > 0)) return { tool };
    return { unknown: tools.map((one) => one.name) };
  };
}

function knownTools(manager: McpManager): FleetTool[] {
  const known = [...manager.clients.values()].flatMap((client) =>
    client.knownTools.map((tool) => ({ ...tool, server: client.name, toolName: tool.name })),
  );
  const names = toolNames(known);
  return known.map((tool) => ({ ...tool, name: names.nameOf(tool.server, tool.toolName) }));
}
