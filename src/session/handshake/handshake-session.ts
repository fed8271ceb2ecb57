import type { Implementation, ServerCapabilities } from '@modelcontextprotocol/sdk/types.js';
import type { RequestMeta, RequestObservation } from '../../calls/call-observer.js';
import { abortable } from '../../core/abort.js';
import { ConnectionError, describeThrown, McpFleetError, RemoteError } from '../../core/errors.js';
import { withoutText } from '../../core/foreign-error.js';
import { Rate } from '../../core/rate.js';
import type { TextExit } from '../../core/text-exit.js';
import { Channel } from '../channel.js';
import { readPage } from '../reading/entries.js';
import { type Initialization, readInitialization } from '../reading/initialization.js';
import { excerptOf } from '../reading/json-values.js';
import type { Answer, Params } from '../reading/message.js';
import { RESULT_READERS } from '../reading/results.js';
import { readLogMessage, readUpdatedUri } from '../reading/server-messages.js';
import type {
  ListEntries,
  ListKind,
  ListPage,
  ServerRequestHandlers,
  Session,
  SessionObserver,
  SessionRequestOptions,
  SessionRequests,
} from '../session.js';
import type { JsonRpcTransport } from '../transports/transport.js';
import { capabilitiesOf, ServerRequests } from '../unasked/server-requests.js';

/** The revisions that are spoken here, the preferred one first. */
const PROTOCOL_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07'] as const;

const LIST_METHODS = {
  tools: 'tools/list',
  resources: 'resources/list',
  resourceTemplates: 'resources/templates/list',
  prompts: 'prompts/list',
} as const satisfies Record<ListKind, string>;

const LISTS_THAT_CHANGE = {
  'notifications/tools/list_changed': 'tools',
  'notifications/resources/list_changed': 'resources',
  'notifications/prompts/list_changed': 'prompts',
} as const;

/** Log messages and updates that a server may send at once, and a second. */
const MAX_BURST = 1_000;
const MAX_PER_SECOND = 200;

export interface HandshakeOptions {
  server: string;
  clientInfo: Implementation;
  handlers: ServerRequestHandlers;
  observer: SessionObserver;
  exit: TextExit;
  maxResponseBytes: number;
  /** Ends the connecting. */
  signal: AbortSignal;
  /** Gets what is still to be ended of an attempt that failed: nobody who waited for the session waits for it. */
  onEnding: (ending: Promise<void>) => void;
}

/** A session of the revisions before 2026-07-28: it begins with `initialize` and lives as long as its connection. */
export class HandshakeSession implements Session {
  readonly transport: Session['transport'];
  readonly protocolVersion: string | undefined;
  readonly capabilities: ServerCapabilities | undefined;
  readonly serverInfo: Implementation | undefined;
  readonly instructions: string | undefined;
  readonly #channel: Channel;
  readonly #resultOf: (answer: Answer) => unknown;

  private constructor(
    transport: Session['transport'],
    channel: Channel,
    exit: TextExit,
    initialization: Initialization | undefined,
  ) {
    this.transport = transport;
    this.#channel = channel;
    this.#resultOf = (answer) => resultOf(answer, exit);
    this.protocolVersion = initialization?.protocolVersion;
    this.capabilities = initialization?.capabilities;
    this.serverInfo = initialization?.serverInfo;
    this.instructions = initialization?.instructions;
  }

  /** Connects and initializes. @throws {McpFleetError} or the signal's reason */
  static async open(transport: JsonRpcTransport, options: HandshakeOptions): Promise<HandshakeSession> {
    const { observer, signal } = options;
    const requests = new ServerRequests(options);
    const notifications = new Notifications(observer);
    let open = false;
    const channel = new Channel(transport, {
      signal,
      exit: options.exit,
      maxBytes: options.maxResponseBytes,
      onError: (error) => observer.error(error),
      onClosed: (reason) => open && observer.closed(reason),
      onRequest: (method, params, aborted) => requests.answer(method, params, aborted),
      onNotification: (method, params) => notifications.received(method, params),
    });
    try {
      await abortable(channel.start(), signal);
      const taken = channel.sessionId !== undefined;
      const initialization = taken ? undefined : await initialize(channel, options);
      if (channel.ended !== undefined) throw channel.ended;
      open = true;
      return new HandshakeSession(transport.kind, channel, options.exit, initialization);
    } catch (error) {
      options.onEnding(channel.close());
      signal.throwIfAborted();
      throw handshakeError(error);
    }
  }

  async request<Method extends keyof SessionRequests>(
    method: Method,
    params: SessionRequests[Method]['params'],
    options: SessionRequestOptions,
  ): Promise<SessionRequests[Method]['result']> {
    const result = await this.#request(method, params, options);
    return RESULT_READERS[method](result, params);
  }

  async list<Kind extends ListKind>(
    kind: Kind,
    cursor: string | undefined,
    options: SessionRequestOptions,
  ): Promise<ListPage<ListEntries[Kind]>> {
    const params = cursor === undefined ? undefined : { cursor };
    return readPage(kind, await this.#request(LIST_METHODS[kind], params, options));
  }

  close(reason?: McpFleetError): Promise<void> {
    return this.#channel.close(reason);
  }

  async #request(
    method: string,
    params: object | undefined,
    options: SessionRequestOptions,
  ): Promise<unknown> {
    const { observation } = options;
    const sent = observation === undefined ? params : withMeta(params, observation);
    return this.#resultOf(await this.#channel.request(method, sent as Params | undefined, options));
  }
}

async function initialize(channel: Channel, options: HandshakeOptions): Promise<Initialization> {
  const { clientInfo, handlers, signal } = options;
  const [protocolVersion] = PROTOCOL_VERSIONS;
  const params = { protocolVersion, capabilities: capabilitiesOf(handlers), clientInfo };
  const result = resultOf(await channel.request('initialize', params, { signal }), options.exit);
  const initialization = readInitialization(result);
  if (initialization === undefined) {
    const what = 'The answer to initialize is none of an MCP server';
    throw new ConnectionError('PROTOCOL_ERROR', `${what}: ${options.exit.words(excerptOf(result))}`);
  }
  const { protocolVersion: spoken } = initialization;
  if (spoken !== undefined) {
    if (!(PROTOCOL_VERSIONS as readonly string[]).includes(spoken)) throw unknownRevision(spoken);
    channel.setProtocolVersion(spoken);
  }
  await channel.notify('notifications/initialized');
  return initialization;
}

/** What a server tells by itself, and how much of it is heard. */
class Notifications {
  readonly #observer: SessionObserver;
  readonly #rate = new Rate(MAX_BURST, MAX_PER_SECOND);
  #dropped = false;

  constructor(observer: SessionObserver) {
    this.#observer = observer;
  }

  received(method: string, params: Params): void {
    const changed = LISTS_THAT_CHANGE[method as keyof typeof LISTS_THAT_CHANGE];
    if (changed !== undefined) this.#observer.listChanged(changed);
    else if (method === 'notifications/message')
      this.#metered(() => this.#observer.log(readLogMessage(params)));
    else if (method === 'notifications/resources/updated') this.#metered(() => this.#updated(params));
  }

  #updated(params: Params): void {
    const uri = readUpdatedUri(params);
    if (uri !== undefined) this.#observer.resourceUpdated(uri);
  }

  #metered(tell: () => void): void {
    if (this.#rate.take()) tell();
    else this.#drop();
  }

  #drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    const what = `The server sends more than ${MAX_PER_SECOND} log messages and updates a second`;
    this.#observer.error(new ConnectionError('PROTOCOL_ERROR', `${what}; some are dropped`));
  }
}

function withMeta(
  params: { _meta?: RequestMeta } | undefined,
  observation: RequestObservation,
): object | undefined {
  const meta = observation.meta(params?._meta);
  return meta === undefined ? params : { ...params, _meta: meta };
}

/**
 * No code says that nothing ran: servers give -32602 for a result of a tool that is wrong, and pass on the codes of what
 * their tools call.
 * @throws {RemoteError}
 */
function resultOf({ error, result }: Answer, exit: TextExit): unknown {
  if (error === undefined) return result;
  const { code, message, data, httpStatus } = error;
  throw new RemoteError(code, exit.words(message), data, { httpStatus });
}

function handshakeError(error: unknown): McpFleetError {
  if (error instanceof ConnectionError && error.code === 'CONNECTION_LOST') {
    const { message, retryable, httpStatus } = error;
    return new ConnectionError('CONNECT_FAILED', message, { retryable, httpStatus, cause: error });
  }
  if (error instanceof McpFleetError) return error;
  const what = `Connecting failed unexpectedly (${describeThrown(error)})`;
  return new ConnectionError('CONNECT_FAILED', what, { cause: withoutText(error) });
}

function unknownRevision(spoken: string): ConnectionError {
  const known = PROTOCOL_VERSIONS.join(', ');
  return new ConnectionError(
    'PROTOCOL_ERROR',
    `The server speaks revision ${spoken.slice(0, 100)} of MCP; this client speaks ${known}`,
  );
}
