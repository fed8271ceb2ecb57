import { McpCore, type RpcAnswer, type RpcMessage } from './mcp-core.js';

/** A request as a scripted `fetch` sees it. */
export interface VirtualRequest {
  readonly method: string;
  readonly headers: Headers;
  readonly rpc: RpcMessage;
  /** On the clock of the test, which may be a fake one. */
  readonly at: number;
}

/** What a request meets instead of an answer. A thrown value is what `fetch` rejects with. */
export type Script = (
  request: VirtualRequest,
  server: VirtualServer,
) => Response | Promise<Response> | undefined;

/**
 * An MCP server that is a `fetch`: no sockets, so that hours pass in milliseconds on fake timers.
 * Its standalone stream is refused with 405 unless the script says otherwise.
 */
export class VirtualServer {
  readonly url = 'http://virtual.test/mcp';
  readonly core = new McpCore();
  readonly requests: VirtualRequest[] = [];
  /** What goes wrong; changed at will. */
  script: Script = () => undefined;

  readonly fetch = async (url: string | URL, init: RequestInit = {}): Promise<Response> => {
    const { method = 'GET', body, signal } = init;
    const rpc: RpcMessage = typeof body === 'string' && body.startsWith('{') ? JSON.parse(body) : {};
    const request = { method, headers: new Headers(init.headers), rpc, at: Date.now() };
    this.requests.push(request);
    if (signal?.aborted) throw signal.reason;
    const scripted = await untilAborted(Promise.resolve(this.script(request, this)), signal);
    if (scripted !== undefined) return scripted;
    if (String(url) !== this.url) return new Response(null, { status: 404 });
    if (method === 'GET') return new Response(null, { status: 405 });
    if (method === 'DELETE') return new Response(null, { status: 200 });
    return this.respond(this.core.answer(rpc), rpc);
  };

  get executions(): ReadonlyMap<string, number> {
    return this.core.executions;
  }

  requestsOf(method: string): VirtualRequest[] {
    return this.requests.filter(({ rpc }) => rpc.method === method);
  }

  respond(answer: RpcAnswer | undefined, { method }: RpcMessage): Response {
    if (answer === undefined) return new Response(null, { status: 202 });
    const session: Record<string, string> = method === 'initialize' ? { 'mcp-session-id': 'virtual' } : {};
    return Response.json(answer, { headers: session });
  }
}

/** What a `fetch` rejects with when nobody listens. */
export function refused(): TypeError {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  return new TypeError('fetch failed', { cause });
}

/** A response that never comes. */
export function never(): Promise<never> {
  return new Promise(() => {});
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
