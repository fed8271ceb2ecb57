import { isForAll, type TokenProvider } from '../auth/token-provider.js';
import type { ServerConfig, ServerDefaults } from './server-config.js';
import { settingsFunctionOf } from './settings-function.js';

/** Whether identities share what there is of a server. `unknown`: the answers of the token provider will show. */
export type Scope = 'shared' | 'identity' | 'unknown';

/** One for all where nothing differs between identities, one for each where something does. */
export function scopeOf(config: ServerConfig, configured: ServerDefaults['scope']): Scope {
  if (configured === 'shared' || configured === 'identity') return configured;
  if (settingsFunctionOf(config) !== undefined) return 'identity';
  const auth = 'auth' in config ? config.auth : undefined;
  if (auth === undefined) return 'shared';
  if (auth.key !== undefined) return 'identity';
  const forAll = isForAll(auth as TokenProvider);
  if (forAll === undefined) return 'unknown';
  return forAll ? 'shared' : 'identity';
}
