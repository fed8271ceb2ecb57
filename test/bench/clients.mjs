// The contestants. Each opens one connection to a server and calls its tools.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpManager } from 'mcp-fleet';
import { Agent, request } from 'undici';

export const FLEET = 'mcp-fleet';
export const SDK = 'SDK client';
export const SDK_2 = 'SDK 2 client';
export const UNDICI = 'undici.request';

const ARGUMENTS = { text: 'hello' };

/** Entry or URL of a server, of mcp-fleet with everything that is on by default. */
export async function fleet(entry) {
  const manager = new McpManager({ servers: { bench: entry } });
  await manager.connect();
  return {
    manager,
    call: (tool) => manager.callTool({ name: `bench__${tool}`, arguments: ARGUMENTS }),
    close: () => manager.close(),
  };
}

/** The bare client of the SDK's second line, which speaks 2026-07-28. */
export async function sdk2({ url }) {
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  const options = { versionNegotiation: { mode: { pin: '2026-07-28' } } };
  const client = new Client({ name: 'bench', version: '1.0.0' }, options);
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return {
    client,
    call: (name) => client.callTool({ name, arguments: ARGUMENTS }),
    close: () => client.close(),
  };
}

/** The bare client of the SDK: global `fetch` or its own stdio transport. */
export async function sdk({ url, ...command }) {
  const transport = url === undefined ? new StdioClientTransport(command) : sdkHttpTransport(url);
  const client = new Client({ name: 'bench', version: '1.0.0' });
  await client.connect(transport);
  return {
    client,
    call: (name) => client.callTool({ name, arguments: ARGUMENTS }),
    close: () => client.close(),
  };
}

function sdkHttpTransport(url) {
  return new StreamableHTTPClientTransport(new URL(url));
}

/** No MCP at all: what HTTP and JSON cost anyway. */
export async function undici({ url }) {
  const dispatcher = new Agent();
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  let id = 0;
  return {
    async call(name) {
      const message = {
        jsonrpc: '2.0',
        id: ++id,
        method: 'tools/call',
        params: { name, arguments: ARGUMENTS },
      };
      const { body } = await request(url, {
        method: 'POST',
        dispatcher,
        headers,
        body: JSON.stringify(message),
      });
      return (await body.json()).result;
    },
    close: () => dispatcher.close(),
  };
}
