import { settlesWithin } from '../../core/abort.js';
import { asFleetError, ConnectionError } from '../../core/errors.js';
import type { TextExit } from '../../core/text-exit.js';
import { discard, readExcerpt, readText, tooLarge } from '../../net/body.js';
import { readEvents } from '../../net/event-stream.js';
import { isHeaderValue } from '../../net/headers.js';
import type { HttpResponse } from '../../net/http.js';
import { publicUrl } from '../../net/redirects.js';
import { errorOfFault } from '../reading/json.js';
import {
  type Incoming,
  oversizeMessage,
  type RequestId,
  readMessages,
  type Unreadable,
} from '../reading/message.js';
import { connectionLost } from './connection-lost.js';
import type { Refusal } from './http-refusal.js';
import { answers, mediaType } from './messages.js';

/** How long a server may leave a stream open whose request it has answered. */
const STREAM_GRACE_MS = 1_000;
/** Of an answer that is no message, for the error. */
const EXCERPT_BYTES = 16_384;
/** Bodies that hold one message. Some servers name no type, or one of plain text. */
const JSON_TYPE = /^(application\/(.*[+-])?json(-.*)?|text\/json|text\/plain|application\/octet-stream|)$/;
/** Errors that a server of 2026-07-28 gives before it runs anything ("Error Codes"): a body without an id has them, too. */
const REFUSALS: ReadonlySet<number> = new Set([-32_020, -32_021, -32_022]);

export interface HttpAnswersOptions {
  /** For messages. */
  endpoint(): URL;
  maxResponseBytes: number;
  exit: TextExit;
  /** Gets every message that is read. */
  received(message: Incoming): void;
}

export interface StreamListener {
  onEventId?(id: string): void;
  onRetry?(ms: number): void;
  /** Whether what is too large to be read is the answer that the stream is read for. */
  isAnswer?(message: Unreadable): boolean;
  /** What a broken message on the stream of one request is taken for. */
  asAnswer?(message: Incoming): Incoming;
  onMessage?(message: Incoming): void;
  /** The event with which the stream of HTTP+SSE begins. */
  onEndpoint?(): void;
}

/** Reads what comes back over HTTP: the answer to one request as JSON or as a stream, or a stream of messages. */
export class HttpAnswers {
  readonly #options: HttpAnswersOptions;

  constructor(options: HttpAnswersOptions) {
    this.#options = options;
  }

  /** Whether the answer is a stream. @throws {ConnectionError} where it is neither a stream nor JSON */
  async isStream(response: HttpResponse): Promise<boolean> {
    const type = mediaType(response);
    if (type === 'text/event-stream') return true;
    if (JSON_TYPE.test(type)) return false;
    const { text, isWhole } = await readExcerpt(response, EXCERPT_BYTES);
    throw this.#notAnMcpServer(`Expected JSON or an event stream, got ${type}`, response, text, isWhole);
  }

  /** Hands on what the body holds. @throws {ConnectionError} where that is no answer to the request */
  async readJson(id: RequestId, response: HttpResponse): Promise<void> {
    const { maxResponseBytes: maxBytes, exit, received } = this.#options;
    const text = await readText(response, maxBytes);
    let isAnswered = false;
    let broken: Unreadable | undefined;
    const messages = readMessages(text, { maxBytes });
    for (const message of messages) {
      if (message.kind === 'unreadable') {
        broken ??= message;
        continue;
      }
      // An answer that names no request is the answer to this one: it came for nothing else.
      const meant = message.kind === 'answer' && message.id === undefined ? { ...message, id } : message;
      isAnswered ||= answers(meant, id);
      received(meant);
    }
    if (isAnswered) return;
    // It came for nothing else, whatever id can be made out in it.
    if (broken !== undefined) {
      const words = exit.words(broken.text);
      const details = { isNamed: answers(broken, id), httpStatus: response.status, words, maxBytes };
      throw errorOfFault(broken.fault, details);
    }
    if (text.trim() === '') throw unanswered(`HTTP ${response.status} came with an empty body`);
    if (messages.every(({ kind }) => kind === 'noise') && messages.length > 0)
      throw this.#notAnMcpServer('The body holds no answer', response, text, true);
    throw unanswered('the body holds no answer to it');
  }

  /** Reads the stream of one request until its answer has come. @returns why it did not */
  readAnswer(id: RequestId, response: HttpResponse, listener: StreamListener): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const reading = this.readStream(response, {
        ...listener,
        isAnswer: (message) => answers(brokenAnswer(message, id), id),
        asAnswer: (message) => brokenAnswer(message, id),
        onMessage: (message) => {
          if (!answers(message, id)) return;
          resolve(undefined);
          // It may come while the reading begins.
          queueMicrotask(() => discardLater(response, reading));
        },
      });
      reading.then(
        () => resolve(unanswered('the stream ended')),
        (error) => resolve(asFleetError(error)),
      );
    });
  }

  readStream(response: HttpResponse, listener: StreamListener): Promise<void> {
    const { maxResponseBytes: maxBytes, received } = this.#options;
    const take = (message: Incoming) => {
      const meant = listener.asAnswer?.(message) ?? message;
      received(meant);
      listener.onMessage?.(meant);
    };
    return readEvents(response, maxBytes, {
      event: ({ id, event, data }) => {
        // It goes back in a header.
        if (id !== undefined && id !== '' && isHeaderValue(id)) listener.onEventId?.(id);
        if (event === 'endpoint') return listener.onEndpoint?.();
        if (data === '' || (event !== undefined && event !== 'message')) return;
        for (const message of readMessages(data, { maxBytes })) take(message);
      },
      retry: (ms) => listener.onRetry?.(ms),
      oversizeBegins: (head) => {
        if (listener.isAnswer?.(oversizeMessage(head, '')) === true)
          throw tooLarge(maxBytes, response.status);
      },
      oversize: (head, tail) => take(oversizeMessage(head, tail)),
    });
  }

  #notAnMcpServer(what: string, response: HttpResponse, text: string, isWhole: boolean): ConnectionError {
    const words = this.#options.exit.words(text, { isWhole });
    const said = words === '' || words.startsWith('<') ? '' : `: ${words}`;
    return new ConnectionError(
      'PROTOCOL_ERROR',
      `${what} (HTTP ${response.status}); is ${publicUrl(this.#options.endpoint())} the URL of an MCP server?${said}`,
      { delivery: 'unknown', httpStatus: response.status },
    );
  }
}

/** A server may answer with an HTTP error status and its answer at once. */
export function answerIn({ body, response: { status } }: Refusal, id: RequestId): Incoming | undefined {
  const messages = readMessages(body, { maxBytes: body.length });
  const found = messages.find((message) => answers(message, id));
  if (found !== undefined) return withStatus(found, status);
  const refusal = messages.find(isRefusal);
  return refusal === undefined ? undefined : withStatus({ ...refusal, id } as Incoming, status);
}

function isRefusal(message: Incoming): boolean {
  return (
    message.kind === 'answer' && message.id === undefined && REFUSALS.has(message.answer.error?.code ?? 0)
  );
}

function withStatus(message: Incoming, httpStatus: number): Incoming {
  if (message.kind !== 'answer' || message.answer.error === undefined) return message;
  return { ...message, answer: { error: { ...message.answer.error, httpStatus } } };
}

/** What is broken on the stream of a request, and does not look like a notification, is its answer. */
function brokenAnswer(message: Incoming, id: RequestId): Incoming {
  const isBroken =
    message.kind === 'unreadable' && message.id === undefined && message.isNotification !== true;
  return isBroken && !message.text.includes('"method"') ? { ...message, id, isGuess: true } : message;
}

/** The stream of an answered request should end by itself; one that does not is ended. */
function discardLater(response: HttpResponse, reading: Promise<void>): void {
  void settlesWithin(reading, STREAM_GRACE_MS).then((ended) => ended || discard(response));
}

function unanswered(how: string): ConnectionError {
  return connectionLost(`The request got no answer: ${how}`);
}
