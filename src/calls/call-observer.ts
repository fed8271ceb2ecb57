import type { CallReport, CallSubject } from './call-runner.js';

export type RequestMeta = Readonly<Record<string, unknown>>;

/** Follows calls from their beginning to their end, as telemetry does. Neither it nor its observations may throw. */
export interface CallObserver {
  /** A call begins, in the async context of its caller. `undefined`: this one is of no interest. */
  begin(subject: CallSubject): CallObservation | undefined;
}

/** What an observer has to do with a request of a call. */
export interface RequestObservation {
  /** The `_meta` to send where the caller has given `given`. */
  meta(given: RequestMeta | undefined): RequestMeta | undefined;
  /** It goes out, under that id of JSON-RPC. */
  sent(request: { method: string; id: string | number; sessionId: string | undefined }): void;
}

export interface CallObservation extends RequestObservation {
  /** Runs the call. */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
  end(report: CallReport): void;
}

/** One observation for all observers; `undefined` where there are none. */
export function beginObservation(
  observers: ReadonlySet<CallObserver>,
  subject: CallSubject,
): CallObservation | undefined {
  if (observers.size === 0) return undefined;
  return [...observers].map((observer) => observer.begin(subject)).reduce(both);
}

function both(
  first: CallObservation | undefined,
  second: CallObservation | undefined,
): CallObservation | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return {
    run: (work) => first.run(() => second.run(work)),
    meta: (given) => second.meta(first.meta(given)),
    sent(request) {
      first.sent(request);
      second.sent(request);
    },
    end(report) {
      first.end(report);
      second.end(report);
    },
  };
}
