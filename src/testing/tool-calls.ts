import type { McpServer, RegisteredTool } from '@modelcontextprotocol/sdk/server/mcp.js';

/** A tool call that ran on a fake server. */
export interface FakeServerCall {
  /** The server's own name for the tool. */
  readonly tool: string;
  /** A copy of what the request carried, `undefined` if it carried none. */
  readonly arguments: unknown;
  /** `Authorization` header of the request, if there was one. */
  readonly authorization?: string;
}

/** The part that matters here of what the SDK gives to a request handler. */
interface CallRequest {
  method: string;
  params?: Readonly<Record<string, unknown>> | undefined;
}
interface CallContext {
  requestInfo?: { headers: Record<string, string | string[] | undefined> };
}
type Callable = (...args: unknown[]) => unknown;

/**
 * Tells `ran` about each tool call of `server` at the moment it runs; give it a server without tools yet.
 * A call that `McpServer` refuses (unknown tool, invalid arguments) never reaches a tool and does not count. A
 * `tools/call` handler set on `server.server` itself counts for every request.
 */
export function recordToolCalls(server: McpServer, ran: (call: FakeServerCall) => void): void {
  /** Calls that `McpServer` has yet to check, by the context object that goes on to the tool. */
  const unchecked = new WeakMap<object, FakeServerCall>();
  let registering = false;

  const protocol = server.server;
  const setRequestHandler = protocol.setRequestHandler.bind(protocol) as (
    schema: unknown,
    handler: Callable,
  ) => void;
  Object.assign(protocol, {
    setRequestHandler(schema: unknown, handler: Callable) {
      const checksCalls = registering;
      setRequestHandler(schema, (request, context) => {
        if ((request as CallRequest).method === 'tools/call') {
          const call = callOf(request as CallRequest, context as CallContext);
          if (checksCalls) unchecked.set(context as object, call);
          else ran(call);
        }
        return handler(request, context);
      });
    },
  });

  function recorded(handler: Callable): Callable {
    return (...args) => {
      const call = unchecked.get(args.at(-1) as object);
      if (call !== undefined) ran(call);
      return handler(...args);
    };
  }

  for (const method of ['registerTool', 'tool'] as const) {
    const register = server[method].bind(server) as (...args: unknown[]) => RegisteredTool;
    Object.assign(server, {
      [method](...args: unknown[]) {
        registering = true;
        try {
          return withRecordedHandler(register(...args), recorded);
        } finally {
          registering = false;
        }
      },
    });
  }
}

/** Wraps the handler that the tool has and any that `update({ callback })` gives it later. */
function withRecordedHandler(
  tool: RegisteredTool,
  recorded: (handler: Callable) => Callable,
): RegisteredTool {
  let handler = recorded(tool.handler as Callable);
  return Object.defineProperty(tool, 'handler', {
    get: () => handler,
    set: (next: Callable) => {
      handler = recorded(next);
    },
  });
}

export function callOf(request: CallRequest, context: CallContext): FakeServerCall {
  const authorization = context.requestInfo?.headers.authorization;
  return {
    tool: String(request.params?.name),
    arguments: structuredClone(request.params?.arguments),
    ...(typeof authorization === 'string' && { authorization }),
  };
}
