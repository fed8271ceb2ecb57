import { wait } from '../core/abort.js';
import { Deadline } from '../core/deadline.js';
import { ConnectionError, McpFleetError, RemoteError } from '../core/errors.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { TextExit } from '../core/text-exit.js';
import { onceBegun } from './abort-reason.js';
import { isRecord } from './reading/json-values.js';
import type { Params } from './reading/message.js';
import { number, text } from './reading/shapes.js';
import type { Progress, SessionRequestOptions } from './session.js';

/** How often a server may be asked how far it is, whatever it suggests. */
const MIN_POLL_MS = 100;
const DEFAULT_POLL_MS = 1_000;
const MAX_POLL_MS = 60_000;
/** Questions in a row that may get no answer: the task goes on without them. */
const MAX_UNANSWERED = 5;
/** How long the cancelling of a task may take that nobody waits for any more. */
const CANCEL_TIMEOUT_MS = 5_000;

type Bounded = Pick<SessionRequestOptions, 'signal'>;

/** How a task is asked for, in the words of a revision. */
export interface TaskRequests {
  readonly signal: StopSignal;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly exit: TextExit;
  get(options: Bounded): Promise<unknown>;
  cancel(options: Bounded): Promise<unknown>;
  /** The result of a task that has ended. @throws {McpFleetError} where it ended with an error */
  result(task: Params, options: Bounded): Promise<unknown>;
  /** A task that failed has a result, too, which says how. */
  readonly failsWithResult: boolean;
  /** Gives the task what it asks for. @returns the result, where that came with it */
  answer(task: Params, options: Bounded): Promise<unknown>;
}

export function isTask(value: unknown): value is Params & { readonly taskId: string } {
  return isRecord(value) && typeof value.taskId === 'string';
}

/**
 * Waits for a call that has become a task, and gives its result. Progress tells its state. Who stops waiting cancels it.
 * @throws {McpFleetError} when the task fails, or nobody can say what becomes of it
 */
export async function awaitTask(created: Params, requests: TaskRequests): Promise<unknown> {
  try {
    return await onceBegun(followed(created, requests), requests.signal);
  } catch (error) {
    if (requests.signal.aborted) void cancel(requests);
    throw error;
  }
}

async function followed(created: Params, requests: TaskRequests): Promise<unknown> {
  const { signal, onProgress, exit } = requests;
  const patience = new Patience(signal);
  let task = created;
  for (let progress = 1; ; progress++) {
    const { status } = task;
    const message = text(task.statusMessage) as string | undefined;
    onProgress?.({ progress, message: message ?? String(text(status) ?? 'working') });
    switch (status) {
      case 'completed':
        return requests.result(task, { signal });
      case 'failed':
        if (requests.failsWithResult) return requests.result(task, { signal });
        throw failure(task.error, message, exit);
      case 'cancelled':
        throw ended('was cancelled by the server', message, exit);
      case 'input_required': {
        const result = await patience.with(() => requests.answer(task, { signal }), undefined);
        if (result !== undefined) return result;
      }
    }
    await wait(pollMs(task), signal);
    const next = await patience.with(() => requests.get({ signal }), task);
    if (!isRecord(next)) throw ended('is not known any more', undefined, exit);
    task = next;
  }
}

/** The task goes on, whether or not a question about it is answered. */
class Patience {
  readonly #signal: StopSignal;
  #unanswered = 0;

  constructor(signal: StopSignal) {
    this.#signal = signal;
  }

  /** The answer, or `otherwise` where none comes, unless none has come too often. */
  async with(ask: () => Promise<unknown>, otherwise: unknown): Promise<unknown> {
    try {
      const answer = await ask();
      this.#unanswered = 0;
      return answer;
    } catch (error) {
      this.#signal.throwIfAborted();
      const mayStillAnswer = error instanceof McpFleetError && error.delivery !== 'answered';
      if (!mayStillAnswer || ++this.#unanswered >= MAX_UNANSWERED) throw error;
      return otherwise;
    }
  }
}

function pollMs({ pollIntervalMs, pollInterval }: Params): number {
  const asked = number(pollIntervalMs) ?? number(pollInterval);
  return Math.min(Math.max(typeof asked === 'number' ? asked : DEFAULT_POLL_MS, MIN_POLL_MS), MAX_POLL_MS);
}

/** The task may have ended meanwhile, and cancelling asks for no more than it says. */
async function cancel(requests: TaskRequests): Promise<void> {
  using deadline = new Deadline({ timeoutMs: CANCEL_TIMEOUT_MS });
  await requests.cancel({ signal: deadline.signal }).catch(() => {});
}

function failure(error: unknown, message: string | undefined, exit: TextExit): McpFleetError {
  if (!isRecord(error)) return ended('failed', message, exit);
  const code = number(error.code);
  const words = text(error.message) as string | undefined;
  return new RemoteError(
    typeof code === 'number' ? code : -32_603,
    exit.words(words ?? message ?? 'The task failed'),
    error.data,
  );
}

function ended(how: string, message: string | undefined, exit: TextExit): ConnectionError {
  const words = message === undefined ? '' : `: ${exit.words(message)}`;
  return new ConnectionError('PROTOCOL_ERROR', `The task of the call ${how}${words}`, {
    delivery: 'answered',
  });
}
