import { wait } from '../core/abort.js';
import { connectionRefused, connectionReset } from './connection-failures.js';
import type { Fault, FaultMoment } from './fault.js';
import type { FaultInjections } from './fault-injections.js';
import { type FakeServerRequest, receivedRequest } from './received-request.js';
import type { RequestStage } from './request-stages.js';
import { never, statusResponse, withSpoiledAnswer } from './spoiled-answer.js';

const EVENT_STREAM = { 'content-type': 'text/event-stream' };

export interface FaultStageOptions {
  injections: FaultInjections;
  /** Told of each request before anything becomes of it. */
  received(request: FakeServerRequest): void;
  /** Told when a fault strikes. */
  struck(): void;
  /** Aborts when the server breaks the connections that it has now. */
  connections(): AbortSignal;
  forgetSession(request: Request): void;
}

/** Where requests meet the faults that are waiting for them. */
export function faultStage(options: FaultStageOptions): RequestStage {
  const { injections, received, struck, connections, forgetSession } = options;
  return (next) => async (request, signal) => {
    const arrived = await receivedRequest(request);
    received(arrived);
    const injection = injections.meet(arrived);
    if (injection === undefined) return next(request, signal);
    struck();
    const gone = AbortSignal.any([signal, connections()]);
    const { fault } = injection;
    if (fault.kind === 'forget-session') forgetSession(request);
    if (arrived.id === undefined || momentOf(fault) === 'before') {
      return (await strike(fault, gone)) ?? next(request, signal);
    }
    const response = await next(request, signal);
    if (!response.headers.get('content-type')?.startsWith(EVENT_STREAM['content-type'])) {
      // The server refuses the request by itself; the fault waits for one that is answered.
      injection.left++;
      return response;
    }
    return withSpoiledAnswer(response, {
      fault,
      id: arrived.id,
      gone,
      asked: (requestState) => injections.postpone(injection, requestState),
    });
  };
}

function momentOf(fault: Fault): FaultMoment {
  switch (fault.kind) {
    case 'refuse':
    case 'expire-token':
    case 'forget-session':
      return 'before';
    case 'status':
      return fault.when ?? 'before';
    case 'malformed':
    case 'oversize':
    case 'wrong-id':
      return 'after';
    default:
      return fault.when ?? 'after';
  }
}

/** What the client gets instead of the server's answer; `undefined` lets the request go on. */
async function strike(fault: Fault, gone: AbortSignal): Promise<Response | undefined> {
  switch (fault.kind) {
    case 'refuse':
      throw connectionRefused();
    case 'reset':
      throw connectionReset();
    case 'hang':
      return never(gone);
    case 'delay':
      await wait(fault.ms, gone);
      return undefined;
    case 'status':
      return statusResponse(fault);
    case 'end-stream':
      return new Response('', { headers: EVENT_STREAM });
    case 'expire-token':
      return new Response(null, {
        status: 401,
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
      });
    default:
      return undefined;
  }
}
