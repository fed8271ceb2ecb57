import type { JSONRPCMessage, JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import type { HttpResponse } from '../../net/http.js';
import type { Incoming, RequestId } from '../reading/message.js';

export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return 'method' in message && 'id' in message;
}

/** Whether `message` ends request `id`. Servers that turn a number into a string are understood. */
export function answers(message: Incoming, id: RequestId): boolean {
  return (message.kind === 'answer' || message.kind === 'unreadable') && String(message.id) === String(id);
}

/** The media type of a body without its parameters, in lower case. */
export function mediaType(response: HttpResponse): string {
  return (response.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Where a response came from, after redirects. @param asked where the request went */
export function endpointOf({ url }: HttpResponse, asked: URL): URL {
  return url === '' || url === asked.href ? asked : new URL(url);
}
