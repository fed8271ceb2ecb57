import type { Delivery } from '../core/errors.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { Progress } from './session.js';

/** The answer to a request, as JSON-RPC 2.0 section 5 has it: one of both. */
export type Answer =
  | { readonly result: object; readonly error?: undefined }
  | { readonly error: JsonRpcError; readonly result?: undefined };

export interface JsonRpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export interface PendingRequestOptions {
  signal?: StopSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  answered(answer: Answer): void;
  /** There will be no answer: with an error of ours. */
  failed(error: unknown): void;
}

/** One request that waits for its answer, and what is known of it meanwhile. */
export class PendingRequest {
  readonly signal: StopSignal | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly answered: (answer: Answer) => void;
  readonly failed: (error: unknown) => void;
  /** Whether the transport is done with it, and only the answer is still to come. */
  handedOver = false;
  #sent = false;

  constructor({ signal, onProgress, answered, failed }: PendingRequestOptions) {
    this.signal = signal;
    this.onProgress = onProgress;
    this.answered = answered;
    this.failed = failed;
  }

  sent(): void {
    this.#sent = true;
  }

  /** What can be said of a request that got no answer. */
  get delivery(): Delivery {
    return this.#sent ? 'unknown' : 'not-sent';
  }
}

/** The answer that a message holds; `undefined` if it holds none that JSON-RPC 2.0 knows. */
export function answerOf({ result, error }: { result?: unknown; error?: unknown }): Answer | undefined {
  // Some servers add `error: null` to a result.
  if (isObject(result)) return { result };
  if (result !== undefined || !isObject(error)) return undefined;
  const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
  if (!Number.isInteger(code) || typeof message !== 'string') return undefined;
  return { error: { code: code as number, message, data } };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
