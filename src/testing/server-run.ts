import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/sdk/types.js';

/** Ids of what is said inside, which the client never sees. */
const INITIALIZE_ID = 'initialize';
const SET_LEVEL_ID = 'set-level';
const REQUEST_ID = 'request';

/** Microtasks in which a tool may ask several things at once. */
const ASKED_TOGETHER = 20;

export interface RunContext {
  readonly capabilities: object;
  readonly clientInfo: unknown;
  readonly logLevel: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

type Answer = { readonly result?: Record<string, unknown>; readonly error?: { readonly code: number } };

/** What a run says next. */
export type RunEvent =
  | { readonly kind: 'said'; readonly message: JSONRPCMessage }
  | { readonly kind: 'asked'; readonly questions: Readonly<Record<string, object>> }
  | { readonly kind: 'answered'; readonly answer: Answer };

/**
 * One request on a server of the SDK that was made for it, as servers without sessions work. A tool that asks something
 * waits until it is answered, which may be in another HTTP request.
 */
export class ServerRun implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: NonNullable<Transport['onmessage']>;
  readonly #server: McpServer;
  readonly #context: RunContext;
  readonly #events: RunEvent[] = [];
  readonly #questions = new Map<string, { readonly id: RequestId; readonly request: object }>();
  readonly #inside = new Map<RequestId, (answer: Answer) => void>();
  #wake: () => void = () => {};
  #asked = 0;

  constructor(server: McpServer, context: RunContext) {
    this.#server = server;
    this.#context = context;
  }

  /** Connects the server. @returns what it says of itself */
  async initialize(): Promise<Record<string, unknown>> {
    const { capabilities, clientInfo, logLevel } = this.#context;
    await this.#server.connect(this);
    const { result = {} } = await this.#ask(INITIALIZE_ID, 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities,
      clientInfo: clientInfo ?? { name: 'unknown', version: '0' },
    });
    this.#tell({ jsonrpc: '2.0', method: 'notifications/initialized' });
    if (logLevel !== undefined) await this.#ask(SET_LEVEL_ID, 'logging/setLevel', { level: logLevel });
    return result;
  }

  begin({ method, params }: Pick<JSONRPCRequest, 'method' | 'params'>): void {
    this.#tell({ jsonrpc: '2.0', id: REQUEST_ID, method, ...(params !== undefined && { params }) });
  }

  /** Answers to what was asked, by the names that it was asked under. */
  answer(responses: Readonly<Record<string, unknown>>): void {
    for (const [name, result] of Object.entries(responses)) {
      const question = this.#questions.get(name);
      if (question === undefined) continue;
      this.#questions.delete(name);
      this.#tell({ jsonrpc: '2.0', id: question.id, result: result as Record<string, unknown> });
    }
  }

  async next(): Promise<RunEvent> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#questions.size > 0) {
        for (let turn = 0; turn < ASKED_TOGETHER; turn++) await Promise.resolve();
        const asked = [...this.#questions].map(([name, { request }]) => [name, request]);
        if (this.#events.length === 0) return { kind: 'asked', questions: Object.fromEntries(asked) };
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The client does not wait any more. */
  cancel(): void {
    this.#tell({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: REQUEST_ID } });
  }

  // ── As the transport of the server ──────────────────────────────────────────

  async start(): Promise<void> {}

  async send(message: JSONRPCMessage): Promise<void> {
    if ('method' in message && 'id' in message) {
      const { id, method, params } = message;
      this.#questions.set(`question-${++this.#asked}`, { id, request: { method, params } });
    } else if ('method' in message) {
      const isLog = message.method === 'notifications/message';
      if (!isLog || this.#context.logLevel !== undefined) this.#events.push({ kind: 'said', message });
    } else {
      const inside = this.#inside.get(message.id ?? '');
      this.#inside.delete(message.id ?? '');
      if (inside !== undefined) inside(message as Answer);
      else this.#events.push({ kind: 'answered', answer: message as Answer });
    }
    this.#wake();
  }

  async close(): Promise<void> {
    this.onclose?.();
  }

  #ask(id: RequestId, method: string, params: Record<string, unknown>): Promise<Answer> {
    return new Promise((resolve) => {
      this.#inside.set(id, resolve);
      this.#tell({ jsonrpc: '2.0', id, method, params });
    });
  }

  #tell(message: JSONRPCMessage): void {
    this.onmessage?.(message, { requestInfo: { headers: this.#context.headers } });
  }
}
