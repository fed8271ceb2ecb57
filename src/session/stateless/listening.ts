import { abortable, wait } from '../../core/abort.js';
import { type Backoff, fullJitter } from '../../core/backoff.js';
import { asFleetError, McpFleetError, RemoteError } from '../../core/errors.js';
import { Stop, type StopSignal } from '../../core/stop-signal.js';
import { isRecord } from '../reading/json-values.js';
import type { Answer, Params, RequestId } from '../reading/message.js';
import type { SessionObserver, SessionRequestOptions } from '../session.js';
import { SUBSCRIPTION_ID_KEY } from './envelope.js';

const REOPEN_BACKOFF: Backoff = { baseMs: 1_000, factor: 1.6, maxMs: 60_000 };
/** Of one stream after another: less than this is no success, whatever was acknowledged. */
const STABLE_AFTER_MS = 30_000;
/** How long the acknowledgement of a stream may take that takes the place of another. */
const ACKNOWLEDGEMENT_MS = 10_000;

/** Lists are often read one after the other: one stream is for all of them. */
const TOGETHER_MS = 20;

const FLAGS = {
  tools: 'toolsListChanged',
  resources: 'resourcesListChanged',
  prompts: 'promptsListChanged',
} as const;
export type ChangingList = keyof typeof FLAGS;

export interface ListeningOptions {
  /** Sends `subscriptions/listen`; the answer ends the stream. */
  listen(filter: object, options: SessionRequestOptions): Promise<Answer>;
  observer: Pick<SessionObserver, 'listChanged' | 'resourceUpdated' | 'error'>;
}

/** One `subscriptions/listen`, for what it was opened. */
interface Stream {
  readonly stop: Stop;
  id: RequestId | undefined;
  /** What the server said that it sends. */
  acknowledged: Params | undefined;
  /** Resolves with the acknowledgement; rejects when there is none. */
  readonly opening: Promise<Params>;
  resolve(filter: Params): void;
  followedBy(other: Stream): void;
}

/**
 * What a server is to tell by itself (MCP 2026-07-28 "Subscriptions"): one stream with all that is wanted, opened when
 * something first is. It is opened again when it ends; what may have been missed meanwhile is told as changed.
 */
export class Listening {
  readonly #options: ListeningOptions;
  readonly #lists = new Set<ChangingList>();
  readonly #uris = new Set<string>();
  readonly #closing = new Stop();
  #stream: Stream | undefined;
  #soon: NodeJS.Timeout | undefined;
  #failures = 0;
  #isRefused = false;

  constructor(options: ListeningOptions) {
    this.#options = options;
  }

  /** A list was read: its changes are of interest. */
  want(list: ChangingList): void {
    if (this.#lists.has(list) || this.#isRefused || this.#closing.aborted) return;
    this.#lists.add(list);
    this.#soon ??= setTimeout(() => this.#replace().catch(() => {}), TOGETHER_MS).unref();
  }

  /** Whether the server has promised to tell of changes of that list. */
  hears(list: ChangingList): boolean {
    return this.#stream?.acknowledged?.[FLAGS[list]] === true;
  }

  /** @throws {McpFleetError} where the server does not tell of that resource, or not in time */
  async subscribe(uri: string, signal: StopSignal): Promise<void> {
    this.#uris.add(uri);
    try {
      const told = (await abortable(this.#replace(), signal)).resourceSubscriptions;
      if (Array.isArray(told) && told.includes(uri)) return;
      throw new McpFleetError('UNSUPPORTED', 'The server does not tell of updates of this resource', {
        delivery: 'answered',
      });
    } catch (error) {
      this.#uris.delete(uri);
      this.#endUnwanted();
      throw error;
    }
  }

  async unsubscribe(uri: string, signal: StopSignal): Promise<void> {
    if (!this.#uris.delete(uri)) return;
    if (this.#isWanted) await abortable(this.#replace(), signal);
    else this.#endUnwanted();
  }

  /** @returns whether it is the acknowledgement of a stream */
  acknowledged(method: string, params: Params): boolean {
    if (method !== 'notifications/subscriptions/acknowledged') return false;
    const { notifications } = params;
    const stream = this.#opening;
    if (stream !== undefined && isOf(stream.id, params)) {
      this.#replaced = this.#stream?.id;
      stream.resolve(isRecord(notifications) ? notifications : {});
    }
    return true;
  }

  /** Whether a notification is of a stream that another one has taken the place of, which brings it, too. */
  isRepeated(params: Params): boolean {
    return this.#replaced !== undefined && isOf(this.#replaced, params);
  }

  close(reason: unknown): void {
    clearTimeout(this.#soon);
    this.#closing.abort(reason);
    this.#end(this.#stream);
    this.#end(this.#opening);
  }

  // ── Streams ─────────────────────────────────────────────────────────────────

  /** The stream that is to take the place of the one there is. */
  #opening: Stream | undefined;
  #next: Promise<Params> | undefined;
  /** Id of the latest stream that another one took the place of. */
  #replaced: RequestId | undefined;

  get #isWanted(): boolean {
    return this.#lists.size > 0 || this.#uris.size > 0;
  }

  /** What is wanted in one go is one stream. */
  #replace(): Promise<Params> {
    this.#next ??= Promise.resolve().then(() => {
      this.#next = undefined;
      this.#closing.throwIfAborted();
      return this.#replaceNow();
    });
    return this.#next;
  }

  /** Opens a stream for what is wanted now; the one before it ends when the new one is acknowledged. */
  async #replaceNow(): Promise<Params> {
    // What it was to open a stream for is part of this one.
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const superseded = this.#opening;
    const stream = this.#open();
    this.#opening = stream;
    // Who waits for the other one waits for this one now: it has all that the other one has.
    superseded?.followedBy(stream);
    this.#end(superseded);
    const filter = await stream.opening;
    if (this.#opening !== stream) return filter;
    this.#opening = undefined;
    const before = this.#stream;
    this.#stream = stream;
    this.#end(before);
    this.#endUnwanted();
    return filter;
  }

  #open(): Stream {
    const stop = new Stop();
    let resolve: (filter: Params | Promise<Params>) => void = () => {};
    let reject: (error: unknown) => void = () => {};
    const opening = new Promise<Params>((resolved, rejected) => {
      resolve = resolved;
      reject = rejected;
    });
    // Whoever waits learns it too.
    opening.catch(() => {});
    const stream: Stream = {
      stop,
      id: undefined,
      acknowledged: undefined,
      opening,
      resolve(filter) {
        stream.acknowledged = filter;
        resolve(filter);
      },
      followedBy: (other) => resolve(other.opening),
    };
    const limit = setTimeout(() => stop.abort(late()), ACKNOWLEDGEMENT_MS);
    limit.unref();
    opening.finally(() => clearTimeout(limit)).catch(() => {});
    const openedAt = performance.now();
    const observation = { meta: () => undefined, sent: ({ id }: { id: RequestId }) => (stream.id = id) };
    this.#options.listen(this.#filter(), { signal: stop, observation }).then(
      (answer) => {
        const { error } = answer;
        const ended =
          error === undefined
            ? new McpFleetError('CONNECTION_LOST', 'The server ended the stream of its notifications')
            : new RemoteError(error.code, error.message, error.data);
        reject(ended);
        this.#ended(stream, openedAt, ended);
      },
      (thrown) => {
        reject(thrown);
        this.#ended(stream, openedAt, thrown);
      },
    );
    return stream;
  }

  #filter(): object {
    const flags = [...this.#lists].map((list) => [FLAGS[list], true]);
    const uris = this.#uris.size > 0 && { resourceSubscriptions: [...this.#uris] };
    return { ...Object.fromEntries(flags), ...uris };
  }

  #ended(stream: Stream, openedAt: number, thrown: unknown): void {
    const wasOpening = this.#opening === stream;
    if (wasOpening) this.#opening = undefined;
    if (this.#stream === stream) this.#stream = undefined;
    // Another one has taken its place, or nobody wants it any more.
    if (this.#closing.aborted || !this.#isWanted) return;
    if (this.#stream !== undefined || this.#opening !== undefined) return;
    if (stream.acknowledged === undefined && thrown instanceof RemoteError) {
      this.#isRefused = true;
      this.#lists.clear();
      this.#options.observer.error(refused(thrown));
      return;
    }
    if (stream.acknowledged !== undefined && performance.now() - openedAt >= STABLE_AFTER_MS)
      this.#failures = 0;
    void this.#reopen(stream.acknowledged ?? {});
  }

  async #reopen(before: Params): Promise<void> {
    try {
      await wait(fullJitter(REOPEN_BACKOFF, this.#failures++), this.#closing);
      if (this.#stream === undefined && this.#opening === undefined) await this.#replace();
      this.#missed(before);
    } catch (thrown) {
      // Its own end opens it again.
      if (!this.#closing.aborted && this.#failures === 1) this.#options.observer.error(asFleetError(thrown));
    }
  }

  /** Nobody knows what was not told while there was no stream. */
  #missed(before: Params): void {
    const { observer } = this.#options;
    for (const list of this.#lists) if (before[FLAGS[list]] === true) observer.listChanged(list);
    for (const uri of this.#uris) observer.resourceUpdated(uri);
  }

  #endUnwanted(): void {
    if (!this.#isWanted) this.#end(this.#stream);
  }

  #end(stream: Stream | undefined): void {
    stream?.stop.abort(new McpFleetError('ABORTED', 'The stream is not wanted any more'));
  }
}

/** Whether a notification says that it is of that subscription. */
function isOf(id: RequestId | undefined, { _meta: meta }: Params): boolean {
  const given = isRecord(meta) ? meta[SUBSCRIPTION_ID_KEY] : undefined;
  const isText = typeof given === 'string' || typeof given === 'number';
  return isText && `${given}` === `${id}`;
}

function late(): McpFleetError {
  const what = `The server did not acknowledge subscriptions/listen within ${ACKNOWLEDGEMENT_MS} ms`;
  return new McpFleetError('TIMEOUT', what, { delivery: 'unknown', retryable: true });
}

function refused(cause: RemoteError): McpFleetError {
  const what = `The server tells nothing by itself (subscriptions/listen: ${cause.message})`;
  return new McpFleetError('UNSUPPORTED', what, { delivery: 'answered', cause });
}
