import type { OutgoingHttpHeaders } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { RpcAnswer } from './mcp-core.js';

/**
 * What goes wrong with one request, and whether the request was executed by then.
 * `before`: it was not executed and never will be. `after`: it was, and its answer is in trouble.
 */
export type Fault = { readonly when: 'before' | 'after' } & What;

export type What =
  /** RST, without a byte of an answer. */
  | { readonly what: 'reset' }
  /** FIN, without a byte of an answer. */
  | { readonly what: 'close' }
  /** Never answers. */
  | { readonly what: 'hang' }
  /** Answers, later. Only makes sense `after`. */
  | { readonly what: 'delay'; readonly ms: number }
  /** An answer that never ends, a few bytes at a time. */
  | { readonly what: 'drip'; readonly as: 'json' | 'sse'; readonly everyMs: number }
  /** An event stream that ends before the answer. With `resume`, its events have ids. */
  | {
      readonly what: 'end-stream';
      readonly how: 'clean' | 'broken';
      readonly resume?: 'works' | 404 | 405 | 500;
    }
  /** Any HTTP answer. The function gets the answer that would have been right. */
  | { readonly what: 'respond'; readonly response: (answer: RpcAnswer) => WrongResponse }
  /** A body of so many bytes, as fast as the client takes it. `gzip`: that many after decompression. */
  | { readonly what: 'flood'; readonly as: 'json' | 'sse' | 'error' | 'gzip'; readonly bytes: number };

export interface WrongResponse {
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

const JSON_TYPE = { 'content-type': 'application/json' };

function wrongAnswer(response: (answer: RpcAnswer) => WrongResponse, when: Fault['when'] = 'after'): Fault {
  return { when, what: 'respond', response };
}

/** Any status. 5xx may come before or after the execution; others come before. */
export function status(
  code: number,
  headers: OutgoingHttpHeaders = {},
  when: Fault['when'] = 'before',
): Fault {
  return wrongAnswer(() => ({ status: code, headers, body: `status ${code}` }), when);
}

function deepJson(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
}

/** Row 15: the request was executed, and its answer cannot be used (or only just). */
export const UNUSABLE_ANSWERS = {
  'malformed JSON': wrongAnswer(() => ({ headers: JSON_TYPE, body: '{"jsonrpc": "2.0", "id": 1, "resul' })),
  'an empty body': wrongAnswer(() => ({ headers: JSON_TYPE, body: '' })),
  'JSON that is no JSON-RPC': wrongAnswer(() => ({ headers: JSON_TYPE, body: '{"ok":true}' })),
  'a web page': wrongAnswer(() => ({ headers: { 'content-type': 'text/html' }, body: '<h1>Sign in</h1>' })),
  '202 to a request': wrongAnswer(() => ({ status: 202 })),
  '204 to a request': wrongAnswer(() => ({ status: 204 })),
  'the answer to another id': wrongAnswer((answer) => ({
    headers: JSON_TYPE,
    body: JSON.stringify({ ...answer, id: 987_654 }),
  })),
  'neither result nor error': wrongAnswer(({ id }) => ({
    headers: JSON_TYPE,
    body: JSON.stringify({ jsonrpc: '2.0', id }),
  })),
  'deep nesting': wrongAnswer(({ id }) => ({
    headers: JSON_TYPE,
    body: `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[],"contents":[],"_meta":${deepJson(50_000)}}}`,
  })),
  'a broken gzip': wrongAnswer((answer) => ({
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
    body: gzipSync(JSON.stringify(answer)).subarray(0, 25),
  })),
  'a content length that lies': wrongAnswer((answer) => ({
    headers: { ...JSON_TYPE, 'content-length': 100_000, connection: 'close' },
    body: JSON.stringify(answer),
  })),
} satisfies Record<string, Fault>;

/** Answers that are not what the protocol says, and can be understood. */
export const ODD_ANSWERS = {
  'no content type': wrongAnswer((answer) => ({ body: JSON.stringify(answer) })),
  'plain text for a content type': wrongAnswer((answer) => ({
    headers: { 'content-type': 'text/plain' },
    body: JSON.stringify(answer),
  })),
  'no id': wrongAnswer(({ result }) => ({
    headers: JSON_TYPE,
    body: JSON.stringify({ jsonrpc: '2.0', result }),
  })),
  'an id that is a text': wrongAnswer(({ id, result }) => ({
    headers: JSON_TYPE,
    body: JSON.stringify({ jsonrpc: '2.0', id: String(id), result }),
  })),
  'no version': wrongAnswer(({ id, result }) => ({
    headers: JSON_TYPE,
    body: JSON.stringify({ id, result }),
  })),
  'an error that is null': wrongAnswer((answer) => ({
    headers: JSON_TYPE,
    body: JSON.stringify({ ...answer, error: null, took: 5 }),
  })),
  'a byte order mark': wrongAnswer((answer) => ({
    headers: JSON_TYPE,
    body: `\ufeff${JSON.stringify(answer)}`,
  })),
  'heartbeats before it': wrongAnswer((answer) => ({
    headers: { 'content-type': 'text/event-stream' },
    body: `: hi\n\ndata: ping\n\ndata: {"type":"heartbeat"}\n\nevent: x\ndata:\n\ndata: ${JSON.stringify(answer)}`,
  })),
  'HTTP 500': wrongAnswer((answer) => ({ status: 500, headers: JSON_TYPE, body: JSON.stringify(answer) })),
} satisfies Record<string, Fault>;

/** An answer given twice is still an answer. */
export const DOUBLE_ANSWERS = {
  'in a batch': wrongAnswer((answer) => ({
    headers: JSON_TYPE,
    body: JSON.stringify([answer, answer]),
  })),
  'on a stream': wrongAnswer((answer) => ({
    headers: { 'content-type': 'text/event-stream' },
    body: `data: ${JSON.stringify(answer)}\n\ndata: ${JSON.stringify(answer)}\n\n`,
  })),
} satisfies Record<string, Fault>;
