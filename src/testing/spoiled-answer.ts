import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import { abortable, wait } from '../core/abort.js';
import { EventParser, type StreamEvent } from '../net/event-parser.js';
import { connectionReset } from './connection-failures.js';
import type { Fault } from './fault.js';

const PADDING = ' '.repeat(65_536);

interface Spoiling {
  readonly fault: Fault;
  /** Of the request that is answered. */
  readonly id: RequestId;
  /** Aborts when the client gives up, or the server ends the connection. */
  readonly gone: AbortSignal;
  /** Told when the server asks for input instead of answering: the call comes again with that state. */
  asked(requestState: string): void;
}

/**
 * The event stream of `response` with a fault in the place of the answer. What the server says before it (progress,
 * questions to the client) arrives as it should.
 */
export async function withSpoiledAnswer(response: Response, spoiling: Spoiling): Promise<Response> {
  const { fault, id, asked } = spoiling;
  if (response.body === null) return response;
  if (fault.kind === 'status') {
    const said: StreamEvent[] = [];
    for await (const event of eventsIn(response.body)) said.push(event);
    const state = said.map(({ data }) => stateAskedFor(data, id)).find((each) => each !== undefined);
    if (state === undefined) return statusResponse(fault);
    asked(state);
    return new Response(said.map(({ data }) => eventOf(data)).join(''), response);
  }
  const spoiled = ReadableStream.from(spoil(eventsIn(response.body), spoiling));
  return new Response(spoiled.pipeThrough(new TextEncoderStream()), response);
}

export function statusResponse({ status, headers = {}, body }: Extract<Fault, { kind: 'status' }>): Response {
  return new Response(body ?? null, { status, headers });
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
  { fault, id, gone, asked }: Spoiling,
): AsyncGenerator<string> {
  for await (const { data } of events) {
    const state = stateAskedFor(data, id);
    if (state !== undefined) asked(state);
    if (state !== undefined || !isAnswer(data, id)) yield eventOf(data);
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

/** The `requestState` of an answer that asks for input. */
function stateAskedFor(data: string, id: RequestId): string | undefined {
  if (!isAnswer(data, id)) return undefined;
  const { result } = JSON.parse(data);
  return result?.resultType === 'input_required' ? result.requestState : undefined;
}

function isAnswer(data: string, id: RequestId): boolean {
  const message = data === '' ? {} : JSON.parse(data);
  return message.id === id && message.method === undefined;
}
