import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';

/** A client's session with a fake server. */
export class FakeSession {
  readonly server: McpServer;
  readonly #transport: WebStandardStreamableHTTPServerTransport;
  readonly #listening: Promise<void>;
  #settle = () => {};

  constructor(server: McpServer, transport: WebStandardStreamableHTTPServerTransport) {
    this.server = server;
    this.#transport = transport;
    this.#listening = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  async handle(request: Request): Promise<Response> {
    const response = await this.#transport.handleRequest(request);
    if (request.method === 'GET' && response.ok) this.#settle();
    return response;
  }

  /**
   * The server, once the client listens to what it says by itself: before that, the transport would drop it.
   * Also resolves when the session ends, for the server to say so.
   */
  async whenListening(): Promise<McpServer['server']> {
    await this.#listening;
    return this.server.server;
  }

  async close(): Promise<void> {
    await this.#transport.close();
    this.#settle();
  }
}
