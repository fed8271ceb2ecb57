import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import type { McpClient } from '../client/mcp-client.js';
import type { FleetTool } from './fleet.js';
import { type ToolNames, toolNames } from './tool-names.js';

/** The tools of all servers under their qualified names, worked out anew only when a list has changed. */
export class FleetTools {
  readonly #clients: ReadonlyMap<string, McpClient>;
  /** What the names were made from. */
  #lists = new Map<McpClient, readonly Tool[]>();
  #names = toolNames([]);
  readonly #named = new WeakMap<readonly Tool[], { names: ToolNames; tools: readonly FleetTool[] }>();

  constructor(clients: ReadonlyMap<string, McpClient>) {
    this.#clients = clients;
  }

  /** The names of all tools that are known at this moment. */
  get names(): ToolNames {
    if (!this.#isCurrent()) {
      this.#lists = new Map([...this.#clients.values()].map((client) => [client, client.knownTools]));
      this.#names = toolNames(
        [...this.#lists].flatMap(([{ name: server }, tools]) =>
          tools.map(({ name: toolName }) => ({ server, toolName })),
        ),
      );
    }
    return this.#names;
  }

  /** The tools of the lists of some servers; copies, so that nobody changes what others get. */
  of(lists: readonly { client: McpClient; value: readonly Tool[] }[]): FleetTool[] {
    const { names } = this;
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

  #isCurrent(): boolean {
    if (this.#lists.size !== this.#clients.size) return false;
    for (const client of this.#clients.values()) {
      if (this.#lists.get(client) !== client.knownTools) return false;
    }
    return true;
  }
}
