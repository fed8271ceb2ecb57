import { fileURLToPath } from 'node:url';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { type McpWebSocketServer, mcpWebSocketServer } from '../fixtures/web-socket-server.js';
import { newerServer } from './newer.js';
import { olderServer } from './older.js';
import { Program } from './program.js';

/** Entry of the program over stdio, a process of its own. */
export function stdioProgram(speaks: 'older' | 'newer'): { command: string; args: string[] } {
  return {
    command: process.execPath,
    args: [fileURLToPath(new URL('./stdio.mjs', import.meta.url)), speaks],
  };
}

/** The program over WebSocket on 127.0.0.1, one JSON-RPC message a frame. */
export function webSocketProgram(speaks: 'older' | 'newer'): Promise<McpWebSocketServer> {
  const program = new Program();
  return mcpWebSocketServer({
    serve(transport: Transport) {
      if (speaks === 'older') void olderServer(program).connect(transport);
      else
        serveStdio(() => newerServer(program, { isConnection: true }), {
          legacy: 'reject',
          transport: transport as NonNullable<Parameters<typeof serveStdio>[1]>['transport'] & object,
        });
    },
  });
}
