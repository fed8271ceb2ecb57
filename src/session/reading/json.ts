import { ConnectionError, type Delivery } from '../../core/errors.js';

/** Nesting that no sensible message needs, and that recursive code pays for. */
const MAX_DEPTH = 64;
/** Parsing takes its time by the value, not by the byte: 10 MB of `{},{},…` stop a process for a second. */
const BYTES_A_VALUE = 40;
const MIN_VALUES = 10_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** What may be in a text that a peer sent. */
export interface JsonLimits {
  /** Bytes of a message; the number of values in it follows from that. */
  readonly maxBytes: number;
}

/** Why a text cannot be read. No error yet: a peer may send thousands of them. */
export type JsonFault =
  | 'not JSON'
  | 'too deep'
  | 'too many values'
  | 'too large'
  | 'neither result nor error';

/** Parses what a peer sent, in bounded time. A byte order mark is passed over. */
export function parseJson(text: string, { maxBytes }: JsonLimits): { value: unknown } | JsonFault {
  const json = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const fault = faultOf(json, maxValues(maxBytes));
  if (fault !== undefined) return fault;
  return parsed(json) ?? parsed(mended(json)) ?? 'not JSON';
}

function parsed(json: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(json) };
  } catch {
    return undefined;
  }
}

/**
 * What JSON has no form for, and servers write all the same: numbers that are none (as Python does it) become `null`, and
 * line breaks and the like inside of texts are escaped.
 */
function mended(json: string): string {
  let text = '';
  let done = 0;
  for (let at = 0; at < json.length; at++) {
    if (json.charCodeAt(at) === QUOTE) {
      const end = endOfString(json, at);
      const inside = json.slice(at, end);
      if (CONTROL.test(inside)) {
        text += json.slice(done, at) + inside.replace(CONTROLS, escaped);
        done = end;
      }
      at = end;
    } else {
      NO_NUMBER.lastIndex = at;
      const found = NO_NUMBER.exec(json)?.[0];
      if (found === undefined) continue;
      text += `${json.slice(done, at)}null`;
      at += found.length - 1;
      done = at + 1;
    }
  }
  return text + json.slice(done);
}

/** Below the space: what JSON wants escaped (RFC 8259 section 7). */
const CONTROL = /[^ -\uffff]/;
const CONTROLS = /[^ -\uffff]/g;
const NO_NUMBER = /[+-]?(?:NaN|Infinity)\b/y;

function escaped(character: string): string {
  return JSON.stringify(character).slice(1, -1);
}

/** What keeps a value that did not come as text from being within the bounds of {@link parseJson}. */
export function faultOfValue(value: unknown, { maxBytes }: JsonLimits): JsonFault | undefined {
  let left = maxValues(maxBytes);
  const check = (at: unknown, depth: number): JsonFault | undefined => {
    if (typeof at !== 'object' || at === null) return undefined;
    if (depth === MAX_DEPTH) return 'too deep';
    for (const member of Array.isArray(at) ? at : Object.values(at)) {
      if (left-- <= 0) return 'too many values';
      const fault = check(member, depth + 1);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
  return check(value, 0);
}

/**
 * What a fault means for the request whose answer has it. An answer that is none was an answer; of a text that is
 * broken, or was not read, nobody knows what it would have said.
 * @param details with `isNamed` where the message itself names the request
 */
export function errorOfFault(
  fault: JsonFault,
  details: { isNamed: boolean; maxBytes: number; httpStatus?: number | undefined; words?: string },
): ConnectionError {
  const { words = '', isNamed, maxBytes, ...known } = details;
  const isLarge = fault === 'too large' || fault === 'too many values';
  const code = isLarge ? 'RESPONSE_TOO_LARGE' : 'PROTOCOL_ERROR';
  const isAnswer = isNamed && (fault === 'too deep' || fault === 'neither result nor error');
  const delivery: Delivery = isAnswer ? 'answered' : 'unknown';
  const limit = isLarge ? ` (${maxBytes})` : '';
  const said = words === '' ? '' : `: ${words}`;
  return new ConnectionError(code, `${FAULTS[fault]}${limit}${said}`, { ...known, delivery });
}

const FAULTS: { readonly [Fault in JsonFault]: string } = {
  'not JSON': 'The answer is not JSON',
  'too deep': `The answer is nested deeper than ${MAX_DEPTH} levels`,
  'too many values': `The answer holds more values than one for each ${BYTES_A_VALUE} bytes of maxResponseBytes`,
  'too large': 'The answer is larger than maxResponseBytes',
  'neither result nor error': 'The answer holds neither a result nor an error as JSON-RPC 2.0 says',
};

function maxValues(maxBytes: number): number {
  return Math.max(MIN_VALUES, maxBytes / BYTES_A_VALUE);
}

/** What is wrong with the structure of a text, found without building it. */
function faultOf(text: string, most: number): JsonFault | undefined {
  let depth = 0;
  let deepest = 0;
  let values = 1;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case COMMA:
        if (++values > most) return 'too many values';
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        deepest = Math.max(deepest, ++depth);
        if (++values > most) return 'too many values';
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth--;
        break;
    }
  }
  if (deepest <= MAX_DEPTH) return undefined;
  // One that is cut off was not sent to its end.
  return depth === 0 ? 'too deep' : 'not JSON';
}

/** Where the string that begins at `start` ends; the end of the text if it does not. */
export function endOfString(text: string, start: number): number {
  const quote = text.indexOf('"', start + 1);
  if (quote === -1) return text.length;
  if (text.charCodeAt(quote - 1) !== BACKSLASH) return quote;
  // With escapes in it a search for quotes would find too many.
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === BACKSLASH) at++;
    else if (character === QUOTE) return at;
  }
  return text.length;
}
