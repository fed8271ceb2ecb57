import type { Delivery } from '../core/errors.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { Answer } from './reading/message.js';
import type { Progress } from './session.js';

export interface PendingRequestOptions {
  method: string;
  signal?: StopSignal | undefined;
  /** Fields that go with it over HTTP. */
  headers?: Readonly<Record<string, string>> | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  answered(answer: Answer): void;
  /** There will be no answer: with an error of ours. */
  failed(error: unknown): void;
}

/** One request that waits for its answer, and what is known of it meanwhile. */
export class PendingRequest {
  readonly method: string;
  readonly signal: StopSignal | undefined;
  readonly headers: PendingRequestOptions['headers'];
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly answered: (answer: Answer) => void;
  readonly failed: (error: unknown) => void;
  /** Whether the transport is done with it, and only the answer is still to come. */
  handedOver = false;
  #sent = false;

  constructor({ method, signal, headers, onProgress, answered, failed }: PendingRequestOptions) {
    this.method = method;
    this.signal = signal;
    this.headers = headers;
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
