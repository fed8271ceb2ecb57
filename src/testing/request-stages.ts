import { abortable } from '../core/abort.js';

/** Answers one request. An abort comes through `signal` alone; `request.signal` is not looked at. */
export type RequestHandler = (request: Request, signal: AbortSignal) => Promise<Response>;

/** One step on a request's way to the server and on its answer's way back. */
export type RequestStage = (next: RequestHandler) => RequestHandler;

/** A request passes the stages in the given order, the first outermost, and ends at `handle`. */
export function inStages(stages: readonly RequestStage[], handle: RequestHandler): RequestHandler {
  return stages.reduceRight((next, stage) => stage(next), handle);
}

/**
 * What an abort does to a real connection: a request without an answer rejects with the signal's reason, a
 * body that is still open breaks with it, and the server finds its stream cancelled.
 */
export const connectionUntilAbort: RequestStage = (next) => async (request, shared) => {
  // Many requests may share a signal; only their own ones get listeners.
  const signal = AbortSignal.any([shared]);
  signal.throwIfAborted();
  const answer = next(request, signal);
  let response: Response;
  try {
    response = await abortable(answer, signal);
  } catch (error) {
    answer.then((late) => late.body?.cancel(error)).catch(() => {});
    throw error;
  }
  if (response.body === null) return response;
  return new Response(response.body.pipeThrough(new TransformStream(), { signal }), response);
};
