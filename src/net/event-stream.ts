import { pump } from './body.js';
import { EventParser, type EventSink } from './event-parser.js';
import type { HttpResponse } from './http.js';

/**
 * Reads a `text/event-stream` body to its end.
 * @param maxEventBytes largest event; the stream as a whole has no limit.
 * @throws {ConnectionError} what broke the connection.
 */
export async function readEvents(
  response: HttpResponse,
  maxEventBytes: number,
  sink: EventSink,
): Promise<void> {
  const parser = new EventParser(maxEventBytes, sink);
  const decoder = new TextDecoder();
  await pump(response, (chunk) => parser.feed(decoder.decode(chunk, { stream: true })));
  parser.end();
}
