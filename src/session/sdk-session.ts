import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  ErrorCode,
  type Implementation,
  McpError,
  type ServerCapabilities,
} from '@modelcontextprotocol/sdk/types.js';
import type { RequestMeta, RequestObservation } from '../calls/call-observer.js';
import { abortable } from '../core/abort.js';
import { ConnectionError, McpFleetError, RemoteError } from '../core/errors.js';
import { withoutText } from '../core/foreign-error.js';
import { Channel } from './channel.js';
import type { JsonRpcError } from './pending-request.js';
import { listRequests, pageOf, RESULT_SCHEMAS, type ResultSchema } from './schemas.js';
import { answerServerRequests, capabilitiesOf, forwardNotifications } from './server-requests.js';
import type {
  ListEntries,
  ListKind,
  ListPage,
  ServerRequestHandlers,
  Session,
  SessionObserver,
  SessionRequestOptions,
  SessionRequests,
} from './session.js';
import type { JsonRpcTransport } from './transports/transport.js';

/** The signal is the deadline of the handshake; the SDK's own timer must not come first. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;
const ERROR_TEXT_CHARACTERS = 500;

/** JSON-RPC errors that a server gives before it runs anything (JSON-RPC 2.0 section 5.1). */
const REJECTIONS: ReadonlySet<number> = new Set([
  ErrorCode.ParseError,
  ErrorCode.InvalidRequest,
  ErrorCode.MethodNotFound,
  ErrorCode.InvalidParams,
]);

export interface SdkSessionOptions {
  server: string;
  clientInfo: Implementation;
  handlers: ServerRequestHandlers;
  observer: SessionObserver;
  /** Strips known secrets from what a server says. */
  redact: (text: string) => string;
  /** Ends the connecting. */
  signal: AbortSignal;
  /** Gets what is still to be ended of an attempt that failed: nobody who waited for the session waits for it. */
  onEnding: (ending: Promise<void>) => void;
}

/** A session on `@modelcontextprotocol/sdk`: its handshake, its schemas, its answers to what the server asks. */
export class SdkSession implements Session {
  readonly transport: Session['transport'];
  readonly #client: Client;
  readonly #channel: Channel;
  readonly #redact: SdkSessionOptions['redact'];

  private constructor(
    transport: Session['transport'],
    client: Client,
    channel: Channel,
    redact: SdkSessionOptions['redact'],
  ) {
    this.transport = transport;
    this.#redact = redact;
    this.#client = client;
    this.#channel = channel;
  }

  /** Connects and initializes. @throws {McpFleetError} or the signal's reason */
  static async open(transport: JsonRpcTransport, options: SdkSessionOptions): Promise<SdkSession> {
    const { observer, signal } = options;
    let open = false;
    const channel = new Channel(transport, {
      signal,
      onError: (error) => observer.error(error),
      onClosed: (reason) => open && observer.closed(reason),
    });
    const client = new Client(options.clientInfo, { capabilities: capabilitiesOf(options.handlers) });
    answerServerRequests(client, options);
    forwardNotifications(client, observer);

    try {
      await abortable(client.connect(channel, { timeout: NO_TIMEOUT_MS }), signal);
      if (channel.ended !== undefined) throw channel.ended;
      open = true;
      return new SdkSession(transport.kind, client, channel, options.redact);
    } catch (error) {
      options.onEnding(channel.close());
      signal.throwIfAborted();
      throw handshakeError(channel.handshakeFailure ?? error, options.redact);
    }
  }

  get protocolVersion(): string | undefined {
    return this.#channel.protocolVersion;
  }

  get capabilities(): ServerCapabilities | undefined {
    return this.#client.getServerCapabilities();
  }

  get serverInfo(): Implementation | undefined {
    return this.#client.getServerVersion();
  }

  get instructions(): string | undefined {
    return this.#client.getInstructions();
  }

  request<Method extends keyof SessionRequests>(
    method: Method,
    params: SessionRequests[Method]['params'],
    options: SessionRequestOptions,
  ): Promise<SessionRequests[Method]['result']> {
    return this.#request(method, params, RESULT_SCHEMAS[method], options);
  }

  async list<Kind extends ListKind>(
    kind: Kind,
    cursor: string | undefined,
    options: SessionRequestOptions,
  ): Promise<ListPage<ListEntries[Kind]>> {
    const { method, schema } = listRequests[kind];
    const page = await this.#request(method, cursor === undefined ? undefined : { cursor }, schema, options);
    return pageOf(kind, page);
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  async #request<Result>(
    method: string,
    params: object | undefined,
    schema: ResultSchema<Result>,
    options: SessionRequestOptions,
  ): Promise<Result> {
    const { observation } = options;
    const sent = observation === undefined ? params : withMeta(params, observation);
    const answer = await this.#channel.request(method, sent as Record<string, unknown> | undefined, options);
    if (answer.error !== undefined) throw remoteError(answer.error, this.#redact);
    const result = schema.safeParse(answer.result);
    if (result.success) return result.data;
    throw new ConnectionError('PROTOCOL_ERROR', 'The result is not what the protocol says', {
      delivery: 'unknown',
      cause: withoutText(result.error),
    });
  }
}

function withMeta(
  params: { _meta?: RequestMeta } | undefined,
  observation: RequestObservation,
): object | undefined {
  const meta = observation.meta(params?._meta);
  return meta === undefined ? params : { ...params, _meta: meta };
}

function handshakeError(error: unknown, redact: SdkSessionOptions['redact']): McpFleetError {
  if (error instanceof ConnectionError && error.code === 'CONNECTION_LOST') {
    return new ConnectionError('CONNECT_FAILED', error.message, { retryable: error.retryable, cause: error });
  }
  if (error instanceof McpFleetError) return error;
  if (error instanceof McpError) {
    // The server's own words: the SDK puts its own before them.
    const message = error.message.replace(`MCP error ${error.code}: `, '');
    return remoteError({ code: error.code, message, data: error.data }, redact);
  }
  return new ConnectionError(
    'PROTOCOL_ERROR',
    'The server cannot be initialized: its answer is not what the protocol says, or of a revision unknown here',
    // The SDK quotes what the server said.
    { cause: withoutText(error) },
  );
}

function remoteError(
  { code, message, data }: JsonRpcError,
  redact: SdkSessionOptions['redact'],
): RemoteError {
  return new RemoteError(code, redact(message).slice(0, ERROR_TEXT_CHARACTERS), redacted(data, redact), {
    delivery: REJECTIONS.has(code) ? 'rejected' : 'answered',
  });
}

/** A JSON value with every text in it redacted. */
function redacted(value: unknown, redact: SdkSessionOptions['redact']): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((member) => redacted(member, redact));
  const members = Object.entries(value).map(([name, member]) => [redact(name), redacted(member, redact)]);
  return Object.fromEntries(members);
}
