import { tooLarge } from './body.js';

/** An event of a stream (HTML Living Standard section 9.2.6); what was not said is `undefined`. */
export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

export interface EventSink {
  event(event: StreamEvent): void;
  /** Milliseconds that the server asks to wait before the stream is opened again. */
  retry?(ms: number): void;
  /** An event is larger than allowed, of which the beginning is known. What this throws ends the stream. */
  oversizeBegins?(head: string): void;
  /** An event was larger than allowed, and was passed over: the beginning and the end of its data. */
  oversize(head: string, tail: string): void;
}

/** What is kept of an event that is passed over. */
const HEAD_CHARACTERS = 65_536;
const TAIL_CHARACTERS = 1_024;
/** An event so many times as large as allowed is no event: the stream is given up. */
const MAX_EXCESS = 4;

/**
 * Finds the events in a `text/event-stream` (HTML Living Standard section 9.2.5). Work is bounded by the characters, not
 * by what they say: a line that means nothing costs no more than one that does. An event that is too large ends
 * itself, not the stream.
 */
export class EventParser {
  readonly #maxBytes: number;
  readonly #sink: EventSink;
  /** The beginning of a line whose end has not come. */
  #parts: string[] = [];
  #partsLength = 0;
  /** The beginning of the line was passed over already. */
  #lineBegun = false;
  #data: string | undefined;
  #event: string | undefined;
  #id: string | undefined;
  #afterCarriageReturn = false;
  #oversize: { readonly head: string; tail: string; passed: number } | undefined;

  /** @param maxBytes of the data of one event */
  constructor(maxBytes: number, sink: EventSink) {
    this.#maxBytes = maxBytes;
    this.#sink = sink;
  }

  feed(text: string): void {
    let start = this.#afterCarriageReturn && text.startsWith('\n') ? 1 : 0;
    if (text.length > 0) this.#afterCarriageReturn = false;
    let carriageReturn = text.indexOf('\r', start);
    for (;;) {
      const newline = text.indexOf('\n', start);
      if (carriageReturn !== -1 && carriageReturn < start) carriageReturn = text.indexOf('\r', start);
      const byReturn = carriageReturn !== -1 && (newline === -1 || carriageReturn < newline);
      const end = byReturn ? carriageReturn : newline;
      if (end === -1) break;
      this.#lineEnds(text.slice(start, end));
      start = end + 1;
      if (!byReturn) continue;
      if (start === text.length) this.#afterCarriageReturn = true;
      else if (text.charCodeAt(start) === 0x0a) start++;
    }
    this.#keep(text.slice(start));
  }

  /** The stream has ended. A last event that is whole counts also where the empty line behind it is missing. */
  end(): void {
    if (this.#partsLength > 0) this.#lineEnds('');
    if (this.#data !== undefined && /[}\]]\s*$/.test(this.#data.slice(-16))) this.#dispatch();
  }

  #keep(part: string): void {
    if (part === '') return;
    this.#parts.push(part);
    this.#partsLength += part.length;
    if (this.#partsLength + (this.#data?.length ?? 0) <= this.#maxBytes && this.#oversize === undefined)
      return;
    this.#passOver(this.#parts.join(''));
    this.#parts = [];
    this.#partsLength = 0;
    this.#lineBegun = true;
  }

  #lineEnds(rest: string): void {
    const line = this.#parts.length === 0 ? rest : this.#parts.join('') + rest;
    this.#parts = [];
    this.#partsLength = 0;
    const isEmpty = line === '' && !this.#lineBegun;
    this.#lineBegun = false;
    if (isEmpty) this.#dispatch();
    else if (this.#oversize !== undefined) this.#passOver(line);
    else this.#line(line);
  }

  #line(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
      if (this.#data.length > this.#maxBytes) this.#passOver('');
    } else if (field === 'event') this.#event = value === '' ? undefined : value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d{1,15}$/.test(value)) this.#sink.retry?.(Number(value));
  }

  /** @throws {ConnectionError} `RESPONSE_TOO_LARGE` when there is no end to it */
  #passOver(more: string): void {
    if (this.#oversize === undefined) {
      const beginning = this.#data ?? more.replace(/^data: ?/, '');
      const tail = this.#data === undefined ? '' : beginning.slice(-TAIL_CHARACTERS);
      const head = beginning.slice(0, HEAD_CHARACTERS);
      this.#oversize = { head, tail, passed: 0 };
      this.#data = undefined;
      this.#sink.oversizeBegins?.(head);
    }
    this.#oversize.tail = (this.#oversize.tail + more).slice(-TAIL_CHARACTERS);
    this.#oversize.passed += more.length;
    if (this.#oversize.passed > this.#maxBytes * MAX_EXCESS) throw tooLarge(this.#maxBytes);
  }

  #dispatch(): void {
    const [id, event, data, oversize] = [this.#id, this.#event, this.#data, this.#oversize];
    this.#id = undefined;
    this.#event = undefined;
    this.#data = undefined;
    this.#oversize = undefined;
    if (oversize !== undefined) this.#sink.oversize(oversize.head, oversize.tail);
    else if (data !== undefined) {
      const fits = data.length * 3 <= this.#maxBytes || Buffer.byteLength(data) <= this.#maxBytes;
      if (fits) this.#sink.event({ id, event, data });
      else this.#sink.oversize(data.slice(0, HEAD_CHARACTERS), data.slice(-TAIL_CHARACTERS));
    }
  }
}
