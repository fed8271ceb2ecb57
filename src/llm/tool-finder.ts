import type { RequestOptions } from '../calls/call-options.js';
import type { Fleet, FleetTool } from '../manager/fleet.js';
import { plainAddress } from '../manager/tool-names.js';

export type Found =
  /** Without a tool where its server's list cannot be had: the call itself will show why. */
  | { readonly tool: FleetTool | undefined }
  /** There is none of that name, but those of these names. */
  | { readonly unknown: readonly string[] };

/** Finds tools by the qualified names that models use. A server is asked only for a list that is not known. */
export function toolFinder(
  fleet: Fleet,
  offered: readonly FleetTool[] | undefined,
  { signal, timeoutMs, identity }: RequestOptions,
): (name: string) => Promise<Found> {
  const among = (tools: readonly FleetTool[], name: string) => tools.find((tool) => tool.name === name);
  if (offered !== undefined) {
    return async (name) => {
      const tool = among(offered, name);
      return tool === undefined ? { unknown: offered.map((one) => one.name) } : { tool };
    };
  }
  const request = {
    ...(signal && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(identity !== undefined && { identity }),
  };
  // What the fleet knows is not what an identity named in the options may see.
  let tools = identity === undefined ? fleet.knownTools : [];
  return async (name) => {
    const known = among(tools, name);
    if (known !== undefined) return { tool: known };
    const server = plainAddress(name)?.server;
    const isReadable = server !== undefined && hasServer(fleet, server);
    const { tools: listed, failed } = await fleet.listTools({ ...request, ...(isReadable && { server }) });
    // Whom a token provider tells apart by itself knows no more than was listed.
    const wider = identity === undefined ? fleet.knownTools : [];
    tools = wider.length === 0 ? listed : wider;
    const tool = among(listed, name) ?? among(tools, name);
    if (tool !== undefined || (isReadable && failed.length > 0)) return { tool };
    return { unknown: tools.map((one) => one.name) };
  };
}

function hasServer(fleet: Fleet, name: string): boolean {
  return fleet.snapshot().servers.some(({ server }) => server === name);
}
