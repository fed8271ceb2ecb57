import { setImmediate as turn } from 'node:timers/promises';
import { ConnectionError } from '../core/errors.js';
import { failureOfForeignBody } from './failures.js';
import type { HttpResponse } from './http.js';
import { type ByteSink, UndiciResponse } from './undici-response.js';

/** How long the chunks that are there already may keep others from their turn. */
const SLICE_MS = 10;

/** Gives the body's bytes to `sink` as they come. What `sink` throws ends the response and rejects. */
export async function pump(response: HttpResponse, sink: ByteSink): Promise<void> {
  if (response instanceof UndiciResponse) return response.pump(sink);
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  let sliceEnds = performance.now() + SLICE_MS;
  try {
    for (;;) {
      if (performance.now() >= sliceEnds) {
        await turn();
        sliceEnds = performance.now() + SLICE_MS;
      }
      const { done, value } = await reader.read().catch((error) => {
        throw failureOfForeignBody(error);
      });
      if (done) return;
      sink(value);
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

/**
 * The body as text, no larger than `maxBytes` after decompression.
 * @throws {ConnectionError} `RESPONSE_TOO_LARGE`; the connection is closed and nothing more is read.
 */
export async function readText(response: HttpResponse, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  await pump(response, (chunk) => {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes, response.status);
    chunks.push(chunk);
  });
  return Buffer.concat(chunks).toString('utf8');
}

/** The beginning of the body as text, for error messages, and whether it is all of it. Never throws; the rest is not read. */
export async function readExcerpt(
  response: HttpResponse,
  maxBytes: number,
): Promise<{ text: string; isWhole: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  let isWhole = false;
  try {
    await pump(response, (chunk) => {
      chunks.push(chunk.subarray(0, Math.max(0, maxBytes - size)));
      size += chunk.byteLength;
      if (size > maxBytes) throw new Error('Enough');
    });
    isWhole = true;
  } catch {
    // What has come so far is what there is to say.
  }
  return { text: Buffer.concat(chunks).toString('utf8'), isWhole };
}

/** Gives up a body that nobody will read, so that its connection is freed. */
export function discard(response: HttpResponse): void {
  if (response instanceof UndiciResponse) response.cancel();
  else response.body?.cancel().catch(() => {});
}

export function tooLarge(maxBytes: number, httpStatus?: number): ConnectionError {
  return new ConnectionError(
    'RESPONSE_TOO_LARGE',
    `The answer is larger than maxResponseBytes (${maxBytes})`,
    {
      delivery: 'unknown',
      httpStatus,
    },
  );
}
