import { type Delivery, McpFleetError, TimeoutError } from '../core/errors.js';
import type { StopSignal } from '../core/stop-signal.js';
import { connectionLost } from './transports/connection-lost.js';

/** The caller's own reason as it is; our reasons (time is up, the client closes) with what is known of the request. */
export function abortReason(reason: unknown, delivery: Delivery): unknown {
  const details = { delivery, cause: reason };
  if (reason instanceof TimeoutError) return new TimeoutError(reason.timeoutMs, reason.message, details);
  if (reason instanceof McpFleetError) return new McpFleetError(reason.code, reason.message, details);
  return reason;
}

/** Work on something that the server has begun: it fails with {@link endOfBegun}. */
export async function onceBegun<Result>(work: Promise<Result>, signal: StopSignal): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw endOfBegun(error, signal);
  }
}

/**
 * What ends the waiting for something that the server has begun. What is known of the last request says nothing of it:
 * one that never left may ask about a tool that runs.
 */
function endOfBegun(error: unknown, signal: StopSignal): unknown {
  if (signal.aborted) return abortReason(signal.reason, 'unknown');
  if (!(error instanceof McpFleetError) || error.delivery === 'answered' || error.delivery === 'unknown')
    return error;
  return connectionLost(error.message, 'unknown', error);
}
