import { isDeepStrictEqual } from 'node:util';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { Answer, RequestId } from '../reading/message.js';

/** A log is written when a message comes: it lags behind by few. */
const MAX_KEPT = 16;

/**
 * What was answered to the server lately, to tell its copy from an answer: a terminal between both repeats what it gets,
 * and some servers log to stdout. Their requests may have the ids of ours.
 */
export class Echoes {
  readonly #answers = new Map<RequestId, object>();

  answered(message: JSONRPCMessage): void {
    const { id, ...answer } = message as { id: RequestId; result?: object; error?: object };
    const said = answer.result ?? answer.error;
    // An empty one says as much when it is an answer.
    if (said === undefined || Object.keys(said).length === 0) return;
    this.#answers.delete(id);
    this.#answers.set(id, said);
    if (this.#answers.size <= MAX_KEPT) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }

  isOfAnswer(id: RequestId, { result, error }: Answer): boolean {
    const said = this.#answers.get(id);
    return said !== undefined && isDeepStrictEqual(said, result ?? error);
  }
}
