import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { pump, tooLarge } from './body.js';
import type { HttpResponse } from './http.js';

export interface EventStreamSink {
  event(event: EventSourceMessage): void;
  /** Milliseconds that the server asks to wait before the stream is opened again. */
  retry?(ms: number): void;
}

/**
 * Reads a `text/event-stream` body to its end (HTML Living Standard section 9.2).
 * @param maxEventBytes largest event; the stream as a whole has no limit.
 * @throws {ConnectionError} `RESPONSE_TOO_LARGE`, or what broke the connection.
 */
export async function readEvents(
  response: HttpResponse,
  maxEventBytes: number,
  sink: EventStreamSink,
): Promise<void> {
  const decoder = new TextDecoder();
  let pendingBytes = 0;
  const parser = createParser({
    onEvent(event) {
      pendingBytes = 0;
      sink.event(event);
    },
    onComment() {
      pendingBytes = 0;
    },
    onRetry: (ms) => sink.retry?.(ms),
  });
  await pump(response, (chunk) => {
    pendingBytes += chunk.byteLength;
    if (pendingBytes > maxEventBytes + chunk.byteLength) throw tooLarge(maxEventBytes, response.status);
    parser.feed(decoder.decode(chunk, { stream: true }));
    if (pendingBytes > maxEventBytes) throw tooLarge(maxEventBytes, response.status);
  });
}
