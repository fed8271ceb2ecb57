import { abortable } from '../core/abort.js';
import { Refusal } from './problem.js';

/**
 * What the host's own code answers about a request. A throw says that the caller is not known.
 * @param late what the caller is told where no answer comes in time
 * @throws {Refusal} 401 or 403
 */
export async function askedHost<Value>(
  ask: () => Value | Promise<Value>,
  timeoutMs: number,
  late: string,
): Promise<Value> {
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    return await abortable((async () => ask())(), timeout);
  } catch {
    if (timeout.aborted) throw new Refusal('PERMISSION_DENIED', late);
    throw new Refusal('UNAUTHENTICATED', 'Who is calling is not known', {
      // RFC 9110 section 11.6.1 wants one.
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
}
