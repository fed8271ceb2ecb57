import { faultOfValue, type JsonFault, type JsonLimits, parseJson } from './json.js';
import { excerptOf, isRecord } from './json-values.js';
import { idIn } from './message-id.js';

/** The id of a request (JSON-RPC 2.0 section 4). */
export type RequestId = string | number;
export type Params = Readonly<Record<string, unknown>>;

/** A JSON-RPC error, in whatever form the server wrote it. */
export interface JsonRpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
  /** Status of the HTTP response, where it came with one other than 2xx. */
  readonly httpStatus?: number;
}

/** The answer to a request: one of both. What a result has to look like depends on the request. */
export type Answer =
  | { readonly result: unknown; readonly error?: undefined }
  | { readonly error: JsonRpcError; readonly result?: undefined };

/** What a server sent, as far as it concerns anybody. */
export type Incoming =
  | ReceivedAnswer
  | { readonly kind: 'request'; readonly id: RequestId; readonly method: string; readonly params: Params }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Params }
  | Unreadable
  /** A heartbeat, a greeting, a line of a log: nothing that JSON-RPC knows. */
  | { readonly kind: 'noise'; readonly text: string };

export interface ReceivedAnswer {
  readonly kind: 'answer';
  /** `undefined`: it names no request. */
  readonly id: RequestId | undefined;
  readonly answer: Answer;
  /** It does not say that it is JSON-RPC: among lines it may be a log. */
  readonly isBare?: boolean;
}

/** It should have been a message: the fault belongs to the request that it names, if it names one. */
export interface Unreadable {
  readonly kind: 'unreadable';
  readonly id: RequestId | undefined;
  readonly fault: JsonFault;
  readonly text: string;
  /** It names none: the id is that of the request which it is taken to answer. */
  readonly isGuess?: boolean;
  /** It was said by itself: nobody waits for it. */
  readonly isNotification?: boolean;
}

/** The code of an error that names none (JSON-RPC 2.0 section 5.1, "Internal error"). */
const INTERNAL_ERROR = -32_603;
/** Of a text that cannot be read, how much is kept to say so. */
const EXCERPT_CHARACTERS = 16_384;

/** Not the beginning of a batch: many logs put the level or the time in brackets, and then what they received. */
const BRACKETED = /^[\ufeff\s]*\[(?!\s*[{\]])/;

const NOISE: Incoming = { kind: 'noise', text: '' };
/** The beginning of what is no answer, whatever follows. */
const METHOD = /^[\ufeff\s]*\{\s*(?:"jsonrpc"\s*:\s*"[^"]*"\s*,\s*)?"method"\s*:/;

/**
 * Reads what a server sent in one piece: a message, or a batch of them as revision 2025-03-26 allows. Liberal in what
 * it takes: additional members, `null` for what may be absent, ids of another type, errors in other forms. Never throws.
 */
export function readMessages(text: string, limits: JsonLimits): Incoming[] {
  // A server may send thousands of these a second.
  if (!/^[\ufeff\s]*[[{]/.test(text)) return [noise(text)];
  const parsed = parseJson(text, limits);
  if (typeof parsed === 'string') return [unreadable(text, parsed)];
  const { value } = parsed;
  if (Array.isArray(value)) return value.map((message) => readMessage(message) ?? NOISE);
  return [readMessage(value, text) ?? noise(text)];
}

/** Reads a message that did not come as text. Never throws. */
export function readValue(value: unknown, limits: JsonLimits): Incoming {
  const fault = faultOfValue(value, limits);
  if (fault === undefined) return readMessage(value) ?? noise(excerptOf(value));
  return { kind: 'unreadable', id: isRecord(value) ? asId(value.id) : undefined, fault, text: '' };
}

/** A message that is too large to be parsed, by its beginning and its end. */
export function oversizeMessage(head: string, tail: string): Unreadable {
  const id = idIn(head, tail);
  return { kind: 'unreadable', id, fault: 'too large', text: '', ...notification(id, head) };
}

function notification(id: RequestId | undefined, head: string): { isNotification?: true } {
  return id === undefined && METHOD.test(head) ? { isNotification: true } : {};
}

/** @param text that it came in, for those who have to say what is wrong with it */
function readMessage(message: unknown, text = ''): Incoming | undefined {
  if (!isRecord(message)) return undefined;
  const { method, params, result, error } = message;
  const id = asId(message.id);
  const isBare = !('jsonrpc' in message);
  const bare = isBare && id === undefined ? ({ isBare } as const) : undefined;
  if (typeof method === 'string') {
    const kept = isRecord(params) ? params : {};
    return id === undefined
      ? { kind: 'notification', method, params: kept }
      : { kind: 'request', id, method, params: kept };
  }
  // An empty error beside a result, and a `result: null` beside an error, mean nothing.
  const noResult = result === undefined || result === null;
  if (error !== undefined && error !== null && (noResult || saysSomething(error)))
    return { kind: 'answer', id, answer: { error: readError(error) }, ...bare };
  if (result !== undefined) return { kind: 'answer', id, answer: { result }, ...bare };
  if (id === undefined || isBare) return undefined;
  return { kind: 'unreadable', id, fault: 'neither result nor error', text: cut(text) };
}

/** JSON-RPC 2.0 section 5.1; also a text alone, a code as text, an error without a message. */
function readError(error: unknown): JsonRpcError {
  if (!isRecord(error)) return { code: INTERNAL_ERROR, message: wordsOf(error) };
  const { code, message, data } = error;
  const number = typeof code === 'string' && code.trim() !== '' ? Number(code) : code;
  const known = typeof number === 'number' && Number.isFinite(number) ? Math.trunc(number) : undefined;
  const words = message === undefined || message === null ? wordsWithout(error) : wordsOf(message);
  // A code that is a name belongs to the words.
  const named = known === undefined && code !== undefined && code !== null;
  return {
    code: known ?? INTERNAL_ERROR,
    message: named ? `${wordsOf(code)}: ${words}` : words,
    ...(data !== undefined && data !== null && { data }),
  };
}

/** What an error without a message says all the same. */
function wordsWithout({ error, detail, description, title, reason }: Params): string {
  const found = [error, detail, description, title, reason].find(
    (words) => typeof words === 'string' && words !== '',
  );
  return typeof found === 'string' ? found : 'The server gave no message';
}

function wordsOf(value: unknown): string {
  return typeof value === 'string' ? value : excerptOf(value);
}

function saysSomething(error: unknown): boolean {
  return typeof error === 'object' ? Object.keys(error as object).length > 0 : Boolean(error);
}

function unreadable(text: string, fault: JsonFault): Incoming {
  const head = cut(text);
  if (BRACKETED.test(head)) return noise(text);
  const id = idIn(head, text);
  // What names no request and does not look like JSON-RPC is nothing that anybody waits for.
  if (id === undefined && !/"(jsonrpc|result|error)"/.test(head)) return noise(text);
  return { kind: 'unreadable', id, fault, text: head, ...notification(id, head) };
}

function noise(text: string): Incoming {
  return { kind: 'noise', text: cut(text) };
}

function cut(text: string): string {
  return text.length <= EXCERPT_CHARACTERS ? text : text.slice(0, EXCERPT_CHARACTERS);
}

function asId(id: unknown): RequestId | undefined {
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}
