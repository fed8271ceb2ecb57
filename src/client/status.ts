/** `idle → connecting → ready ⇄ unhealthy`, `ready → reconnecting → ready`, `failed` where only a person can help, anything `→ closed`. */
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
  ready: ['unhealthy', 'reconnecting', 'closed'],
  unhealthy: ['ready', 'reconnecting', 'closed'],
  reconnecting: ['ready', 'failed', 'closed'],
  failed: ['connecting', 'closed'],
  closed: [],
};
