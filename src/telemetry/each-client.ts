import type { McpClient } from '../client/mcp-client.js';
import type { Unsubscribe } from '../core/emitter.js';
import type { McpManager } from '../manager/mcp-manager.js';

/** Attaches something to every client of a manager, those of servers added later too, until it is stopped. */
export function eachClient(manager: McpManager, attach: (client: McpClient) => Unsubscribe): Unsubscribe {
  const attached = new Map<McpClient, Unsubscribe>();
  const update = () => {
    for (const client of manager.clients.values()) {
      if (client.status !== 'closed' && !attached.has(client)) attached.set(client, attach(client));
    }
    // A client that has closed says nothing more, and need not be remembered.
    for (const client of attached.keys()) if (client.status === 'closed') attached.delete(client);
  };
  update();
  const stopUpdating = manager.on('servers', update);
  return () => {
    stopUpdating();
    for (const detach of attached.values()) detach();
    attached.clear();
  };
}
