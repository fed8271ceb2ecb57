import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../../test/fixtures/authorization-server.js';
import { type EverythingServer, everythingServer } from '../../test/fixtures/everything-server.js';
import { type FilesystemServer, filesystemServer } from '../../test/fixtures/filesystem-server.js';
import { type McpHttpServer, mcpHttpServer } from '../../test/fixtures/mcp-http-server.js';
import { type ModernServer, modernHttpServer } from '../../test/fixtures/modern-server.js';

/** What the demo connects to; all of it on free ports of 127.0.0.1. */
export interface DemoServers extends AsyncDisposable {
  /** `@modelcontextprotocol/server-everything`, a process that listens for Streamable HTTP. */
  readonly everything: EverythingServer;
  /** The same over HTTP+SSE, the older transport. */
  readonly legacy: EverythingServer;
  /** A server of revision 2026-07-28, without sessions, on `@modelcontextprotocol/server`. */
  readonly modern: ModernServer;
  /** `@modelcontextprotocol/server-filesystem`, to be started over stdio. */
  readonly files: FilesystemServer;
  /** An MCP server that takes tokens of `login` only, and only those with the scope `read`. */
  readonly orders: McpHttpServer;
  /** oidc-provider. */
  readonly login: AuthorizationServer;
  /** Nobody listens there. */
  readonly deadUrl: string;
}

export async function startServers(options: { tokenLifetimeSeconds: number }): Promise<DemoServers> {
  const starting = {
    everything: everythingServer('streamableHttp'),
    legacy: everythingServer('sse'),
    modern: modernHttpServer(),
    files: filesystemServer(),
    protected: protectedServer(options.tokenLifetimeSeconds),
  };
  const close = async () => {
    const started = await Promise.allSettled(Object.values(starting));
    await Promise.all(started.map((one) => one.status === 'fulfilled' && one.value[Symbol.asyncDispose]()));
  };
  try {
    const { everything, legacy, modern, files } = starting;
    const [{ orders, login }, ...others] = await Promise.all([
      starting.protected,
      everything,
      legacy,
      modern,
      files,
    ]);
    return {
      everything: others[0],
      legacy: others[1],
      modern: others[2],
      files: others[3],
      orders,
      login,
      deadUrl: 'http://127.0.0.1:1/mcp',
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function protectedServer(tokenLifetimeSeconds: number) {
  const login = await startAuthorizationServer({ tokenLifetimeSeconds });
  const orders = await mcpHttpServer({
    authorizationServers: [login.issuer],
    async authorize(token) {
      const verified = token === undefined ? undefined : await login.verify(token);
      if (verified?.audience !== orders.url) return false;
      return verified.scopes.includes('read') || { lacksScope: 'read' };
    },
  });
  const close = async () => {
    await orders.close();
    await login.close();
  };
  return { orders, login, [Symbol.asyncDispose]: close };
}
