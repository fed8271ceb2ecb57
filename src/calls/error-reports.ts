import { McpFleetError } from '../core/errors.js';

/** Reports of one kind that go out one by one, in a window. */
const MOST_EACH = 5;
const WINDOW_MS = 10_000;
/** Kinds that are told apart at the same time. */
const MOST_KINDS = 50;

/** What failed without anybody waiting for it. */
export interface ErrorReport<During extends string = string> {
  readonly during: During;
  readonly error: McpFleetError;
}

interface Gathered {
  count: number;
  last: ErrorReport;
  readonly timer: NodeJS.Timeout;
}

/**
 * Lets reports through as long as they are few. Of those of one kind that come too often the others are counted, and
 * told in one report when the window is over: a peer decides how often something fails.
 */
export class ErrorReports {
  readonly #emit: (report: ErrorReport) => void;
  /** Most servers never have any. */
  #kinds: Map<string, Gathered> | undefined;

  constructor(emit: (report: ErrorReport) => void) {
    this.#emit = emit;
  }

  report(report: ErrorReport): void {
    const kind = `${report.during} ${report.error.code}`;
    const gathered = this.#kinds?.get(kind) ?? this.#begin(kind, report);
    gathered.count++;
    gathered.last = report;
    if (gathered.count <= MOST_EACH) this.#emit(report);
  }

  /** What was counted so far is told; nothing is gathered any more. */
  close(): void {
    for (const kind of [...(this.#kinds?.keys() ?? [])]) this.#end(kind);
  }

  #begin(kind: string, last: ErrorReport): Gathered {
    this.#kinds ??= new Map();
    if (this.#kinds.size >= MOST_KINDS) this.#end(this.#kinds.keys().next().value as string);
    const timer = setTimeout(() => this.#end(kind), WINDOW_MS).unref();
    const gathered: Gathered = { count: 0, last, timer };
    this.#kinds.set(kind, gathered);
    return gathered;
  }

  #end(kind: string): void {
    const gathered = this.#kinds?.get(kind);
    if (gathered === undefined) return;
    this.#kinds?.delete(kind);
    clearTimeout(gathered.timer);
    const more = gathered.count - MOST_EACH;
    if (more > 0) this.#emit({ during: gathered.last.during, error: summary(gathered.last.error, more) });
  }
}

function summary(last: McpFleetError, more: number): McpFleetError {
  const { code, server, delivery, retryable } = last;
  const message = `${more} more like this within ${WINDOW_MS / 1_000} s; the last one: ${last.message}`;
  return new McpFleetError(code, message, { server, delivery, retryable, cause: last });
}
