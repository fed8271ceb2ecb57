import type { Deadline } from '../core/deadline.js';
import type { Delivery } from '../core/errors.js';
import type { StopSignal } from '../core/stop-signal.js';
import type { CallObservation } from './call-observer.js';

/** One call from its beginning to its end, over all its attempts. */
export class RunningCall {
  readonly deadline: Deadline;
  readonly observation: CallObservation | undefined;
  attempts = 0;
  /** What is known of the request as a whole: of its attempts, the one that may have done most counts. */
  delivery: Delivery | undefined;
  /** A session that the server forgot is made up for once. */
  resentToNewSession = false;
  /** The key of the identity on whose behalf it is made. */
  identity: string | undefined;
  /** The result came from the cache. */
  cached = false;

  constructor(deadline: Deadline, observation?: CallObservation) {
    this.deadline = deadline;
    this.observation = observation;
  }

  get signal(): StopSignal {
    return this.deadline.signal;
  }
}
