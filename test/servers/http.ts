import { createMcpHandler } from '@modelcontextprotocol/server';
import { answerByFetch } from '../fixtures/fetch-answer.js';
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
      await answerByFetch(handler.fetch, request, response, body);
    },
    async close() {
      unsubscribe();
      await handler.close();
    },
  };
}
