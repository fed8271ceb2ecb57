import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { readValue } from '../../../src/session/reading/message.js';
import { isRequest } from '../../../src/session/transports/messages.js';
import type {
  JsonRpcTransport,
  SendContext,
  TransportSink,
} from '../../../src/session/transports/transport.js';

/** What is done with a message: by default a request waits for its answer for ever. */
export type Script = (
  message: JSONRPCMessage & { id?: number; method?: string },
  context: SendContext,
  transport: ScriptedTransport,
) => Promise<void> | void;

export const INITIALIZED = {
  protocolVersion: '2025-06-18',
  capabilities: { tools: {} },
  serverInfo: { name: 'scripted', version: '1' },
  instructions: 'Be kind.',
};

/** A transport without a wire: the test plays the server. */
export class ScriptedTransport implements JsonRpcTransport {
  readonly kind = 'custom';
  readonly sent: (JSONRPCMessage & { id?: number; method?: string; params?: Record<string, unknown> })[] = [];
  readonly versions: string[] = [];
  sessionId: string | undefined;
  closes = 0;
  sink!: TransportSink;
  readonly #script: Script;

  constructor(script: Script = () => {}) {
    this.#script = script;
  }

  async start(sink: TransportSink): Promise<void> {
    this.sink = sink;
  }

  setProtocolVersion(version: string): void {
    this.versions.push(version);
  }

  async send(message: JSONRPCMessage, context: SendContext): Promise<void> {
    this.sent.push(message as never);
    await this.#script(message as never, context, this);
  }

  async close(): Promise<void> {
    this.closes++;
  }

  /** Messages from the server, as they are. */
  say(...messages: object[]): void {
    for (const message of messages) this.sink.message(readValue(message, { maxBytes: 10_000_000 }));
  }

  answer(id: unknown, result: object = {}): void {
    this.say({ jsonrpc: '2.0', id, result });
  }
}

/** Answers `initialize` and does with all else as `script` says. */
export function initializing(script: Script = () => {}): Script {
  return (message, context, transport) => {
    if (message.method !== 'initialize') return script(message, context, transport);
    context.sent();
    transport.answer(message.id, INITIALIZED);
  };
}

/** The id of the last request of that method. */
export function lastId({ sent }: ScriptedTransport, method: string): number {
  const request = sent.findLast((message) => isRequest(message) && message.method === method);
  if (request?.id === undefined) throw new Error(`No ${method} was sent`);
  return request.id;
}
