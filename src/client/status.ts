/**
 * `idle → connecting → ready ⇄ unhealthy`, `ready → reconnecting → ready`, `failed` where only a person can help, anything
 * `→ closed`. The connection of an identity that is not used is `idle` again.
 */
export type ServerStatus =
  | 'idle'
  | 'connecting'
  | 'ready'
  | 'unhealthy'
  | 'reconnecting'
  | 'failed'
  | 'closed';

/** What may follow what. A status that is not left here stays as it is. */
export const NEXT_STATUSES: { readonly [Status in ServerStatus]: readonly ServerStatus[] } = {
  idle: ['connecting', 'closed'],
  connecting: ['ready', 'reconnecting', 'failed', 'closed'],
  ready: ['unhealthy', 'reconnecting', 'idle', 'closed'],
  unhealthy: ['ready', 'reconnecting', 'idle', 'closed'],
  reconnecting: ['ready', 'failed', 'idle', 'closed'],
  failed: ['connecting', 'closed'],
  closed: [],
};
