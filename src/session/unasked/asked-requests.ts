import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { Answer, JsonRpcError, Params, RequestId } from '../reading/message.js';
import { Echoes } from './echoes.js';

export interface AskedRequestsOptions {
  /** Answers what the server asks, if anybody does. Rejects with a {@link JsonRpcError} for the server. */
  onRequest(method: string, params: Params, signal: AbortSignal): Promise<object> | undefined;
  post(answer: JSONRPCMessage): void;
}

/** The requests of one server that are being answered. */
export class AskedRequests {
  readonly #options: AskedRequestsOptions;
  readonly #answering = new Map<RequestId, AbortController>();
  readonly #echoes = new Echoes();

  constructor(options: AskedRequestsOptions) {
    this.#options = options;
  }

  received(id: RequestId, method: string, params: Params): void {
    const { onRequest, post } = this.#options;
    const controller = new AbortController();
    const answering = onRequest(method, params, controller.signal);
    if (answering === undefined) return;
    this.#answering.set(id, controller);
    void answering
      .then(
        (result) => ({ jsonrpc: '2.0', id, result }) as JSONRPCMessage,
        (error: JsonRpcError) => ({ jsonrpc: '2.0', id, error }) as JSONRPCMessage,
      )
      .then((answer) => {
        if (this.#answering.get(id) === controller) this.#answering.delete(id);
        // MCP "Cancellation": what was cancelled gets no answer.
        if (controller.signal.aborted) return;
        this.#echoes.answered(answer);
        post(answer);
      });
  }

  cancelled(id: unknown): void {
    this.#answering.get(id as RequestId)?.abort(new Error('The server cancelled its request'));
  }

  /** Whether this is the answer that the server got under that id, come back. */
  isEcho(id: RequestId, answer: Answer): boolean {
    return this.#echoes.isOfAnswer(id, answer);
  }

  close(reason: unknown): void {
    for (const controller of this.#answering.values()) controller.abort(reason);
  }
}
