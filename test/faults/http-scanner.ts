/** Where in an HTTP/1.1 message something is to happen. */
export type MessagePoint = 'before-headers' | 'after-headers' | 'mid-body' | 'end';

/** A piece of the byte stream, or a point that lies before the next piece. */
export type Piece = { readonly bytes: Buffer } | { readonly point: MessagePoint; readonly head: string };

const HEAD_END = Buffer.from('\r\n\r\n');

/** Reads one direction of an HTTP/1.1 connection and says where its messages have their points. */
export class HttpScanner {
  #state: 'idle' | 'head' | 'body' = 'idle';
  #head = Buffer.alloc(0);
  #headText = '';
  /** Of the body with a length: bytes before and after its middle. */
  #beforeMiddle = 0;
  #afterMiddle = 0;
  #chunked: ChunkedEnd | undefined;

  /** Bytes and points in their order; all of `chunk` is in the pieces. */
  scan(chunk: Buffer): Piece[] {
    const pieces: Piece[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#state === 'idle') {
        pieces.push({ point: 'before-headers', head: '' });
        this.#state = 'head';
      }
      rest = this.#state === 'head' ? this.#scanHead(rest, pieces) : this.#scanBody(rest, pieces);
    }
    return pieces;
  }

  #scanHead(rest: Buffer, pieces: Piece[]): Buffer {
    const known = this.#head.length;
    this.#head = Buffer.concat([this.#head, rest]);
    const end = this.#head.indexOf(HEAD_END);
    if (end === -1) {
      pieces.push({ bytes: rest });
      return rest.subarray(rest.length);
    }
    const length = end + HEAD_END.length - known;
    this.#headText = this.#head.subarray(0, end).toString('latin1');
    this.#head = Buffer.alloc(0);
    pieces.push({ bytes: rest.subarray(0, length) });
    this.#startBody(pieces);
    return rest.subarray(length);
  }

  #startBody(pieces: Piece[]): void {
    const head = this.#headText;
    const size = Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
    this.#chunked = /^transfer-encoding:.*chunked/im.test(head) ? new ChunkedEnd() : undefined;
    this.#beforeMiddle = this.#chunked === undefined ? Math.floor(size / 2) : 1;
    this.#afterMiddle = size - this.#beforeMiddle;
    pieces.push({ point: 'after-headers', head });
    this.#state = 'body';
    if (this.#chunked === undefined && size === 0) this.#end(pieces);
  }

  #scanBody(rest: Buffer, pieces: Piece[]): Buffer {
    if (this.#beforeMiddle > 0) {
      const bytes = this.#take(rest, this.#beforeMiddle, pieces);
      this.#beforeMiddle -= bytes;
      if (this.#beforeMiddle === 0) pieces.push({ point: 'mid-body', head: this.#headText });
      return rest.subarray(bytes);
    }
    if (this.#chunked !== undefined) {
      const bytes = this.#take(rest, rest.length, pieces);
      if (this.#chunked.ended) this.#end(pieces);
      return rest.subarray(bytes);
    }
    const bytes = this.#take(rest, this.#afterMiddle, pieces);
    this.#afterMiddle -= bytes;
    if (this.#afterMiddle === 0) this.#end(pieces);
    return rest.subarray(bytes);
  }

  /** Takes up to `limit` bytes, fewer where a chunked body ends before. */
  #take(rest: Buffer, limit: number, pieces: Piece[]): number {
    const most = rest.subarray(0, limit);
    const bytes = this.#chunked === undefined ? most.length : this.#chunked.take(most);
    pieces.push({ bytes: most.subarray(0, bytes) });
    return bytes;
  }

  #end(pieces: Piece[]): void {
    this.#state = 'idle';
    pieces.push({ point: 'end', head: this.#headText });
  }
}

/** Finds the end of a chunked body (RFC 9112 section 7.1), without trailers. */
class ChunkedEnd {
  ended = false;
  #line = '';
  #left = 0;
  #last = false;

  /** How many of the bytes belong to the body. */
  take(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && !this.ended) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, bytes.length - at);
        this.#left -= skipped;
        at += skipped;
        continue;
      }
      this.#line += String.fromCharCode(bytes[at++] as number);
      if (this.#line.endsWith('\r\n')) this.#lineEnded();
    }
    return at;
  }

  #lineEnded(): void {
    const line = this.#line.trim();
    this.#line = '';
    if (this.#last) {
      this.ended = true;
      return;
    }
    const size = Number.parseInt(line, 16);
    this.#last = size === 0;
    // The line break after the data is counted with it.
    this.#left = size === 0 ? 0 : size + 2;
  }
}
