import type { Attributes } from '@opentelemetry/api';
import { INSTRUMENTATION } from '../client/instrumentation.js';
import type { McpClient } from '../client/mcp-client.js';
import type { ServerSnapshot } from '../client/snapshot.js';
import type { Unsubscribe } from '../core/emitter.js';
import { SERVER_NAME } from './attributes.js';

const NETWORK: { readonly [Transport in ServerSnapshot['transport']]: Attributes } = {
  http: { 'network.transport': 'tcp', 'network.protocol.name': 'http' },
  sse: { 'network.transport': 'tcp', 'network.protocol.name': 'http' },
  ws: { 'network.transport': 'tcp', 'network.protocol.name': 'websocket' },
  stdio: { 'network.transport': 'pipe' },
  custom: {},
};

/** What all telemetry of one server has in common. It is put together once for each connection. */
export class ServerAttributes {
  readonly #client: McpClient;
  #current: Attributes;
  readonly stop: Unsubscribe;

  constructor(client: McpClient) {
    this.#client = client;
    this.#current = this.#read();
    this.stop = client.on('status', ({ status }) => {
      if (status === 'ready') this.#current = this.#read();
    });
  }

  /** The same object until something changes. */
  get current(): Attributes {
    return this.#current;
  }

  #read(): Attributes {
    const { server, transport, protocolVersion } = this.#client.snapshot();
    return {
      [SERVER_NAME]: server,
      ...NETWORK[transport],
      ...addressOf(this.#client[INSTRUMENTATION].url),
      ...(protocolVersion !== undefined && { 'mcp.protocol.version': protocolVersion }),
    };
  }
}

function addressOf(url: URL | undefined): Attributes {
  if (url === undefined) return {};
  const secure = url.protocol === 'https:' || url.protocol === 'wss:';
  return {
    // Without the brackets of an IPv6 address, which belong to the URL.
    'server.address': url.hostname.replace(/^\[(.*)\]$/, '$1'),
    'server.port': Number(url.port) || (secure ? 443 : 80),
  };
}
