import type { Transport, TransportSendOptions } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { Incoming } from '../session/reading/message.js';
import type { JsonRpcTransport } from '../session/transports/transport.js';
import type { Recorder } from './recorder.js';

/** Shows `recorder` the messages that pass through a transport. */
export class RecordedTransport implements Transport {
  onmessage?: Transport['onmessage'];
  onclose?: Transport['onclose'];
  onerror?: Transport['onerror'];
  readonly #inner: Transport;
  readonly #recorder: Recorder;

  constructor(inner: Transport, recorder: Recorder) {
    this.#inner = inner;
    this.#recorder = recorder;
  }

  get sessionId(): string | undefined {
    return this.#inner.sessionId;
  }

  setProtocolVersion = (version: string): void => this.#inner.setProtocolVersion?.(version);

  async start(): Promise<void> {
    this.#inner.onmessage = (message, extra) => {
      this.#recorder.received(message);
      this.onmessage?.(message, extra);
    };
    this.#inner.onclose = () => this.onclose?.();
    this.#inner.onerror = (error) => this.onerror?.(error);
    await this.#inner.start();
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    this.#recorder.sent(message);
    await this.#inner.send(message, options);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** A transport of this library where one of the SDK is wanted. */
export class SdkTransport implements Transport {
  onmessage?: Transport['onmessage'];
  onclose?: Transport['onclose'];
  onerror?: Transport['onerror'];
  readonly #inner: JsonRpcTransport;
  readonly #signal: AbortSignal;

  /** @param signal ends the connecting. */
  constructor(inner: JsonRpcTransport, signal: AbortSignal) {
    this.#inner = inner;
    this.#signal = signal;
  }

  start(): Promise<void> {
    const sink = {
      message: (message: Incoming) => {
        const given = asMessage(message);
        if (given !== undefined) this.onmessage?.(given);
      },
      error: (error: Error) => this.onerror?.(error),
      closed: () => this.onclose?.(),
    };
    return this.#inner.start(sink, this.#signal);
  }

  send(message: JSONRPCMessage): Promise<void> {
    return this.#inner.send(message, { sent: () => {} });
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** A message as JSON-RPC writes it; what is none, nobody gets to see. */
function asMessage(message: Incoming): JSONRPCMessage | undefined {
  switch (message.kind) {
    case 'answer':
      return { jsonrpc: '2.0', id: message.id, ...message.answer } as JSONRPCMessage;
    case 'request':
      return { jsonrpc: '2.0', id: message.id, method: message.method, params: message.params };
    case 'notification':
      return { jsonrpc: '2.0', method: message.method, params: message.params };
    default:
      return undefined;
  }
}
