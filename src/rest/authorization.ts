import { abortable } from '../core/abort.js';
import type { RestAction, RestSettings } from './options.js';
import { Refusal } from './problem.js';

/** Asks `authorize`. Whatever it does but to answer `true` in time, the request goes no further. */
export async function authorized(
  request: Request,
  action: RestAction,
  { authorize, authorizeTimeoutMs }: Pick<RestSettings, 'authorize' | 'authorizeTimeoutMs'>,
): Promise<void> {
  if (authorize === 'allow-all') return;
  const timeout = AbortSignal.timeout(authorizeTimeoutMs);
  const ask = async () => authorize(request, action);
  let allowed: boolean;
  try {
    allowed = await abortable(ask(), timeout);
  } catch {
    if (timeout.aborted) throw new Refusal('PERMISSION_DENIED', 'Nobody said in time that this is allowed');
    throw new Refusal('UNAUTHENTICATED', 'Who is calling is not known', {
      // RFC 9110 section 11.6.1 wants one.
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
  if (allowed !== true) throw new Refusal('PERMISSION_DENIED', 'This is not allowed');
}
