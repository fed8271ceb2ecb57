import type { Attributes } from '@opentelemetry/api';
import type { CallSubject } from '../calls/call-runner.js';
import { INSTRUMENTATION } from '../client/instrumentation.js';
import type { McpClient } from '../client/mcp-client.js';
import type { ServerSnapshot } from '../client/snapshot.js';
import type { Unsubscribe } from '../core/emitter.js';
import { SERVER_NAME, subjectAttributes, titleOf } from './attributes.js';

const NETWORK: { readonly [Transport in ServerSnapshot['transport']]: Attributes } = {
  http: { 'network.transport': 'tcp', 'network.protocol.name': 'http' },
  sse: { 'network.transport': 'tcp', 'network.protocol.name': 'http' },
  ws: { 'network.transport': 'tcp', 'network.protocol.name': 'websocket' },
  stdio: { 'network.transport': 'pipe' },
  custom: {},
};

/** Kinds of calls of one server that are remembered: models may make up names without end. */
const MAX_KINDS_OF_CALLS = 1_000;

/** What the telemetry of one server has in common. It is put together once for each connection, not for each call. */
export class ServerAttributes {
  readonly #client: McpClient;
  #current: Attributes;
  readonly #ofCalls = new Map<string, Attributes>();
  readonly stop: Unsubscribe;

  constructor(client: McpClient) {
    this.#client = client;
    this.#current = this.#read();
    this.stop = client.on('status', ({ status }) => {
      if (status !== 'ready') return;
      this.#current = this.#read();
      this.#ofCalls.clear();
    });
  }

  /** The same object until something changes. */
  get current(): Attributes {
    return this.#current;
  }

  /** The same with what is called; also the same object for the same calls. Not to be changed. */
  ofCall(subject: CallSubject): Attributes {
    const title = titleOf(subject);
    const known = this.#ofCalls.get(title);
    if (known !== undefined) return known;
    const attributes = { ...subjectAttributes(subject), ...this.#current };
    if (this.#ofCalls.size >= MAX_KINDS_OF_CALLS) this.#ofCalls.clear();
    this.#ofCalls.set(title, attributes);
    return attributes;
  }

  #read(): Attributes {
    const { url, session } = this.#client[INSTRUMENTATION]();
    const { server, transport } = this.#client.snapshot();
    const protocolVersion = session?.protocolVersion;
    return {
      [SERVER_NAME]: server,
      ...NETWORK[session?.transport ?? transport],
      ...addressOf(url),
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
