import type { Identity } from '../core/identity.js';

/** Options of everything that asks a server. */
export interface RequestOptions {
  /** Ends the waiting; the promise rejects with the signal's own reason. */
  signal?: AbortSignal;
  /** Milliseconds from now to the result. @default `callTimeoutMs` */
  timeoutMs?: number;
  /**
   * On whose behalf this is done; a string is its key. What belongs to one identity (tokens, sessions, lists, results,
   * subscriptions) never reaches another. @default nobody in particular
   */
  identity?: Identity | string;
}

export interface CallOptions extends RequestOptions {
  /**
   * The caller vouches that running it twice does no harm: it may then be sent once more when its fate is
   * unknown. @default false
   */
  idempotent?: boolean;
  /** `false`: neither take the result from the cache nor put it there. @default true */
  cache?: boolean;
  /** Called for each `notifications/progress` of this call. */
  onProgress?: (progress: { progress: number; total?: number; message?: string }) => void;
  /** Progress restarts the timeout, up to this many milliseconds in all. @default not restarted */
  maxTotalTimeoutMs?: number;
}

export interface ListOptions extends RequestOptions {
  /** Ask the server even if the list is known. @default false */
  fresh?: boolean;
}
