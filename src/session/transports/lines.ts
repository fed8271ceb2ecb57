const NEWLINE = 0x0a;

/** Cuts a byte stream into lines without copying what has been looked at. */
export class LineReader {
  readonly #maxBytes: number;
  readonly #onLine: (line: string) => void;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number, onLine: (line: string) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  /** `false` when a line is longer than allowed: nothing more should be pushed. */
  push(chunk: Buffer): boolean {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      if (this.#bytes + end - start > this.#maxBytes) return false;
      const last = chunk.subarray(start, end);
      const line = this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]);
      this.#parts = [];
      this.#bytes = 0;
      start = end + 1;
      this.#onLine(line.toString('utf8'));
    }
    if (start < chunk.length) {
      this.#parts.push(chunk.subarray(start));
      this.#bytes += chunk.length - start;
    }
    return this.#bytes <= this.#maxBytes;
  }
}

/** Remembers the end of a byte stream. */
export class TailBuffer {
  readonly #maxBytes: number;
  #tail: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    const joined = Buffer.concat([this.#tail, chunk.subarray(-this.#maxBytes)]);
    // Copied, so that a small tail does not hold on to a large chunk.
    this.#tail = Buffer.from(joined.subarray(-this.#maxBytes));
  }

  text(): string {
    return this.#tail.toString('utf8');
  }
}
