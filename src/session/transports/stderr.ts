import { StringDecoder } from 'node:string_decoder';
import { Rate } from '../../core/rate.js';
import type { TextExit } from '../../core/text-exit.js';

/** Shown in errors. */
const TAIL_CHARACTERS = 1_000;
/** More than is shown, so that no secret is cut in two before it is cut out. */
const TAIL_BYTES = 16_384;
const LINE_CHARACTERS = 2_000;
/** Lines that are handed on at once, and a second. */
const MAX_BURST = 1_000;
const MAX_PER_SECOND = 200;

export interface StderrOptions {
  exit: TextExit;
  /** Whether anybody wants to see the lines. */
  isHeard(): boolean;
  onLine(line: string): void;
}

/** What the processes of one server write to stderr: each line for those who listen, and the last ones for errors. */
export class Stderr {
  readonly #options: StderrOptions;
  readonly #rate = new Rate(MAX_BURST, MAX_PER_SECOND);
  #tail: Buffer = Buffer.alloc(0);
  #isWhole = true;
  /** The beginning of a line whose end has not come. */
  #line = '';
  #decoder = new StringDecoder('utf8');
  #leftOut = 0;

  constructor(options: StderrOptions) {
    this.#options = options;
  }

  /** Another process begins. */
  restart(): void {
    this.#tail = Buffer.alloc(0);
    this.#isWhole = true;
    this.#line = '';
    this.#decoder = new StringDecoder('utf8');
  }

  push(chunk: Buffer): void {
    const joined = Buffer.concat([this.#tail, chunk.subarray(-TAIL_BYTES)]);
    this.#isWhole &&= joined.length <= TAIL_BYTES && chunk.length <= TAIL_BYTES;
    // Copied, so that a small tail does not hold on to a large chunk.
    this.#tail = Buffer.from(joined.subarray(-TAIL_BYTES));
    if (this.#options.isHeard()) this.#lines(this.#decoder.write(chunk));
  }

  /** For the end of a message: what the process said last, or nothing. */
  get lastWords(): string {
    const text = this.#tail
      .toString('utf8')
      .trim()
      .replace(/\s*\r?\n\s*/g, ' | ');
    const { exit } = this.#options;
    const words = exit.lastWords(text, { limit: TAIL_CHARACTERS, isWhole: this.#isWhole });
    return words === '' ? '' : `; the end of its stderr: ${words}`;
  }

  #lines(text: string): void {
    const lines = text.split('\n');
    lines[0] = this.#line + lines[0];
    this.#line = (lines.pop() as string).slice(0, TAIL_BYTES);
    for (const line of lines) this.#hand(line);
  }

  #hand(line: string): void {
    if (line.trim() === '') return;
    if (!this.#rate.take()) {
      this.#leftOut++;
      return;
    }
    const { exit, onLine } = this.#options;
    if (this.#leftOut > 0) onLine(`(${this.#leftOut} lines were left out)`);
    this.#leftOut = 0;
    onLine(exit.words(line, { limit: LINE_CHARACTERS }));
  }
}
