const NEWLINE = 0x0a;
/** What is kept of a line that is passed over. */
const HEAD_BYTES = 65_536;
const TAIL_BYTES = 1_024;
/** A line so many times as long as allowed is no line. */
const MAX_EXCESS = 4;

export interface LineSink {
  line(line: string): void;
  /** A line was longer than allowed, and was passed over: its beginning and its end. */
  oversize(head: string, tail: string): void;
}

/** Cuts a byte stream into lines without copying what has been looked at. */
export class LineReader {
  readonly #maxBytes: number;
  readonly #sink: LineSink;
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Of a line that is passed over. */
  #head: Buffer | undefined;
  #tail: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number, sink: LineSink) {
    this.#maxBytes = maxBytes;
    this.#sink = sink;
  }

  /** `false` when a line does not end, however much of it is passed over: nothing more should be pushed. */
  push(chunk: Buffer): boolean {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#add(chunk.subarray(start, end));
      start = end + 1;
      this.#ends();
    }
    if (start < chunk.length) this.#add(chunk.subarray(start));
    return this.#bytes <= this.#maxBytes * MAX_EXCESS;
  }

  #add(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes <= this.#maxBytes) {
      this.#parts.push(part);
      return;
    }
    if (this.#head === undefined) {
      const whole = Buffer.concat([...this.#parts, part]);
      this.#parts = [];
      // Copied, so that a small part does not hold on to a large whole.
      this.#head = Buffer.from(whole.subarray(0, HEAD_BYTES));
      this.#tail = Buffer.from(whole.subarray(-TAIL_BYTES));
    } else {
      this.#tail = Buffer.from(Buffer.concat([this.#tail, part.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES));
    }
  }

  #ends(): void {
    const [parts, head, tail] = [this.#parts, this.#head, this.#tail];
    this.#parts = [];
    this.#bytes = 0;
    this.#head = undefined;
    if (head !== undefined) this.#sink.oversize(head.toString('utf8'), tail.toString('utf8'));
    else this.#sink.line((parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)).toString('utf8'));
  }
}
