import { createMcpHandler } from '@modelcontextprotocol/server';
import { type Answering, type Door, type DoorOptions, openDoor } from './door.js';
import { type NewerOptions, newerServer } from './newer.js';
import { olderServer } from './older.js';
import { Program } from './program.js';
import { sessionsOf } from './sessions.js';

/**
 * `older`: with sessions, by the SDK of version 1. `newer`: revision 2026-07-28 only. `both`: that one, and the older
 * revisions without a session.
 */
export type Speaks = 'older' | 'newer' | 'both';

/** The program over HTTP on 127.0.0.1. */
export interface HttpProgram extends Door {
  readonly program: Program;
}

export async function httpProgram(
  speaks: Speaks,
  options: NewerOptions & DoorOptions = {},
): Promise<HttpProgram> {
  const program = new Program();
  const answering =
    speaks === 'older'
      ? sessionsOf((transport) => olderServer(program).connect(transport))
      : requestsOf(program, speaks, options);
  return Object.assign(await openDoor(answering, options), { program });
}

/** A server for each request. */
function requestsOf(program: Program, speaks: 'newer' | 'both', options: NewerOptions): Answering {
  const handler = createMcpHandler(() => newerServer(program, options), {
    legacy: speaks === 'both' ? 'stateless' : 'reject',
  });
  const { notify } = handler;
  const unsubscribe = program.subscribe({
    listChanged(list) {
      if (list === 'tools') notify.toolsChanged();
      else if (list === 'resources') notify.resourcesChanged();
      else notify.promptsChanged();
    },
    resourceUpdated: (uri) => notify.resourceUpdated(uri),
  });
  return {
    async answer(request, response, body) {
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      const asked = new Request(`http://127.0.0.1${request.url}`, {
        method: request.method ?? 'GET',
        headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        body: body === '' ? null : body,
        signal: gone.signal,
      });
      const answered = await handler.fetch(asked);
      response.writeHead(answered.status, Object.fromEntries(answered.headers)).flushHeaders();
      for await (const chunk of answered.body ?? []) response.write(chunk);
      response.end();
    },
    async close() {
      unsubscribe();
      await handler.close();
    },
  };
}
