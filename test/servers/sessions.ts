import { randomUUID } from 'node:crypto';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { Answering } from './door.js';

/** Streamable HTTP with sessions, by the SDK of version 1. `connect` serves one of them. */
export function sessionsOf(connect: (transport: Transport) => Promise<void>): Answering {
  const transports = new Map<string, StreamableHTTPServerTransport>();
  const open = async () => {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: (id) => void transports.delete(id),
    });
    // Its declaration is not made for exact optional properties.
    await connect(transport as Transport);
    return transport;
  };
  return {
    async answer(request, response, body) {
      const id = request.headers['mcp-session-id'];
      const transport = id === undefined ? await open() : transports.get(String(id));
      if (transport === undefined) response.writeHead(404).end();
      else await transport.handleRequest(request, response, body === '' ? undefined : JSON.parse(body));
    },
    async close() {
      await Promise.all([...transports.values()].map((transport) => transport.close()));
    },
  };
}
