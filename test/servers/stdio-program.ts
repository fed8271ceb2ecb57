import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { newerServer } from './newer.js';
import { olderServer } from './older.js';
import { Program } from './program.js';

/** Serves the program over stdin and stdout of this process. */
export async function serveProgram(speaks: 'older' | 'newer'): Promise<void> {
  const program = new Program();
  if (speaks === 'older') await olderServer(program).connect(new StdioServerTransport());
  else serveStdio(() => newerServer(program, { isConnection: true }), { legacy: 'reject' });
}
