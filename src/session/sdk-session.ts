import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  ErrorCode,
  type Implementation,
  McpError,
  type ServerCapabilities,
} from '@modelcontextprotocol/sdk/types.js';
import type { RequestMeta, RequestObservation } from '../calls/call-observer.js';
import { abortable } from '../core/abort.js';
import { ConnectionError, McpFleetError, RemoteError, TimeoutError } from '../core/errors.js';
import { Channel, RequestTrace } from './channel.js';
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
import { connectionLost } from './transports/connection-lost.js';
import type { JsonRpcTransport } from './transports/transport.js';

/** The deadline of a call is the caller's signal; the SDK's own timer must not come first. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;
/** Makes the SDK ask for progress; the channel passes it on. */
const REPORTED_BY_CHANNEL = () => {};
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
}

/** A session on `@modelcontextprotocol/sdk`: the handshake, the matching of answers, the schemas. */
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

  /** Connects and initializes. On failure nothing is left open. @throws {McpFleetError} or the signal's reason */
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
      await channel.close();
      signal.throwIfAborted();
      throw handshakeError(channel.handshake.failure ?? error, options.redact);
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
    { signal, onProgress, observation }: SessionRequestOptions,
  ): Promise<Result> {
    signal.throwIfAborted();
    if (this.#channel.ended !== undefined) throw connectionLost('The session has ended', 'not-sent');
    const trace = new RequestTrace({ signal, onProgress });
    const sent = observation === undefined ? params : withMeta(params, observation);
    try {
      return await this.#channel.onAccountOf(trace, () =>
        this.#client.request({ method, ...(sent !== undefined && { params: { ...sent } }) }, schema, {
          signal,
          timeout: NO_TIMEOUT_MS,
          ...(onProgress !== undefined && { onprogress: REPORTED_BY_CHANNEL }),
        }),
      );
    } catch (error) {
      throw requestError(error, trace, this.#redact);
    } finally {
      if (trace.id !== undefined)
        observation?.sent({ method, id: trace.id, sessionId: this.#channel.sessionId });
    }
  }
}

function withMeta(
  params: { _meta?: RequestMeta } | undefined,
  observation: RequestObservation,
): object | undefined {
  const meta = observation.meta(params?._meta);
  return meta === undefined ? params : { ...params, _meta: meta };
}

/** What the SDK threw for a request, in our terms. */
function requestError(error: unknown, trace: RequestTrace, redact: SdkSessionOptions['redact']): unknown {
  if (trace.signal?.aborted) return abortReason(trace.signal.reason, trace);
  if (trace.failure !== undefined) return trace.failure;
  if (error instanceof McpError) return remoteError(error, redact);
  if (error instanceof McpFleetError) return error;
  return new ConnectionError('PROTOCOL_ERROR', 'The result is not what the protocol says', {
    delivery: trace.delivery,
    cause: error,
  });
}

/** The caller's own reason as it is; our reasons (time is up, the client closes) with what is known of the request. */
function abortReason(reason: unknown, trace: RequestTrace): unknown {
  const details = { delivery: trace.delivery, cause: reason };
  if (reason instanceof TimeoutError) return new TimeoutError(reason.timeoutMs, reason.message, details);
  if (reason instanceof McpFleetError) return new McpFleetError(reason.code, reason.message, details);
  return reason;
}

function handshakeError(error: unknown, redact: SdkSessionOptions['redact']): McpFleetError {
  if (error instanceof ConnectionError && error.code === 'CONNECTION_LOST') {
    return new ConnectionError('CONNECT_FAILED', error.message, { retryable: error.retryable, cause: error });
  }
  if (error instanceof McpFleetError) return error;
  if (error instanceof McpError) return remoteError(error, redact);
  return new ConnectionError(
    'PROTOCOL_ERROR',
    'The server cannot be initialized: its answer is not what the protocol says, or of a revision unknown here',
    { cause: error },
  );
}

function remoteError(error: McpError, redact: SdkSessionOptions['redact']): RemoteError {
  // The server's own words: the SDK puts its own before them.
  const message = redact(error.message.replace(`MCP error ${error.code}: `, ''));
  // Without the SDK's error as its cause, which holds the server's words as they came.
  return new RemoteError(error.code, message.slice(0, ERROR_TEXT_CHARACTERS), error.data, {
    delivery: REJECTIONS.has(error.code) ? 'rejected' : 'answered',
  });
}
