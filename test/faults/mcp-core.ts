/** A JSON-RPC message as it came, unchecked: this server believes nobody. */
export interface RpcMessage {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
}

export interface RpcAnswer {
  readonly jsonrpc: '2.0';
  readonly id: number | string;
  readonly result?: object;
  readonly error?: { code: number; message: string };
}

/** One page of `tools/list` by its cursor. */
export type ToolPages = (cursor: string | undefined) => { tools: unknown[]; nextCursor?: string };

const object = { type: 'object', properties: { nonce: { type: 'string' } } };

/** `charge` must never run twice; `lookup` changes nothing; `put` may be repeated. */
export const TOOLS = [
  { name: 'charge', inputSchema: object, annotations: { readOnlyHint: false, idempotentHint: false } },
  { name: 'lookup', inputSchema: object, annotations: { readOnlyHint: true } },
  { name: 'put', inputSchema: object, annotations: { idempotentHint: true } },
] as const;

export const RESOURCE_PREFIX = 'nonce://';

/** What an MCP server does with messages, and which nonces it did it for. Knows nothing of transports. */
export class McpCore {
  /** How often each nonce was executed. */
  readonly executions = new Map<string, number>();
  /** How many sessions were asked for, or servers discovered. */
  initializes = 0;
  toolPages: ToolPages = () => ({ tools: [...TOOLS] });

  /** Executes the message. `undefined` for what wants no answer. */
  answer(message: RpcMessage): RpcAnswer | undefined {
    const { id, method = '', params = {} } = message;
    if (id === undefined || message.method === undefined) return undefined;
    const result = this.#resultOf(method, params);
    const error = { code: -32_601, message: `Unknown method: ${method}` };
    return { jsonrpc: '2.0', id, ...(result === undefined ? { error } : { result }) };
  }

  #resultOf(method: string, params: Record<string, unknown>): object | undefined {
    switch (method) {
      case 'initialize':
        this.initializes++;
        return {
          protocolVersion: params.protocolVersion,
          capabilities: {
            tools: {},
            resources: { subscribe: true },
            prompts: {},
            logging: {},
            completions: {},
          },
          serverInfo: { name: 'fault-server', version: '1.0.0' },
        };
      case 'server/discover':
        this.initializes++;
        return {
          supportedVersions: ['2026-07-28'],
          capabilities: {
            tools: {},
            resources: { subscribe: true },
            prompts: {},
            logging: {},
            completions: {},
          },
        };
      case 'ping':
      case 'logging/setLevel':
      case 'resources/subscribe':
      case 'resources/unsubscribe':
        return {};
      case 'tools/list':
        return this.toolPages(params.cursor as string | undefined);
      case 'tools/call': {
        const nonce = this.#execute((params.arguments as { nonce?: unknown } | undefined)?.nonce);
        return { content: [{ type: 'text', text: `${params.name} ${nonce}` }] };
      }
      case 'resources/list':
        return { resources: [{ uri: `${RESOURCE_PREFIX}any`, name: 'any' }] };
      case 'completion/complete':
        return { completion: { values: ['one'] } };
      case 'resources/templates/list':
        return { resourceTemplates: [] };
      case 'resources/read': {
        const uri = String(params.uri);
        const nonce = this.#execute(uri.slice(RESOURCE_PREFIX.length));
        return { contents: [{ uri, text: nonce }] };
      }
      case 'prompts/list':
        return { prompts: [{ name: 'ask' }] };
      case 'prompts/get': {
        const nonce = this.#execute((params.arguments as { nonce?: unknown } | undefined)?.nonce);
        return { messages: [{ role: 'user', content: { type: 'text', text: nonce } }] };
      }
      default:
        return undefined;
    }
  }

  #execute(nonce: unknown): string {
    const key = String(nonce);
    this.executions.set(key, (this.executions.get(key) ?? 0) + 1);
    return key;
  }
}
