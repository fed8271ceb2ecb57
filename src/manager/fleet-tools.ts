import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import type { McpClient } from '../client/mcp-client.js';
import type { Identity } from '../core/identity.js';
import type { FleetTool } from './fleet.js';
import { type ToolNames, toolNames } from './tool-names.js';

/** Identities whose names are kept worked out; the one that was worked out longest ago makes room. */
const MAX_IDENTITIES = 1_000;

/** The names of the tools that one identity knows, and what they were made from. */
interface Known {
  readonly lists: ReadonlyMap<McpClient, readonly Tool[]>;
  readonly names: ToolNames;
}

/** The tools of all servers under their qualified names, worked out anew only when a list has changed. */
export class FleetTools {
  readonly #clients: ReadonlyMap<string, McpClient>;
  /** By the key of the identity. */
  readonly #known = new Map<string | undefined, Known>();
  readonly #named = new WeakMap<readonly Tool[], { names: ToolNames; tools: readonly FleetTool[] }>();

  constructor(clients: ReadonlyMap<string, McpClient>) {
    this.#clients = clients;
  }

  /** The names of all tools that an identity, or nobody in particular, knows at this moment. */
  names(identity: Identity | undefined): ToolNames {
    const known = this.#known.get(identity?.key);
    if (known !== undefined && this.#isCurrent(known, identity)) return known.names;
    const lists = new Map(
      [...this.#clients.values()].map((client) => [client, client.knownToolsFor(identity)]),
    );
    const names = toolNames(
      [...lists].flatMap(([{ name: server }, tools]) =>
        tools.map(({ name: toolName }) => ({ server, toolName })),
      ),
    );
    this.#known.delete(identity?.key);
    if (this.#known.size >= MAX_IDENTITIES) this.#known.delete(this.#known.keys().next().value);
    this.#known.set(identity?.key, { lists, names });
    return names;
  }

  /** The tools that are known at this moment. */
  known(identity: Identity | undefined): FleetTool[] {
    const lists = [...this.#clients.values()].map((client) => ({
      client,
      value: client.knownToolsFor(identity),
    }));
    return this.of(lists, identity);
  }

  /** The tools of the lists of some servers; copies, so that nobody changes what others get. */
  of(
    lists: readonly { client: McpClient; value: readonly Tool[] }[],
    identity: Identity | undefined,
  ): FleetTool[] {
    const names = this.names(identity);
    return lists.flatMap(({ client, value }) =>
      this.#namedTools(names, client.name, value).map((tool) => ({ ...tool })),
    );
  }

  #namedTools(names: ToolNames, server: string, list: readonly Tool[]): readonly FleetTool[] {
    const named = this.#named.get(list);
    if (named?.names === names) return named.tools;
    const tools = list.map((tool) => ({
      ...tool,
      name: names.nameOf(server, tool.name),
      server,
      toolName: tool.name,
    }));
    this.#named.set(list, { names, tools });
    return tools;
  }

  #isCurrent({ lists }: Known, identity: Identity | undefined): boolean {
    if (lists.size !== this.#clients.size) return false;
    for (const client of this.#clients.values()) {
      if (lists.get(client) !== client.knownToolsFor(identity)) return false;
    }
    return true;
  }
}
