import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import { abortable, wait } from '../core/abort.js';
import { EventParser, type StreamEvent } from '../net/event-parser.js';
import { connectionReset } from './connection-failures.js';
import type { Fault } from './fault.js';

const PADDING = ' '.repeat(65_536);

/**
 * The event stream of `response` with a fault in the place of the answer to request `id`. What the server says
 * before it (progress, questions to the client) arrives as it should.
 * @param gone aborts when the client gives up, or the server ends the connection.
 */
export function withSpoiledAnswer(
  response: Response,
  { fault, id, gone }: { fault: Fault; id: RequestId; gone: AbortSignal },
): Response {
  if (response.body === null) return response;
  const spoiled = ReadableStream.from(spoil(eventsIn(response.body), { fault, id, gone }));
  return new Response(spoiled.pipeThrough(new TextEncoderStream()), response);
}

async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  const found: StreamEvent[] = [];
  const sink = { event: (event: StreamEvent) => void found.push(event), oversize: () => {} };
  const parser = new EventParser(Number.POSITIVE_INFINITY, sink);
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    parser.feed(text);
    yield* found.splice(0);
  }
}

async function* spoil(
  events: AsyncIterable<StreamEvent>,
  { fault, id, gone }: { fault: Fault; id: RequestId; gone: AbortSignal },
): AsyncGenerator<string> {
  for await (const { data } of events) {
    if (!isAnswer(data, id)) yield eventOf(data);
    else yield* inPlaceOf(data, fault, gone);
  }
}

async function* inPlaceOf(answer: string, fault: Fault, gone: AbortSignal): AsyncGenerator<string> {
  switch (fault.kind) {
    case 'hang':
      return await never(gone);
    case 'reset':
      throw connectionReset();
    case 'delay':
      await wait(fault.ms, gone);
      return yield eventOf(answer);
    case 'malformed':
      return yield eventOf(answer.slice(0, answer.length / 2));
    case 'wrong-id':
      return yield eventOf(JSON.stringify({ ...JSON.parse(answer), id: 'of-another-request' }));
    case 'oversize':
      yield `event: message\ndata: ${answer}`;
      for (let left = fault.bytes - Buffer.byteLength(answer); left > 0; left -= PADDING.length)
        yield PADDING.slice(0, left);
      return yield '\n\n';
    default:
      // The stream ends here.
      return;
  }
}

/** What nobody will ever answer. */
export function never(gone: AbortSignal): Promise<never> {
  return abortable(new Promise<never>(() => {}), gone);
}

function eventOf(data: string): string {
  return `event: message\ndata: ${data}\n\n`;
}

function isAnswer(data: string, id: RequestId): boolean {
  const message = data === '' ? {} : JSON.parse(data);
  return message.id === id && message.method === undefined;
}
