import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  ErrorCode,
  type Implementation,
  type JSONRPCRequest,
  ResultSchema,
  type ServerCapabilities,
  type ServerNotification,
  type ServerRequest,
} from '@modelcontextprotocol/sdk/types.js';
import { ConfigError } from '../core/errors.js';
import { nearestHint } from '../core/nearest.js';
import type { FakeServer } from './fake-server.js';
import type { FakeServerOptions } from './fake-server-options.js';
import { InProcessServer } from './in-process-server.js';
import {
  REDACTED,
  type RecordedExchange,
  type RecordedMessage,
  type Recording,
  readRecording,
} from './recording.js';
import { callOf, type FakeServerCall } from './tool-calls.js';

/** How much of a recorded request an error message shows. */
const SHOWN_CHARACTERS = 120;

const SUBSCRIBING: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe']);

type Context = RequestHandlerExtra<ServerRequest, ServerNotification>;

/**
 * A fake server that answers as a recorded one did. Requests are matched by method and parameters, whatever their
 * order; the same request several times gets its answers in turn, and the last one from then on. A request that is
 * not in the recording is refused (-32602) with the nearest recorded ones in the message.
 *
 * Notifications and questions of the server come before the answer that they were recorded with; when that answer is
 * given again, only progress and questions come again. Whatever the client answers to a question, the recorded result
 * follows. `inject()`, `restart()` and `calls` work as on any fake server.
 *
 * A recording is of no revision: it is replayed to clients of each, whatever the recorded server spoke.
 *
 * @param recording of {@link recordServer}: a file, or its contents.
 * @throws {ConfigError} for what is no recording. An error of the file system as it is.
 * @example
 * ```ts
 * await using replay = replayServer('test/recordings/everything.json');
 * await using client = new McpClient('everything', replay.config);
 * await client.callTool({ name: 'echo', arguments: { message: 'hi' } });
 * ```
 */
export function replayServer(
  recording: string | URL | Recording,
  options: FakeServerOptions = {},
): FakeServer {
  const { exchanges } = readRecording(recording);
  const { serverInfo, capabilities, instructions } = initializationOf(exchanges);
  const script = new Script(exchanges);
  const create = (calls: FakeServerCall[]) => {
    const { logging } = capabilities;
    const server = new McpServer(serverInfo, {
      capabilities: { ...(logging !== undefined && { logging }) },
      ...(instructions !== undefined && { instructions }),
    });
    // Not in the constructor, where they would bring handlers of empty lists along.
    server.server.registerCapabilities(capabilities);
    server.server.fallbackRequestHandler = async (request, context) => {
      // Clients of 2026-07-28 listen instead, which is not recorded.
      const isSubscribing = SUBSCRIBING.has(request.method) && capabilities.resources?.subscribe === true;
      if (isSubscribing && !script.has(request)) return {};
      const { exchange, again } = script.next(request);
      if (request.method === 'tools/call') calls.push(callOf(request, context));
      for (const message of exchange.said ?? []) {
        // What changed then does not change again: a client that lists again on `list_changed` would never end.
        if (!(again && isNews(message))) await say(message, request, context);
      }
      const { result, error } = exchange;
      if (error !== undefined) throw Object.assign(new Error(error.message), error);
      return { ...result };
    };
    return server;
  };
  return new InProcessServer('replay-server', create, options);
}

function initializationOf(exchanges: readonly RecordedExchange[]) {
  const found = exchanges.find(({ method, result }) => method === 'initialize' && result !== undefined);
  if (found === undefined) throw new ConfigError('recording.exchanges', 'expected the answer to initialize');
  return found.result as unknown as {
    serverInfo: Implementation;
    capabilities: ServerCapabilities;
    instructions?: string;
  };
}

function isNews({ method }: RecordedMessage): boolean {
  return method.startsWith('notifications/') && method !== 'notifications/progress';
}

async function say(message: RecordedMessage, request: JSONRPCRequest, context: Context): Promise<void> {
  const { method, params } = message;
  if (!method.startsWith('notifications/')) {
    // A client that cannot answer now could not answer then either, or the test will show it.
    await context.sendRequest({ method, params } as ServerRequest, ResultSchema).catch(() => {});
    return;
  }
  const progressToken = request.params?._meta?.progressToken;
  if (method !== 'notifications/progress') {
    await context.sendNotification({ method, params } as ServerNotification);
  } else if (progressToken !== undefined) {
    await context.sendNotification({ method, params: { ...params, progressToken } } as ServerNotification);
  }
}

/** Hands out the recorded exchanges, each in its turn. */
class Script {
  readonly #exchanges: readonly RecordedExchange[];
  readonly #used = new Set<RecordedExchange>();

  constructor(exchanges: readonly RecordedExchange[]) {
    this.#exchanges = exchanges;
  }

  has(request: JSONRPCRequest): boolean {
    return this.#fitting(request).length > 0;
  }

  /** @throws an error that becomes a JSON-RPC error for the client. */
  next(request: JSONRPCRequest): { exchange: RecordedExchange; again: boolean } {
    const fitting = this.#fitting(request);
    const exchange = fitting.find((each) => !this.#used.has(each)) ?? fitting.at(-1);
    if (exchange === undefined) throw this.#notRecorded(request);
    const again = this.#used.has(exchange);
    this.#used.add(exchange);
    return { exchange, again };
  }

  #fitting({ method, params = {} }: JSONRPCRequest): RecordedExchange[] {
    const { _meta, ...asked } = params;
    return this.#exchanges.filter(
      (exchange) => exchange.method === method && matches(exchange.params ?? {}, asked),
    );
  }

  #notRecorded({ method, params = {} }: JSONRPCRequest): Error {
    const { _meta, ...asked } = params;
    const recorded = this.#exchanges.map((exchange) => shown(exchange.method, exchange.params));
    const request = shown(method, asked);
    const message = `Not in the recording: ${request}${nearestHint(request, new Set(recorded))}`;
    return Object.assign(new Error(message), { code: ErrorCode.InvalidParams });
  }
}

function shown(method: string, params: object = {}): string {
  const text = `${method} ${JSON.stringify(params)}`;
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** Whether two JSON values are equal, where `[redacted]` in a recorded text stands for any text. */
function matches(recorded: unknown, asked: unknown): boolean {
  if (typeof recorded === 'string' && typeof asked === 'string') return matchesText(recorded, asked);
  if (typeof recorded !== 'object' || typeof asked !== 'object' || recorded === null || asked === null) {
    return recorded === asked;
  }
  if (Array.isArray(recorded) !== Array.isArray(asked)) return false;
  const keys = new Set([...Object.keys(recorded), ...Object.keys(asked)]);
  return [...keys].every((key) => matches(Reflect.get(recorded, key), Reflect.get(asked, key)));
}

function matchesText(recorded: string, asked: string): boolean {
  const [first = '', ...rest] = recorded.split(REDACTED);
  if (rest.length === 0) return recorded === asked;
  if (!asked.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest.slice(0, -1)) {
    const at = asked.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  const last = rest.at(-1) ?? '';
  return asked.length - last.length >= from && asked.endsWith(last);
}
