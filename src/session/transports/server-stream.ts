import { wait } from '../../core/abort.js';
import { fullJitter } from '../../core/backoff.js';
import { AuthError, asFleetError, type ConnectionError, type McpFleetError } from '../../core/errors.js';
import { discard } from '../../net/body.js';
import type { HttpResponse } from '../../net/http.js';
import { connectionLost } from './connection-lost.js';
import { mediaType } from './messages.js';

/** At most so many GETs in so much time, whatever the server does. */
const MAX_OPENS = 6;
const OPENS_WINDOW_MS = 30_000;
/** Waits that a server may ask for with `retry:`; others are not believed. */
const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 300_000;
const DEFAULT_RETRY_MS = 1_000;
/** Refused connections in a row after which the server counts as gone. */
const MAX_UNREACHABLE = 2;
const REOPEN_BACKOFF = { baseMs: 1_000, factor: 1.6, maxMs: 60_000 };

export interface ServerStreamOptions {
  open(lastEventId: string | undefined): Promise<HttpResponse>;
  read(response: HttpResponse, onEventId: (id: string) => void, onRetry: (ms: number) => void): Promise<void>;
  /** The server is gone. */
  gone(reason: ConnectionError): void;
  /** The server does not know the session any more. */
  forgotten(reason: ConnectionError): void;
  /** The stream is given up; requests may still work. */
  failed(error: McpFleetError): void;
  signal: AbortSignal;
}

type Opening =
  | { is: 'open'; response: HttpResponse }
  | { is: 'refused'; status: number }
  | { is: 'unreachable'; error: McpFleetError };

/**
 * The stream on which a server speaks first (Streamable HTTP, "Listening for Messages from the Server").
 * It is opened again when it ends, and its breaking is how a server's death is noticed between requests.
 */
export class ServerStream {
  readonly #options: ServerStreamOptions;
  readonly #openedAt: number[] = [];
  #retryMs = DEFAULT_RETRY_MS;
  #lastEventId: string | undefined;

  constructor(options: ServerStreamOptions) {
    this.#options = options;
  }

  start(): void {
    this.#run().catch((error) => {
      if (!this.#options.signal.aborted) this.#options.failed(asFleetError(error));
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    let wasOpen = false;
    let failures = 0;
    while (!signal.aborted) {
      const opening = await this.#open();
      if (opening.is === 'open') {
        wasOpen = true;
        failures = 0;
        await this.#read(opening.response);
        await wait(this.#retryMs, signal);
        continue;
      }
      failures++;
      if (this.#isOver(opening, wasOpen, failures)) return;
      await wait(fullJitter(REOPEN_BACKOFF, failures), signal);
    }
  }

  async #open(): Promise<Opening> {
    await this.#meter();
    try {
      const response = await this.#options.open(this.#lastEventId);
      if (response.ok && mediaType(response) === 'text/event-stream') return { is: 'open', response };
      discard(response);
      return { is: 'refused', status: response.status };
    } catch (error) {
      this.#options.signal.throwIfAborted();
      return { is: 'unreachable', error: asFleetError(error) };
    }
  }

  /** Whether to give up: says so to whom it concerns. */
  #isOver(opening: Exclude<Opening, { is: 'open' }>, wasOpen: boolean, failures: number): boolean {
    const { gone, forgotten, failed } = this.#options;
    if (opening.is === 'unreachable') {
      const { error } = opening;
      if (!(error instanceof AuthError) && failures < MAX_UNREACHABLE) return false;
      // Broken on a stream that never was open proves nothing: requests may work all the same.
      const proof = wasOpen || error.code === 'CONNECT_FAILED';
      if (error instanceof AuthError || !proof) failed(error);
      else gone(connectionLost('The server is no longer reachable', 'unknown', error));
      return true;
    }
    const { status } = opening;
    // Never open so far: the server offers no such stream. The specification asks for 405, servers differ.
    if (!wasOpen || status === 405) return true;
    const lost = connectionLost(`The server has forgotten the session (HTTP ${status})`);
    if (status === 404) forgotten(lost);
    // That may be for the id of the last event, too.
    else if (status === 400) gone(lost);
    else if (status === 401 || status === 403)
      failed(new AuthError('UNAUTHORIZED', `HTTP ${status} on the server's stream`));
    else return false;
    return true;
  }

  async #read(response: HttpResponse): Promise<void> {
    try {
      await this.#options.read(
        response,
        (id) => {
          this.#lastEventId = id;
        },
        (ms) => {
          this.#retryMs = ms >= MIN_RETRY_MS && ms <= MAX_RETRY_MS ? ms : DEFAULT_RETRY_MS;
        },
      );
    } catch {
      // Broken or ended, the answer is the same: open it again.
    }
  }

  async #meter(): Promise<void> {
    const now = performance.now();
    while (this.#openedAt.length > 0 && now - (this.#openedAt[0] ?? 0) >= OPENS_WINDOW_MS)
      this.#openedAt.shift();
    if (this.#openedAt.length >= MAX_OPENS) {
      await wait((this.#openedAt[0] ?? now) + OPENS_WINDOW_MS - now, this.#options.signal);
      this.#openedAt.shift();
    }
    this.#openedAt.push(performance.now());
  }
}
