import { ConfigError } from './errors.js';

/** On whose behalf something is done: a person, a tenant, an agent. */
export interface Identity {
  /** The host's own id of them, 1 to 256 characters. Never sent to a server. */
  readonly key: string;
  /**
   * What token providers and functions for `headers` and `env` need to know of them: their own token, tenant, locale.
   * Held for the length of the call, never logged, never stored.
   */
  readonly claims?: Readonly<Record<string, unknown>>;
}

const MAX_KEY_LENGTH = 256;

/**
 * What a caller gave as an identity, checked; a string is a key. Messages never repeat it.
 * @throws {ConfigError} naming the option that is wrong, and what to write.
 */
export function checkedIdentity(given: unknown, path: string): Identity {
  if (typeof given === 'string') return { key: checkedKey(given, path) };
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new ConfigError(path, 'expected a key, or an object { key, claims }');
  const { key, claims, ...others } = given as { key?: unknown; claims?: unknown };
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined)
    throw new ConfigError(
      `${path}.${unknown.slice(0, 80)}`,
      'is no member of an identity; put it into claims',
    );
  if (claims !== undefined && (typeof claims !== 'object' || claims === null || Array.isArray(claims)))
    throw new ConfigError(`${path}.claims`, 'expected an object');
  const checked = checkedKey(key, `${path}.key`);
  return claims === undefined
    ? { key: checked }
    : { key: checked, claims: claims as Record<string, unknown> };
}

function checkedKey(key: unknown, path: string): string {
  if (typeof key === 'string' && key.length >= 1 && key.length <= MAX_KEY_LENGTH) return key;
  throw new ConfigError(path, `expected a text of 1 to ${MAX_KEY_LENGTH} characters`);
}
