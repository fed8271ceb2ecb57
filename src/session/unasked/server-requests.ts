import type {
  ClientCapabilities,
  CreateMessageRequest,
  ElicitRequest,
  ElicitResult,
} from '@modelcontextprotocol/sdk/types.js';
import { asFleetError, McpFleetError } from '../../core/errors.js';
import type { Identity } from '../../core/identity.js';
import { Rate } from '../../core/rate.js';
import { isRecord } from '../reading/json-values.js';
import type { JsonRpcError, Params } from '../reading/message.js';
import type { HandlerContext, SamplingHandler, ServerRequestHandlers, SessionObserver } from '../session.js';
import { withDefaults } from './elicitation-defaults.js';

/** Requests of one server that handlers work on at the same time. */
const MAX_PARALLEL = 20;
/** People and models answer: a server may ask so often at once, and so often a second on average. */
const MAX_BURST = 60;
const MAX_PER_SECOND = 1;

/** Of a name that a server made up. */
const MAX_METHOD_CHARACTERS = 100;

/** JSON-RPC 2.0 section 5.1. */
const METHOD_NOT_FOUND = -32_601;
const INVALID_PARAMS = -32_602;
const INTERNAL_ERROR = -32_603;

/** Only what there is a handler for is offered to the server. */
export function capabilitiesOf({ elicitation, sampling, roots }: ServerRequestHandlers): ClientCapabilities {
  return {
    ...(elicitation && { elicitation: { form: { applyDefaults: true }, url: {} } }),
    ...(sampling && { sampling: samplingCapability(sampling) }),
    ...(roots && { roots: {} }),
  };
}

function samplingCapability(sampling: NonNullable<ServerRequestHandlers['sampling']>): object {
  if (typeof sampling === 'function') return {};
  return { ...(sampling.tools && { tools: {} }), ...(sampling.context && { context: {} }) };
}

export interface ServerRequestsOptions {
  server: string;
  /** On whose behalf, where the session is one identity's. */
  identity?: (() => Identity) | undefined;
  handlers: ServerRequestHandlers;
  observer: Pick<SessionObserver, 'error'>;
}

/** Answers what one server asks: pings, and what there are handlers for. */
export class ServerRequests {
  readonly #options: ServerRequestsOptions;
  #rate: Rate | undefined;
  #underWay = 0;

  constructor(options: ServerRequestsOptions) {
    this.#options = options;
  }

  /** Rejects with what the server is to be told. */
  async answer(method: string, params: Params, signal: AbortSignal): Promise<object> {
    const { elicitation, sampling, roots } = this.#options.handlers;
    if (method === 'ping') return {};
    if (method === 'elicitation/create' && elicitation !== undefined) {
      const request = { mode: 'form', message: '', ...params } as unknown as ElicitRequest['params'];
      return this.#isolated(signal, true, async (context) =>
        withDefaults(request, checkedElicitation(await elicitation(request, context))),
      );
    }
    if (method === 'sampling/createMessage' && sampling !== undefined) {
      if (!Array.isArray(params.messages)) throw invalid('messages: expected a list');
      const handle: SamplingHandler = typeof sampling === 'function' ? sampling : sampling.handle;
      const request = params as unknown as CreateMessageRequest['params'];
      return this.#isolated(signal, true, async (context) =>
        checkedObject('sampling', await handle(request, context)),
      );
    }
    if (method === 'roots/list' && roots !== undefined) {
      return this.#isolated(signal, false, async (context) => ({ roots: [...(await roots(context))] }));
    }
    // With its name, so that a copy of this on stdout is not taken for the server's own refusal.
    throw failure(METHOD_NOT_FOUND, `Method not found: ${method.slice(0, MAX_METHOD_CHARACTERS)}`);
  }

  /** A handler's own error is the host's business: the server learns only that there is no answer. */
  async #isolated<Result extends object>(
    signal: AbortSignal,
    isMetered: boolean,
    handle: (context: HandlerContext) => Promise<Result>,
  ): Promise<Result> {
    const { server, observer, identity } = this.#options;
    if (this.#underWay >= MAX_PARALLEL) throw failure(INTERNAL_ERROR, 'Too many requests at the same time');
    this.#rate ??= new Rate(MAX_BURST, MAX_PER_SECOND);
    if (isMetered && !this.#rate.take()) throw failure(INTERNAL_ERROR, 'Too many requests; ask again later');
    this.#underWay++;
    try {
      return await handle({ server, signal, ...(identity !== undefined && { identity: identity() }) });
    } catch (error) {
      if (!signal.aborted) observer.error(asFleetError(error));
      throw failure(INTERNAL_ERROR, 'The client could not answer this request');
    } finally {
      this.#underWay--;
    }
  }
}

function checkedElicitation(result: ElicitResult): ElicitResult {
  const { action } = checkedObject('elicitation', result);
  if (action === 'accept' || action === 'decline' || action === 'cancel') return result;
  throw unusable('elicitation', 'an action: accept, decline or cancel');
}

function checkedObject<Result extends object>(handler: string, result: Result): Result {
  if (isRecord(result)) return result;
  throw unusable(handler, 'an object');
}

function unusable(handler: string, expected: string): McpFleetError {
  return new McpFleetError('INVALID_CONFIG', `handlers.${handler} answered without ${expected}`);
}

function invalid(message: string): JsonRpcError {
  return failure(INVALID_PARAMS, `Invalid params: ${message}`);
}

function failure(code: number, message: string): JsonRpcError {
  return { code, message };
}
