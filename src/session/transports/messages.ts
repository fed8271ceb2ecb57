import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { ConnectionError } from '../../core/errors.js';
import { withoutText } from '../../core/foreign-error.js';
import type { HttpResponse } from '../../net/http.js';

/** Nesting that no sensible answer needs, and that recursive code pays for. */
const MAX_DEPTH = 64;

/**
 * The JSON-RPC messages in a text: one, or a batch as revision 2025-03-26 allows.
 * @throws {ConnectionError} `PROTOCOL_ERROR`
 */
export function parseMessages(text: string, httpStatus?: number): JSONRPCMessage[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // Its text quotes the answer.
    throw unreadable('The answer is not JSON', httpStatus, withoutText(error));
  }
  if (isDeeperThan(MAX_DEPTH, json))
    throw unreadable(`The answer is nested deeper than ${MAX_DEPTH} levels`, httpStatus);
  const messages: unknown[] = Array.isArray(json) ? json : [json];
  for (const message of messages) {
    if ((message as { jsonrpc?: unknown } | null)?.jsonrpc !== '2.0') {
      throw unreadable('The answer is JSON, but not JSON-RPC 2.0', httpStatus);
    }
  }
  return messages as JSONRPCMessage[];
}

export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return 'method' in message && 'id' in message;
}

/** Whether `message` is the response to request `id`. Servers that turn a number into a string are understood. */
export function answers(message: JSONRPCMessage, id: RequestId): boolean {
  return 'id' in message && !('method' in message) && String(message.id) === String(id);
}

/** The media type of a body without its parameters, in lower case. */
export function mediaType(response: HttpResponse): string {
  return (response.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function unreadable(message: string, httpStatus: number | undefined, cause?: unknown): ConnectionError {
  return new ConnectionError('PROTOCOL_ERROR', message, {
    delivery: 'unknown',
    httpStatus,
    cause,
  });
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const member of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof member === 'object' && isDeeperThan(levels - 1, member)) return true;
  }
  return false;
}
