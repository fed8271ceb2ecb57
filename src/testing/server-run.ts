import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ErrorCode,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js';
import { isRecord } from '../session/reading/json-values.js';
import { type Envelope, metaOf, type Params, type Refusal } from './modern-request.js';

/** Ids of what is said inside, which the client never sees. */
const INITIALIZE_ID = 'initialize';
const SET_LEVEL_ID = 'set-level';
const REQUEST_ID = 'request';

/** Microtasks in which a tool may ask several things at once. */
const ASKED_TOGETHER = 20;

/** What a client must have declared to be asked that; nothing else can be asked. */
const CAPABILITIES: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
};
export const MISSING_CLIENT_CAPABILITY = -32_021;

export interface RunContext extends Envelope {
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the answer may be questions. */
  readonly mayAsk: boolean;
  /** Whether a notification does not belong into the answer to this request, but goes `elsewhere`. */
  isElsewhere(method: string): boolean;
  elsewhere(notification: JSONRPCNotification): void;
}

interface Answer {
  readonly result?: Record<string, unknown>;
  readonly error?: Refusal;
}

/** What a run says next. */
export type RunEvent =
  | { readonly kind: 'said'; readonly message: JSONRPCMessage }
  | { readonly kind: 'asked'; readonly questions: Readonly<Record<string, object>> }
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** Nothing more will come: it was answered before, or was cancelled. */
  | { readonly kind: 'ended' };

/**
 * One request on a server of the SDK that was made for it, as servers without sessions work. A tool that asks something
 * waits until it is answered, which may be in another HTTP request.
 */
export class ServerRun implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: NonNullable<Transport['onmessage']>;
  readonly server: McpServer;
  readonly #context: RunContext;
  readonly #events: RunEvent[] = [];
  readonly #questions = new Map<string, { readonly id: RequestId; readonly request: object }>();
  readonly #inside = new Map<RequestId, (answer: Answer) => void>();
  #wake: () => void = () => {};
  #asked = 0;
  #isOver = false;
  /** What the request brought, which the tool knows, and what the one brings that goes on with it. */
  #progressToken: { given: unknown; current: unknown } = { given: undefined, current: undefined };

  constructor(server: McpServer, context: RunContext) {
    this.server = server;
    this.#context = context;
  }

  /** Whether it was answered or cancelled. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get mayAsk(): boolean {
    return this.#context.mayAsk;
  }

  /** Connects the server. @returns what it says of itself */
  async initialize(): Promise<Record<string, unknown>> {
    const { capabilities, clientInfo, logLevel } = this.#context;
    await this.server.connect(this);
    const { result = {} } = await this.#askServer(INITIALIZE_ID, 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities,
      clientInfo: clientInfo ?? { name: 'unknown', version: '0' },
    });
    this.#tell({ jsonrpc: '2.0', method: 'notifications/initialized' });
    if (logLevel !== undefined) await this.#askServer(SET_LEVEL_ID, 'logging/setLevel', { level: logLevel });
    return result;
  }

  begin({ method, params }: Pick<JSONRPCRequest, 'method' | 'params'>): void {
    const { progressToken } = metaOf(params);
    this.#progressToken = { given: progressToken, current: progressToken };
    this.#tell({ jsonrpc: '2.0', id: REQUEST_ID, method, ...(params !== undefined && { params }) });
  }

  /**
   * Goes on with answers to what was asked, by the names that it was asked under. What is left out is asked again.
   * @param params of the request that brings them
   */
  goOn(params: Params): void {
    this.#progressToken.current = metaOf(params).progressToken;
    const responses = isRecord(params.inputResponses) ? params.inputResponses : {};
    for (const [name, result] of Object.entries(responses)) {
      const question = this.#questions.get(name);
      if (question === undefined || !isRecord(result)) continue;
      this.#questions.delete(name);
      this.#tell({ jsonrpc: '2.0', id: question.id, result });
    }
  }

  async next(): Promise<RunEvent> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#isOver) return { kind: 'ended' };
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
    if (this.#isOver) return;
    this.#tell({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: REQUEST_ID } });
    this.#end();
  }

  /** Nobody will answer what is still asked. */
  #end(): void {
    this.#isOver = true;
    for (const { id } of this.#questions.values()) this.#refuse(id, CLOSED);
    this.#questions.clear();
    this.#wake();
  }

  // ── As the transport of the server ──────────────────────────────────────────

  async start(): Promise<void> {}

  async send(message: JSONRPCMessage): Promise<void> {
    if ('method' in message && 'id' in message) this.#ask(message);
    else if ('method' in message) this.#say(message);
    else this.#answered(message.id ?? '', message as Answer);
    this.#wake();
  }

  #ask({ id, method, params }: JSONRPCRequest): void {
    const refusal = this.#isOver ? CLOSED : this.#mayNotAsk(method);
    if (refusal !== undefined) this.#refuse(id, refusal);
    else this.#questions.set(`question-${++this.#asked}`, { id, request: { method, params } });
  }

  #mayNotAsk(method: string): Refusal | undefined {
    const capability = CAPABILITIES[method];
    if (capability === undefined || !this.mayAsk)
      return { code: ErrorCode.MethodNotFound, message: `Nobody can be asked for ${method} here` };
    if (this.#context.capabilities[capability] !== undefined) return undefined;
    return {
      code: MISSING_CLIENT_CAPABILITY,
      message: `Client does not support ${capability}`,
      data: { requiredCapabilities: { [capability]: {} } },
    };
  }

  #say(message: JSONRPCNotification): void {
    const { method } = message;
    if (this.#context.isElsewhere(method)) {
      this.#context.elsewhere(message);
      return;
    }
    const isUnwanted = method === 'notifications/message' && this.#context.logLevel === undefined;
    const said = method === 'notifications/progress' ? this.#underCurrentToken(message) : message;
    if (said !== undefined && !this.#isOver && !isUnwanted)
      this.#events.push({ kind: 'said', message: said });
  }

  #underCurrentToken(message: JSONRPCNotification): JSONRPCNotification | undefined {
    const { given, current } = this.#progressToken;
    if (given === current || message.params?.progressToken !== given) return message;
    return current === undefined
      ? undefined
      : { ...message, params: { ...message.params, progressToken: current } };
  }

  #answered(id: RequestId, answer: Answer): void {
    const inside = this.#inside.get(id);
    this.#inside.delete(id);
    if (inside !== undefined) {
      inside(answer);
    } else if (!this.#isOver) {
      this.#events.push({ kind: 'answered', answer });
      this.#end();
    }
  }

  async close(): Promise<void> {
    this.onclose?.();
  }

  #askServer(id: RequestId, method: string, params: Record<string, unknown>): Promise<Answer> {
    return new Promise((resolve) => {
      this.#inside.set(id, resolve);
      this.#tell({ jsonrpc: '2.0', id, method, params });
    });
  }

  #refuse(id: RequestId, error: Refusal): void {
    this.#tell({ jsonrpc: '2.0', id, error });
  }

  #tell(message: JSONRPCMessage): void {
    this.onmessage?.(message, { requestInfo: { headers: this.#context.headers } });
  }
}

const CLOSED: Refusal = { code: ErrorCode.ConnectionClosed, message: 'Connection closed' };
