import { spread } from '../core/backoff.js';
import type { AccessToken } from './token-provider.js';

/** How long a token without `expiresAt` is believed to live. */
const ASSUMED_LIFETIME_MS = 300_000;
const LONGEST_LEAD_MS = 300_000;
const LEAD_SHARE = 0.25;
/** So that the many processes of a fleet do not ask at the same time. */
const LEAD_SPREAD = 0.2;
const LONGEST_MARGIN_MS = 30_000;
const MARGIN_SHARE = 0.1;
/** A token that lives for milliseconds must not keep the background busy. */
const SHORTEST_WAIT_MS = 1_000;

/**
 * A token and its age. It is fresh until a safety margin before its expiry, then valid until its expiry.
 * Everything is on the monotonic clock, so that a wall clock that is set does not matter.
 */
export class HeldToken {
  readonly token: AccessToken;
  /** Instants of `performance.now()`. */
  readonly refreshAt: number;
  readonly expiresAt: number;
  readonly #freshUntil: number;

  constructor(token: AccessToken) {
    const now = performance.now();
    const lifetimeMs =
      token.expiresAt === undefined ? ASSUMED_LIFETIME_MS : Math.max(0, token.expiresAt - Date.now());
    const leadMs = spread(Math.min(LONGEST_LEAD_MS, lifetimeMs * LEAD_SHARE), LEAD_SPREAD);
    this.token = token;
    this.expiresAt = now + lifetimeMs;
    this.refreshAt = now + Math.max(SHORTEST_WAIT_MS, lifetimeMs - leadMs);
    this.#freshUntil = this.expiresAt - Math.min(LONGEST_MARGIN_MS, lifetimeMs * MARGIN_SHARE);
  }

  /** Good to be sent. */
  get isFresh(): boolean {
    return performance.now() < this.#freshUntil;
  }

  /** Good to be sent if no other can be had. */
  get isValid(): boolean {
    return performance.now() < this.expiresAt;
  }
}
