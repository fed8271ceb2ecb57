import { askedHost } from './asked-host.js';
import type { RestAction, RestSettings } from './options.js';
import { Refusal } from './problem.js';

/** Asks `authorize`. Whatever it does but to answer `true` in time, the request goes no further. */
export async function authorized(
  request: Request,
  action: RestAction,
  { authorize, authorizeTimeoutMs }: Pick<RestSettings, 'authorize' | 'authorizeTimeoutMs'>,
): Promise<void> {
  if (authorize === 'allow-all') return;
  const late = 'Nobody said in time that this is allowed';
  const allowed = await askedHost(() => authorize(request, action), authorizeTimeoutMs, late);
  if (allowed !== true) throw new Refusal('PERMISSION_DENIED', 'This is not allowed');
}
