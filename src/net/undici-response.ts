import type { IncomingHttpHeaders } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { ConnectionError } from '../core/errors.js';
import { Pacer } from '../core/pacer.js';
import type { HttpResponse } from './http.js';

/** Bytes that may wait here for a reader before the socket is paused. */
const READ_AHEAD_BYTES = 65_536;

export type ByteSink = (chunk: Uint8Array) => void;

/** A response of the built-in client. Its body goes to one reader, once, without the cost of a web stream. */
export class UndiciResponse implements HttpResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly statusText: string;
  readonly url: string;
  readonly headers: {
    get(name: string): string | null;
    has(name: string): boolean;
    getSetCookie(): string[];
  };

  readonly #controller: Dispatcher.DispatchController;
  #decoder: Transform | undefined;
  #begun = false;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #sink: ByteSink | undefined;
  #settle: { resolve(): void; reject(reason: unknown): void } | undefined;
  #ended = false;
  #failure: { reason: unknown } | undefined;
  #body: ReadableStream<Uint8Array> | undefined;
  readonly #pacer = new Pacer({ pause: () => this.#hold('pacer'), resume: () => this.#release('pacer') });
  /** Who wants no more bytes for now. */
  readonly #holding = new Set<'reader' | 'pacer'>();

  constructor(head: {
    url: URL;
    status: number;
    statusText: string;
    headers: IncomingHttpHeaders;
    controller: Dispatcher.DispatchController;
  }) {
    this.url = head.url.href;
    this.status = head.status;
    this.ok = head.status >= 200 && head.status < 300;
    this.statusText = head.statusText;
    const value = (name: string) => head.headers[name.toLowerCase()];
    this.headers = {
      get: (name) => {
        const found = value(name);
        return found === undefined ? null : Array.isArray(found) ? found.join(', ') : found;
      },
      has: (name) => value(name) !== undefined,
      getSetCookie: () => [value('set-cookie') ?? []].flat(),
    };
    this.#controller = head.controller;
  }

  // ── From the socket ─────────────────────────────────────────────────────────

  push(chunk: Uint8Array): void {
    if (!this.#begun) {
      this.#begun = true;
      this.#decoder = this.#decoderFor(chunk);
    }
    if (this.#decoder === undefined) this.#deliver(chunk);
    else if (!this.#decoder.write(chunk)) this.#controller.pause();
  }

  end(): void {
    if (this.#decoder === undefined) this.#finish();
    else this.#decoder.end();
  }

  fail(reason: unknown): void {
    if (!this.#ended) this.#break(reason);
  }

  // ── To the reader ───────────────────────────────────────────────────────────

  get bodyUsed(): boolean {
    return this.#sink !== undefined;
  }

  /**
   * Gives the body's bytes to `sink` as they come, decompressed; resolves at the end of the body.
   * When `sink` throws, the connection is closed and the promise rejects with what it threw.
   */
  pump(sink: ByteSink): Promise<void> {
    if (this.#sink !== undefined) return Promise.reject(new TypeError('The body was read already'));
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#sink = sink;
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#waitingBytes = 0;
      for (const chunk of waiting) this.#deliver(chunk);
      if (this.#failure !== undefined) reject(this.#failure.reason);
      else if (this.#ended) resolve();
      else this.#release('reader');
    });
  }

  /** Gives up the body: closes the connection unless the body has arrived already. */
  cancel(): void {
    this.#sink ??= () => {};
    this.#waiting = [];
    if (!this.#ended) this.#abort(new Error('The body is not wanted'));
  }

  async text(): Promise<string> {
    // As in the Fetch standard, whoever only looked at the body has not read it.
    if (this.#body !== undefined && !this.#body.locked) return new Response(this.#body).text();
    const chunks: Uint8Array[] = [];
    await this.pump((chunk) => chunks.push(chunk));
    return Buffer.concat(chunks).toString('utf8');
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  get body(): ReadableStream<Uint8Array> {
    this.#body ??= new ReadableStream<Uint8Array>(
      {
        start: (stream) => {
          const pumped = this.pump((chunk) => {
            stream.enqueue(chunk);
            if ((stream.desiredSize ?? 0) <= 0) this.#hold('reader');
          });
          pumped
            .then(
              () => stream.close(),
              (error) => stream.error(error),
            )
            // A stream that was cancelled meanwhile cannot be closed.
            .catch(() => {});
        },
        pull: () => this.#release('reader'),
        cancel: () => this.cancel(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: READ_AHEAD_BYTES }),
    );
    return this.#body;
  }

  #deliver(chunk: Uint8Array): void {
    if (this.#failure !== undefined) return;
    if (this.#sink === undefined) {
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.byteLength;
      if (this.#waitingBytes > READ_AHEAD_BYTES) this.#hold('reader');
      return;
    }
    const sink = this.#sink;
    try {
      this.#pacer.run(() => sink(chunk));
    } catch (error) {
      this.#abort(error);
    }
  }

  #finish(): void {
    if (this.#failure !== undefined) return;
    this.#ended = true;
    this.#settle?.resolve();
  }

  #break(reason: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { reason };
    this.#waiting = [];
    this.#decoder?.destroy();
    this.#settle?.reject(reason);
  }

  #abort(reason: unknown): void {
    this.#break(reason);
    this.#controller.abort(reason instanceof Error ? reason : new Error('Aborted'));
  }

  /** A paused decoder takes nothing more, which then pauses the socket. */
  #hold(who: 'reader' | 'pacer'): void {
    this.#holding.add(who);
    if (!this.#ended) (this.#decoder ?? this.#controller).pause();
  }

  #release(who: 'reader' | 'pacer'): void {
    this.#holding.delete(who);
    if (this.#holding.size === 0 && this.#failure === undefined) (this.#decoder ?? this.#controller).resume();
  }

  /** Made for the first bytes of a body: an empty one is never encoded. */
  #decoderFor(first: Uint8Array): Transform | undefined {
    const encoding = this.headers.get('content-encoding');
    return createDecoder(encoding, first)
      ?.on('data', (chunk: Buffer) => this.#deliver(chunk))
      .on('drain', () => this.#controller.resume())
      .on('end', () => this.#finish())
      .on('error', (cause) =>
        this.#abort(
          new ConnectionError('PROTOCOL_ERROR', `The ${encoding} encoding of the answer is broken`, {
            delivery: 'unknown',
            httpStatus: this.status,
            cause,
          }),
        ),
      );
  }
}

function createDecoder(encoding: string | null, first: Uint8Array): Transform | undefined {
  switch (encoding?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      // RFC 9110 section 8.4.1.2: some servers leave out the zlib wrapper, whose first byte names the method 8.
      return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
    case 'br':
      return createBrotliDecompress();
    default:
      return undefined;
  }
}
