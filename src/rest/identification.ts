import { checkedIdentity, type Identity } from '../core/identity.js';
import { askedHost } from './asked-host.js';
import type { RestSettings } from './options.js';
import { Refusal } from './problem.js';

/**
 * Asks `identify` on whose behalf a request is; `undefined` is nobody in particular.
 * @throws {Refusal} 401 or 403 where it does not say, 500 where what it says is no identity
 */
export async function identified(
  request: Request,
  { identify, authorizeTimeoutMs }: Pick<RestSettings, 'identify' | 'authorizeTimeoutMs'>,
): Promise<Identity | undefined> {
  if (identify === undefined) return undefined;
  const late = 'Nobody said in time who is calling';
  const given = await askedHost(() => identify(request), authorizeTimeoutMs, late);
  if (given === undefined) return undefined;
  try {
    return checkedIdentity(given, 'identify');
  } catch {
    // Why not is for nobody to read: the message of a fault may name what is in the claims.
    throw new Refusal('INTERNAL', 'Something unexpected happened');
  }
}
