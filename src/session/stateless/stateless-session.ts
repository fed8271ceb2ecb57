import type {
  Implementation,
  LoggingLevel,
  ServerCapabilities,
  Tool,
} from '@modelcontextprotocol/sdk/types.js';
import { ConnectionError, type McpFleetError, RemoteError } from '../../core/errors.js';
import type { TextExit } from '../../core/text-exit.js';
import { onceBegun } from '../abort-reason.js';
import type { Channel } from '../channel.js';
import type { SessionOptions } from '../opening.js';
import { readPage } from '../reading/entries.js';
import { excerptOf, isRecord } from '../reading/json-values.js';
import type { Params } from '../reading/message.js';
import { RESULT_READERS } from '../reading/results.js';
import { resultOf } from '../result-of.js';
import { HEADER_MISMATCH, noCommonRevision, STATELESS_REVISIONS } from '../revisions.js';
import {
  LIST_METHODS,
  type ListEntries,
  type ListKind,
  type ListPage,
  type Session,
  type SessionRequestOptions,
  type SessionRequests,
} from '../session.js';
import { awaitTask, isTask } from '../tasks.js';
import type { ServerRequests } from '../unasked/server-requests.js';
import { type Discovery, readDiscovery } from './discovery.js';
import { Envelope } from './envelope.js';
import { HeaderFields } from './header-fields.js';
import { answerInputs, answerRound, MAX_ROUNDS, requestsIn, tooManyRounds } from './input-rounds.js';
import { Listening } from './listening.js';

/** Pages of the list in which the headers of one tool are looked for again. */
const MAX_PAGES = 100;

export interface StatelessOptions extends SessionOptions {
  requests: ServerRequests;
}

type Request = Params & { readonly _meta?: object };

/**
 * A session of revision 2026-07-28 and later, which the server knows nothing of: each request says all that it needs
 * (`_meta`), and what a server wants to know it asks in its answer.
 */
export class StatelessSession implements Session {
  readonly transport: Session['transport'];
  readonly protocolVersion: string;
  readonly capabilities: ServerCapabilities | undefined;
  readonly serverInfo: Implementation | undefined;
  readonly instructions: string | undefined;
  readonly #channel: Channel;
  readonly #exit: TextExit;
  readonly #requests: ServerRequests;
  readonly #observer: SessionOptions['observer'];
  readonly #envelope: Envelope;
  /** Over HTTP. */
  readonly #fields: HeaderFields | undefined;
  #listening: Listening | undefined;

  private constructor(
    channel: Channel,
    transport: Session['transport'],
    options: StatelessOptions,
    { revision, envelope, discovery }: { revision: string; envelope: Envelope; discovery: Discovery },
  ) {
    this.#channel = channel;
    this.#exit = options.exit;
    this.#requests = options.requests;
    this.#observer = options.observer;
    this.#envelope = envelope;
    this.#fields = transport === 'http' ? new HeaderFields() : undefined;
    this.transport = transport;
    this.protocolVersion = revision;
    this.capabilities = discovery.capabilities;
    this.serverInfo = discovery.serverInfo;
    this.instructions = discovery.instructions;
  }

  /** Asks the server who it is. @throws {McpFleetError} or the signal's reason */
  static async begin(
    channel: Channel,
    transport: Session['transport'],
    options: StatelessOptions,
  ): Promise<StatelessSession> {
    const { clientInfo, handlers, signal, exit } = options;
    const [revision = ''] = STATELESS_REVISIONS;
    const envelope = new Envelope(revision, clientInfo, handlers);
    channel.setProtocolVersion(revision);
    const params = { _meta: envelope.around(undefined) };
    const answer = await channel.request('server/discover', params, { signal });
    const result = resultOf(answer, exit);
    const discovery = readDiscovery(result);
    if (discovery === undefined) {
      const what = 'The answer to server/discover is none of an MCP server';
      const words = exit.words(excerptOf(result));
      throw new ConnectionError('PROTOCOL_ERROR', `${what}: ${words}`, { delivery: 'answered' });
    }
    const { supportedVersions } = discovery;
    if (supportedVersions.length > 0 && !supportedVersions.includes(revision))
      throw noCommonRevision(supportedVersions, STATELESS_REVISIONS);
    return new StatelessSession(channel, transport, options, { revision, envelope, discovery });
  }

  async request<Method extends keyof SessionRequests>(
    method: Method,
    params: SessionRequests[Method]['params'],
    options: SessionRequestOptions,
  ): Promise<SessionRequests[Method]['result']> {
    const result = await this.#answer(method, (params ?? {}) as Request, options);
    return RESULT_READERS[method](result, params);
  }

  async list<Kind extends ListKind>(
    kind: Kind,
    cursor: string | undefined,
    options: SessionRequestOptions,
  ): Promise<ListPage<ListEntries[Kind]>> {
    const result = await this.#complete(LIST_METHODS[kind], cursor === undefined ? {} : { cursor }, options);
    const page = readPage(kind, result);
    const list = kind === 'resourceTemplates' ? 'resources' : kind;
    if (this.capabilities?.[list as 'tools']?.listChanged === true) this.#listeningNow.want(list as 'tools');
    const usable = kind === 'tools' ? (this.#fields?.read(page as ListPage<Tool>) ?? page) : page;
    // What is told when it changes need not be asked for again and again.
    const isTold = this.#listening?.hears(list as 'tools') === true;
    return (isTold && usable.ttlMs === 0 ? { ...usable, ttlMs: undefined } : usable) as ListPage<
      ListEntries[Kind]
    >;
  }

  /** Whether a notification is nothing to tell: the acknowledgement of a stream, or what another stream brings, too. */
  concerns(method: string, params: Params): boolean {
    const listening = this.#listening;
    if (listening === undefined) return false;
    if (listening.acknowledged(method, params)) return true;
    // Over HTTP a stream has a connection of its own, which is closed: what is late there is not in order.
    return this.transport !== 'http' && listening.isRepeated(params);
  }

  async close(reason?: McpFleetError): Promise<void> {
    this.#listening?.close(reason);
    await this.#channel.close(reason);
  }

  // ── Requests ────────────────────────────────────────────────────────────────

  async #answer(
    method: keyof SessionRequests,
    params: Request,
    options: SessionRequestOptions,
  ): Promise<unknown> {
    switch (method) {
      case 'ping':
        await this.#complete('server/discover', {}, options);
        return {};
      case 'logging/setLevel':
        this.#envelope.logLevel = params.level as LoggingLevel;
        return {};
      case 'resources/subscribe':
        return this.#listeningNow.subscribe(String(params.uri), options.signal);
      case 'resources/unsubscribe':
        return this.#listening?.unsubscribe(String(params.uri), options.signal);
      case 'tools/call':
        return this.#toolCall(params, options);
      case 'resources/read':
      case 'prompts/get':
        return this.#rounds(method, params, options);
      default:
        return this.#complete(method, params, options);
    }
  }

  async #toolCall(params: Request, options: SessionRequestOptions): Promise<unknown> {
    try {
      return await this.#rounds('tools/call', params, options);
    } catch (error) {
      // "Server Validation": it has not run, and the list that the headers came from is out of date.
      if (!(error instanceof RemoteError) || error.rpcCode !== HEADER_MISMATCH || this.transport !== 'http')
        throw error;
      await this.#readAgain(String(params.name), options);
      return this.#rounds('tools/call', params, options);
    }
  }

  /** One request, however often the server asks for more before it answers. */
  async #rounds(method: string, params: Request, options: SessionRequestOptions): Promise<unknown> {
    const { signal } = options;
    let asked: Request = params;
    for (let round = 0; ; round++) {
      const sending = this.#send(method, asked, options);
      const result = await (round === 0 ? sending : onceBegun(sending, signal));
      switch (typeOf(result)) {
        case 'complete':
          // "Cache Key": what was given beside what was asked for is part of it.
          return round > 0 && method === 'resources/read'
            ? { ...(withoutType(result) as object), ttlMs: 0 }
            : withoutType(result);
        case 'input_required': {
          if (round === MAX_ROUNDS) throw tooManyRounds();
          const answering = answerRound(result as Params, this.#requests, signal);
          asked = { ...params, ...(await onceBegun(answering, signal)) };
          break;
        }
        case 'task':
          if (method === 'tools/call' && isTask(result)) return this.#task(result, options);
          throw unknownType(result);
        default:
          throw unknownType(result);
      }
    }
  }

  #task(created: Params, { signal, onProgress }: SessionRequestOptions): Promise<unknown> {
    const taskId = String(created.taskId);
    const answers = new Map<string, object>();
    const given = new Set<string>();
    const send = (method: string, params: Params, bounded: Pick<SessionRequestOptions, 'signal'>) =>
      this.#complete(method, params, bounded);
    return awaitTask(created, {
      signal,
      onProgress,
      exit: this.#exit,
      get: (bounded) => send('tasks/get', { taskId }, bounded),
      cancel: (bounded) => send('tasks/cancel', { taskId }, bounded),
      result: async (task) => task.result,
      failsWithResult: false,
      answer: async (task, bounded) => {
        const open = (requestsIn(task.inputRequests) ?? []).filter(([key]) => !given.has(key));
        if (open.length === 0) return;
        // An answer that could not be delivered is not asked for again.
        const unknown = open.filter(([key]) => !answers.has(key));
        const told = await answerInputs(unknown, this.#requests, bounded.signal);
        for (const [key, answer] of Object.entries(told)) answers.set(key, answer);
        const inputResponses = Object.fromEntries(open.map(([key]) => [key, answers.get(key)]));
        await send('tasks/update', { taskId, inputResponses }, bounded);
        for (const [key] of open) given.add(key);
      },
    });
  }

  /** A request whose answer is the last word. */
  async #complete(method: string, params: Request, options: SessionRequestOptions): Promise<unknown> {
    const result = await this.#send(method, params, options);
    if (typeOf(result) !== 'complete') throw unknownType(result);
    return withoutType(result);
  }

  async #send(method: string, params: Request, options: SessionRequestOptions): Promise<unknown> {
    const { observation } = options;
    const given = observation === undefined ? params._meta : observation.meta(params._meta as Params);
    const sent = { ...params, _meta: this.#envelope.around(given) };
    const headers = this.#fields?.of(method, params);
    const answer = await this.#channel.request(method, sent, { ...options, headers });
    return resultOf(answer, this.#exit, { channel: this.#channel, revision: this.protocolVersion });
  }

  /** Reads the list of tools until the one is there. */
  async #readAgain(name: string, options: SessionRequestOptions): Promise<void> {
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { entries, nextCursor } = await this.list('tools', cursor, options);
      cursor = nextCursor;
      if (cursor === undefined || entries.some((tool) => tool.name === name)) return;
    }
  }

  get #listeningNow(): Listening {
    this.#listening ??= new Listening({
      observer: this.#observer,
      listen: (notifications, options) => {
        const params = { notifications, _meta: this.#envelope.around(undefined) };
        return this.#channel.request('subscriptions/listen', params, options);
      },
    });
    return this.#listening;
  }
}

/** "ResultType": absent means that the result is there. */
function typeOf(result: unknown): unknown {
  return (isRecord(result) ? result.resultType : undefined) ?? 'complete';
}

/** What it is called is the business of the protocol: callers get the result that older servers give. */
function withoutType(result: unknown): unknown {
  if (!isRecord(result) || !('resultType' in result)) return result;
  const { resultType: _type, ...rest } = result;
  return rest;
}

function unknownType(result: unknown): ConnectionError {
  const type = excerptOf(typeOf(result), 100);
  const what = `The server answers with a result of a type that is not known here (resultType ${type})`;
  return new ConnectionError('PROTOCOL_ERROR', what, { delivery: 'answered' });
}
