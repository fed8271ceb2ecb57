import type { JSONRPCRequest, RequestId } from '@modelcontextprotocol/sdk/types.js';

/** A request that arrived at a fake server, whatever became of it. */
export interface FakeServerRequest {
  /** HTTP method: `POST`, `GET` or `DELETE`. */
  readonly http: string;
  /** JSON-RPC method of the message; `undefined` for GET, DELETE and the client's answers to the server. */
  readonly method: string | undefined;
  /** JSON-RPC id; `undefined` where there is none to answer. */
  readonly id: RequestId | undefined;
  readonly params: unknown;
  /** With their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads a copy of the body: the request itself stays unread. */
export async function receivedRequest(request: Request): Promise<FakeServerRequest> {
  const message = request.method === 'POST' ? messageIn(await request.clone().text()) : undefined;
  const asks = message?.method !== undefined;
  return {
    http: request.method,
    method: message?.method,
    id: asks ? message.id : undefined,
    params: asks ? message.params : undefined,
    headers: Object.fromEntries(request.headers),
  };
}

/** What is no message is for the server to refuse. */
export function messageIn(text: string): Partial<JSONRPCRequest> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}
