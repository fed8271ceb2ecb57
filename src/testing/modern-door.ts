import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CacheHints } from './fake-server-options.js';
import { isNews, Listeners } from './listeners.js';
import { answerOf, complete, discovery, eventStream, notFound, refused } from './modern-answers.js';
import {
  envelopeOf,
  INVALID_PARAMS,
  METHOD_NOT_FOUND,
  type ModernMessage,
  type Params,
  refusalOf,
  withoutEnvelope,
} from './modern-request.js';
import { MISSING_CLIENT_CAPABILITY, type RunEvent, ServerRun } from './server-run.js';

/** Methods that are not there without sessions. */
const GONE: ReadonlySet<string> = new Set([
  ...['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'],
]);
/** Requests that may be answered with questions ("Multi Round-Trip Requests" of the specification). */
const MAY_ASK: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** The door of a fake server for clients of 2026-07-28: each request is a run of its own on a server made for it. */
export class ModernDoor {
  readonly #create: () => McpServer;
  readonly #hints: CacheHints;
  readonly #listeners = new Listeners();
  /** In the order in which they began. */
  #runs: ServerRun[] = [];
  /** Runs that wait for input, by the `requestState` that the client got for it. */
  readonly #waiting = new Map<unknown, ServerRun>();
  #wasUsed = false;

  constructor(create: () => McpServer, hints: CacheHints) {
    this.#create = create;
    this.#hints = hints;
  }

  /** Whether a client of this revision has come in. */
  get wasUsed(): boolean {
    return this.#wasUsed;
  }

  /** The server of the call that began last and is under way: what it asks travels in the answers to that call. */
  get serverOfCall(): McpServer['server'] | undefined {
    return this.#runs.filter(({ isOver, mayAsk }) => mayAsk && !isOver).at(-1)?.server.server;
  }

  /** @param signal aborts when the client does not wait any more */
  async handle(message: ModernMessage, headers: Headers, signal: AbortSignal): Promise<Response> {
    const refusal = refusalOf(message, headers);
    if (refusal !== undefined) return refused(message.id, refusal);
    this.#wasUsed = true;
    const { id, method } = message;
    if (GONE.has(method)) return notFound(id);
    const { requestState, inputResponses: _responses, ...params } = message.params ?? {};
    if (requestState !== undefined) {
      const waiting = this.#waiting.get(requestState);
      // Not taken for a new request: the tool would run again.
      if (waiting === undefined) return refused(id, UNKNOWN_STATE);
      this.#waiting.delete(requestState);
      waiting.goOn(message.params ?? {});
      return this.#respond(message, waiting, signal);
    }
    const run = this.#begin(message, headers);
    const described = await run.initialize();
    if (method === 'server/discover') return eventStream([answerOf(id, discovery(described, this.#hints))]);
    if (method === 'subscriptions/listen') return this.#listeners.open(id, params, described, signal);
    run.begin({ method, params: withoutEnvelope(params) });
    return this.#respond(message, run, signal, described.serverInfo);
  }

  /** To each client, as soon as it listens for that. */
  notify(method: string, params: Params = {}): void {
    if (this.#wasUsed) this.#listeners.tell(method, params);
  }

  /** Ends what is open. @param isGraceful whether those who listen are told so */
  close(isGraceful: boolean): void {
    this.#listeners.close(isGraceful);
    for (const run of this.#runs) run.cancel();
    this.#runs = [];
    this.#waiting.clear();
  }

  #begin({ method, params }: ModernMessage, headers: Headers): ServerRun {
    const run = new ServerRun(this.#create(), {
      ...envelopeOf(params),
      headers: Object.fromEntries(headers),
      mayAsk: MAY_ASK.has(method),
      // It goes to those who listen, whoever causes it.
      isElsewhere: isNews,
      elsewhere: (news) => this.#listeners.tell(news.method, news.params ?? {}),
    });
    this.#runs = [...this.#runs.filter(({ isOver }) => !isOver), run];
    return run;
  }

  async #respond(
    message: ModernMessage,
    run: ServerRun,
    signal: AbortSignal,
    serverInfo?: unknown,
  ): Promise<Response> {
    const cancelled = () => run.cancel();
    signal.addEventListener('abort', cancelled, { once: true });
    const first = await run.next();
    const error = first.kind === 'answered' ? first.answer.error : undefined;
    if (error?.code === METHOD_NOT_FOUND) return notFound(message.id);
    if (error?.code === MISSING_CLIENT_CAPABILITY) return refused(message.id, error);
    return eventStream(this.#said(message, run, first, serverInfo), () =>
      signal.removeEventListener('abort', cancelled),
    );
  }

  async *#said(
    { id, method }: ModernMessage,
    run: ServerRun,
    first: RunEvent,
    serverInfo: unknown,
  ): AsyncGenerator<object> {
    for (let event = first; event.kind !== 'ended'; event = await run.next()) {
      if (event.kind === 'said') {
        yield event.message;
        continue;
      }
      if (event.kind === 'asked') {
        const requestState = crypto.randomUUID();
        this.#waiting.set(requestState, run);
        yield answerOf(id, { resultType: 'input_required', inputRequests: event.questions, requestState });
        return;
      }
      const { result, error } = event.answer;
      if (error !== undefined) yield { jsonrpc: '2.0', id, error };
      else yield answerOf(id, complete(method, result ?? {}, { hints: this.#hints, serverInfo }));
      return;
    }
  }
}

const UNKNOWN_STATE = { code: INVALID_PARAMS, message: 'Invalid params: requestState is not known here' };
