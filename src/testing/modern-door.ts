import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { RequestId } from '@modelcontextprotocol/sdk/types.js';
import { isRecord } from '../session/reading/json-values.js';
import { connectionReset } from './connection-failures.js';
import { Listeners } from './listeners.js';
import type { RunContext, RunEvent } from './server-run.js';
import { ServerRun } from './server-run.js';

const REVISION = '2026-07-28';
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';
const CLIENT_INFO_KEY = 'io.modelcontextprotocol/clientInfo';
const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';
const LOG_LEVEL_KEY = 'io.modelcontextprotocol/logLevel';
const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo';

const METHOD_NOT_FOUND = -32_601;
const INVALID_PARAMS = -32_602;
const HEADER_MISMATCH = -32_020;
const UNSUPPORTED_PROTOCOL_VERSION = -32_022;

/** Methods that are not there without sessions. */
const GONE: ReadonlySet<string> = new Set([
  ...['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'],
]);
/** Results that say how long they hold. */
const CACHEABLE: ReadonlySet<string> = new Set([
  ...['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read'],
]);
/** Where the subject of a request stands that goes into a header field, too. */
const SUBJECT: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

type Params = Readonly<Record<string, unknown>>;

export interface ModernMessage {
  readonly id: RequestId;
  readonly method: string;
  readonly params?: Params;
}

/** The door of a fake server for clients of 2026-07-28: each request is a run of its own on a server made for it. */
export class ModernDoor {
  readonly #create: () => McpServer;
  readonly #listeners = new Listeners();
  /** Runs that wait for input, by the `requestState` that the client got for it. */
  readonly #waiting = new Map<string, ServerRun>();
  #wasUsed = false;

  constructor(create: () => McpServer) {
    this.#create = create;
  }

  /** Whether a client of this revision has come in. */
  get wasUsed(): boolean {
    return this.#wasUsed;
  }

  async handle(message: ModernMessage, headers: Headers, signal: AbortSignal): Promise<Response> {
    const fault = faultOf(message, headers);
    if (fault !== undefined) return refusal(message.id, fault);
    this.#wasUsed = true;
    const { id, method } = message;
    if (GONE.has(method)) return notFound(id);
    const { requestState, inputResponses, ...params } = message.params ?? {};
    const waiting = this.#waiting.get(String(requestState));
    if (waiting !== undefined) {
      this.#waiting.delete(String(requestState));
      waiting.answer(inputResponses as Params);
      return this.#respond(message, waiting, signal);
    }
    const run = new ServerRun(this.#create(), contextOf(message.params, headers));
    const described = await run.initialize();
    if (method === 'server/discover') return events([answerOf(id, discovery(described))]);
    if (method === 'subscriptions/listen') return this.#listeners.open(id, params, described, signal);
    run.begin({ method, params: withoutEnvelope(params) });
    return this.#respond(message, run, signal, described.serverInfo);
  }

  /** To each client, as soon as it listens for that. */
  notify(method: string, params: Params = {}): void {
    if (this.#wasUsed) this.#listeners.tell(method, params);
  }

  close(): void {
    this.#listeners.close(connectionReset());
    for (const run of this.#waiting.values()) run.cancel();
    this.#waiting.clear();
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
    if (first.kind === 'answered' && first.answer.error?.code === METHOD_NOT_FOUND)
      return notFound(message.id);
    return events(this.#said(message, run, first, serverInfo), () =>
      signal.removeEventListener('abort', cancelled),
    );
  }

  async *#said(
    { id, method }: ModernMessage,
    run: ServerRun,
    first: RunEvent,
    serverInfo: unknown,
  ): AsyncGenerator<object> {
    for (let event = first; ; event = await run.next()) {
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
      else yield answerOf(id, complete(method, result ?? {}, serverInfo));
      return;
    }
  }
}

/** Whether a message says that it is of a revision without sessions. */
export function isModern({ params }: { params?: unknown }, headers: Headers): boolean {
  return (
    headers.get('mcp-protocol-version') === REVISION || metaOf(params as Params)[VERSION_KEY] !== undefined
  );
}

/** What a server of 2026-07-28 alone answers to others. */
export function unsupportedRevision({ id, params }: { id?: unknown; params?: unknown }): Response {
  const requested = (params as Params | undefined)?.protocolVersion;
  return refusal(id as RequestId, unsupported(requested));
}

interface Fault {
  readonly code: number;
  readonly message: string;
  readonly data?: object;
}

function faultOf({ method, params = {} }: ModernMessage, headers: Headers): Fault | undefined {
  const meta = metaOf(params);
  const version = meta[VERSION_KEY];
  if (version !== REVISION) return unsupported(version);
  if (!isRecord(meta[CAPABILITIES_KEY]))
    return { code: INVALID_PARAMS, message: `Invalid params: _meta has no ${CAPABILITIES_KEY}` };
  const expected: [string, unknown][] = [
    ['mcp-protocol-version', version],
    ['mcp-method', method],
  ];
  const subject = SUBJECT[method];
  if (subject !== undefined) expected.push(['mcp-name', params[subject]]);
  const wrong = expected.find(([name, value]) => decoded(headers.get(name)) !== value);
  if (wrong === undefined) return undefined;
  const [name, value] = wrong;
  return { code: HEADER_MISMATCH, message: `Header mismatch: ${name} is not ${JSON.stringify(value)}` };
}

function unsupported(requested: unknown): Fault {
  return {
    code: UNSUPPORTED_PROTOCOL_VERSION,
    message: 'Unsupported protocol version',
    data: { supported: [REVISION], requested },
  };
}

/** "Value Encoding" of the specification. */
function decoded(field: string | null): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(field ?? '')?.[1];
  return encoded === undefined ? (field ?? undefined) : Buffer.from(encoded, 'base64').toString();
}

function metaOf(params: Params | undefined): Params {
  const { _meta: meta } = params ?? {};
  return isRecord(meta) ? meta : {};
}

function contextOf(params: Params | undefined, headers: Headers): RunContext {
  const meta = metaOf(params);
  const { extensions: _extensions, ...capabilities } = meta[CAPABILITIES_KEY] as Record<string, unknown>;
  return {
    capabilities,
    clientInfo: meta[CLIENT_INFO_KEY],
    logLevel: meta[LOG_LEVEL_KEY],
    headers: Object.fromEntries(headers),
  };
}

/** As a server of the SDK knows it. */
function withoutEnvelope(params: Params): Record<string, unknown> {
  const kept = Object.entries(metaOf(params)).filter(([key]) => !key.startsWith('io.modelcontextprotocol/'));
  return { ...params, _meta: Object.fromEntries(kept) };
}

function discovery({ capabilities, serverInfo, instructions }: Params): object {
  return {
    resultType: 'complete',
    supportedVersions: [REVISION],
    capabilities,
    ...(instructions !== undefined && { instructions }),
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { [SERVER_INFO_KEY]: serverInfo },
  };
}

function complete(method: string, result: Params, serverInfo: unknown): object {
  return {
    resultType: 'complete',
    ...(CACHEABLE.has(method) && { ttlMs: 0, cacheScope: 'private' }),
    ...result,
    ...(serverInfo !== undefined && { _meta: { ...metaOf(result), [SERVER_INFO_KEY]: serverInfo } }),
  };
}

function answerOf(id: RequestId, result: object): object {
  return { jsonrpc: '2.0', id, result };
}

function notFound(id: RequestId): Response {
  const error = { code: METHOD_NOT_FOUND, message: 'Method not found' };
  return Response.json({ jsonrpc: '2.0', id, error }, { status: 404 });
}

function refusal(id: RequestId, error: Fault): Response {
  return Response.json({ jsonrpc: '2.0', id, error }, { status: 400 });
}

function events(messages: Iterable<object> | AsyncIterable<object>, ended: () => void = () => {}): Response {
  const texts = async function* () {
    try {
      for await (const message of messages) yield `event: message\ndata: ${JSON.stringify(message)}\n\n`;
    } finally {
      ended();
    }
  };
  const body = ReadableStream.from(texts()).pipeThrough(new TextEncoderStream());
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}
