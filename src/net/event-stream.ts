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
  const tooLong = () => tooLarge(maxEventBytes, response.status);
  const parser = createParser({
    // Of an event that is not complete, in characters: never more than its bytes.
    maxBufferSize: maxEventBytes,
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') throw tooLong();
    },
    onEvent(event) {
      if (Buffer.byteLength(event.data) > maxEventBytes) throw tooLong();
      sink.event(event);
    },
    onRetry: (ms) => sink.retry?.(ms),
  });
  const decoder = new TextDecoder();
  await pump(response, (chunk) => parser.feed(decoder.decode(chunk, { stream: true })));
}
