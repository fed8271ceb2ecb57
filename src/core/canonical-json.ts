const identities = new WeakMap<object, number>();
let nextIdentity = 1;

/** What has no JSON form (functions, class instances) is told apart by identity. */
function identityOf(value: object): number {
  const identity = identities.get(value) ?? nextIdentity++;
  identities.set(value, identity);
  return identity;
}

/** A value with this method says itself what makes it equal to another one. */
export const CANONICAL: unique symbol = Symbol.for('mcp-fleet.canonical');

/**
 * One text for equal values, whatever the order of their keys. Keys whose value is `undefined` do not count.
 * For comparing, not for parsing: functions and class instances appear as an identity within this process,
 * unless they answer to {@link CANONICAL}.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(value) : `#${value}`;
  if (typeof value === 'function') return `@${identityOf(value)}`;
  if (typeof value !== 'object') return `#${String(value)}`;
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value instanceof URL) return JSON.stringify(value.href);
  const custom: unknown = (value as { [CANONICAL]?: unknown })[CANONICAL];
  if (typeof custom === 'string') return JSON.stringify(custom);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `@${identityOf(value)}`;
  const entries = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${entries.join(',')}}`;
}
