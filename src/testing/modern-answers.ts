import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import { CACHEABLE_METHODS, type CacheHint, type CacheHints } from './fake-server-options.js';
import {
  METHOD_NOT_FOUND,
  metaOf,
  type Params,
  REVISION,
  type Refusal,
  SERVER_INFO_KEY,
} from './modern-request.js';

/** As the official server says where nobody says otherwise. */
const UNHINTED: Required<CacheHint> = { ttlMs: 0, cacheScope: 'private' };

/** The result of `server/discover`. @param described what the server says of itself at an initialization */
export function discovery({ capabilities, serverInfo, instructions }: Params, hints: CacheHints): Params {
  const result = {
    supportedVersions: [REVISION],
    capabilities,
    ...(instructions !== undefined && { instructions }),
  };
  return complete('server/discover', result, { hints, serverInfo });
}

/** A result with what 2026-07-28 has in it beside. */
export function complete(
  method: string,
  result: Params,
  { hints, serverInfo }: { hints: CacheHints; serverInfo: unknown },
): Params {
  const hint = isCacheable(method) && { ...UNHINTED, ...hints[method] };
  return {
    resultType: 'complete',
    ...hint,
    ...result,
    ...(serverInfo !== undefined && { _meta: { ...metaOf(result), [SERVER_INFO_KEY]: serverInfo } }),
  };
}

function isCacheable(method: string): method is keyof CacheHints {
  return CACHEABLE_METHODS.some((each) => each === method);
}

export function answerOf(id: RequestId, result: object): object {
  return { jsonrpc: '2.0', id, result };
}

/** A JSON body: nothing else is said. */
export function refused(id: RequestId | undefined, error: Refusal, status = 400): Response {
  return Response.json({ jsonrpc: '2.0', id, error }, { status });
}

export function notFound(id: RequestId): Response {
  return refused(id, { code: METHOD_NOT_FOUND, message: 'Method not found' }, 404);
}

/** A body of server-sent events. */
export function eventStream(
  messages: Iterable<object> | AsyncIterable<object>,
  ended: () => void = () => {},
): Response {
  const texts = async function* () {
    try {
      for await (const message of messages) yield eventOf(message);
    } finally {
      ended();
    }
  };
  return streamResponse(ReadableStream.from(texts()).pipeThrough(new TextEncoderStream()));
}

export function streamResponse(body: ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

export function eventOf(message: object): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}
