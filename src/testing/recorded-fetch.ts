import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { secretsOfHeaders } from '../client/configured-secrets.js';
import { EventParser } from '../net/event-parser.js';
import type { Recorder } from './recorder.js';

/** Shows `recorder` the MCP messages in requests and responses. All else passes as it is, token requests too. */
export function recordedFetch(fetch: FetchLike, recorder: Recorder): FetchLike {
  return async (url, init = {}) => {
    const headers = new Headers(init.headers);
    // What functions and token providers give, and the session; the other fields of the protocol repeat the message.
    const own = [...headers].filter(([name]) => name === 'mcp-session-id' || !name.startsWith('mcp-'));
    for (const secret of secretsOfHeaders(Object.fromEntries(own))) recorder.secrets.add(secret);
    const sent = typeof init.body === 'string' ? messagesIn(init.body) : [];
    for (const message of sent) recorder.sent(message);
    const response = await fetch(url, init);
    const listens = headers.get('accept')?.includes('text/event-stream') === true;
    if (!(listens || sent.length > 0) || response.body === null) return response;
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    const tap = isStream ? eventTap(recorder) : jsonTap(recorder);
    return withBody(response, response.body.pipeThrough(tap));
  };
}

/** Bytes pass; the messages in the events among them are shown. */
function eventTap(recorder: Recorder): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const parser = new EventParser(Number.POSITIVE_INFINITY, {
    event: ({ data }) => {
      for (const message of messagesIn(data)) recorder.received(message);
    },
    oversize: () => {},
  });
  return new TransformStream({
    transform(chunk, controller) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      controller.enqueue(chunk);
    },
  });
}

/** Bytes pass; the messages in the body as a whole are shown at its end. */
function jsonTap(recorder: Recorder): TransformStream<Uint8Array, Uint8Array> {
  const chunks: Uint8Array[] = [];
  return new TransformStream({
    transform(chunk, controller) {
      chunks.push(chunk);
      controller.enqueue(chunk);
    },
    flush() {
      for (const message of messagesIn(Buffer.concat(chunks).toString('utf8'))) recorder.received(message);
    },
  });
}

/** Of the Fetch standard what MCP needs; a new `Response` would forget the URL that the answer came from. */
function withBody(response: Response, body: ReadableStream<Uint8Array>): Response {
  const { status, ok, statusText, url, headers } = response;
  const text = () => new Response(body).text();
  return {
    status,
    ok,
    statusText,
    url,
    headers,
    body,
    text,
    json: async () => JSON.parse(await text()),
  } as Response;
}

function messagesIn(text: string): JSONRPCMessage[] {
  try {
    const json: unknown = JSON.parse(text);
    return [json]
      .flat()
      .filter((each) => (each as { jsonrpc?: unknown } | null)?.jsonrpc === '2.0') as JSONRPCMessage[];
  } catch {
    return [];
  }
}
