import { abortable } from '../../core/abort.js';
import { ConnectionError } from '../../core/errors.js';
import { abortSignalOf, type StopSignal } from '../../core/stop-signal.js';
import { excerptOf, isRecord } from '../reading/json-values.js';
import type { JsonRpcError, Params } from '../reading/message.js';
import type { ServerRequests } from '../unasked/server-requests.js';

/** How often a server may ask for more before it answers one request. */
export const MAX_ROUNDS = 10;
/** What a server may ask for at once. */
const MAX_REQUESTS = 20;
/** What a server gives to be sent back. */
const MAX_STATE_CHARACTERS = 1_048_576;

/** JSON-RPC 2.0 section 5.1. */
const METHOD_NOT_FOUND = -32_601;
/** Where the host says how it answers. */
const HANDLERS: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
};

/** What goes with the request when it is sent again. */
export interface RoundAnswer {
  readonly inputResponses?: Readonly<Record<string, object>>;
  readonly requestState?: string;
}

/**
 * Gives a server what it asked for in its answer (MCP 2026-07-28 "Multi Round-Trip Requests").
 * @throws {ConnectionError} where it cannot be given
 */
export async function answerRound(
  { inputRequests, requestState }: Params,
  requests: ServerRequests,
  signal: StopSignal,
): Promise<RoundAnswer> {
  const state = stateIn(requestState);
  const asked = requestsIn(inputRequests);
  if (state === undefined && asked === undefined)
    throw unusable('it asks for more, but neither for what (inputRequests) nor with a requestState');
  return {
    ...(asked !== undefined && { inputResponses: await answerInputs(asked, requests, signal) }),
    ...(state !== undefined && { requestState: state }),
  };
}

/** Answers each of `inputRequests`. @throws {ConnectionError} where one cannot be answered */
export async function answerInputs(
  asked: readonly (readonly [key: string, request: unknown])[],
  requests: ServerRequests,
  signal: StopSignal,
): Promise<Readonly<Record<string, object>>> {
  const aborted = abortSignalOf(signal);
  const answers = await Promise.all(
    asked.map(async ([key, request]) => {
      if (!isRecord(request) || typeof request.method !== 'string')
        throw unusable(`inputRequests: expected requests, got ${excerptOf(request, 100)}`);
      const { method, params } = request;
      try {
        const answer = requests.answer(method, isRecord(params) ? params : {}, aborted);
        // A handler need not heed its signal.
        return [key, await abortable(answer, signal)] as const;
      } catch (error) {
        signal.throwIfAborted();
        throw notAnswered(method, error as JsonRpcError);
      }
    }),
  );
  return Object.fromEntries(answers);
}

/** `undefined`: none are asked for. */
export function requestsIn(given: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (given === undefined || given === null) return undefined;
  if (!isRecord(given)) throw unusable('inputRequests: expected an object of requests');
  const asked = Object.entries(given);
  if (asked.length > MAX_REQUESTS) throw unusable(`inputRequests: more than ${MAX_REQUESTS} at once`);
  return asked;
}

function stateIn(given: unknown): string | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== 'string') throw unusable('requestState: expected a string');
  if (given.length > MAX_STATE_CHARACTERS)
    throw unusable(`requestState: longer than ${MAX_STATE_CHARACTERS} characters`);
  return given;
}

export function tooManyRounds(): ConnectionError {
  return unusable(`it has asked for more ${MAX_ROUNDS} times, and is not answered any more`);
}

function notAnswered(method: string, { code, message }: JsonRpcError): ConnectionError {
  const name = method.slice(0, 100);
  const handler = HANDLERS[method];
  if (code !== METHOD_NOT_FOUND)
    return unusable(`it asks for ${name}, which could not be answered: ${message}`);
  const what =
    handler === undefined ? 'which is not known' : `for which there is no handler (handlers.${handler})`;
  return unusable(`it asks for ${name}, ${what}`);
}

function unusable(what: string): ConnectionError {
  const message = `The server does not finish the request: ${what}`;
  return new ConnectionError('PROTOCOL_ERROR', message, { delivery: 'answered' });
}
