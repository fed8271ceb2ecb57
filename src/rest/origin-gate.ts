import { hostRule } from '../net/host-rule.js';
import type { RestSettings } from './options.js';
import { Refusal } from './problem.js';

/**
 * Keeps web pages out that were not invited (cross-site request forgery, DNS rebinding). Programs send neither
 * `Origin` nor `Sec-Fetch-Site`, and pass.
 *
 * A page may call from its own origin where nobody can forge that: at `localhost`, at addresses and at the names that
 * are listed. Any other name can be made to lead here by whoever owns it, and a browser does not always tell that a page
 * asks. So a door that asks nobody who he is answers at no other name, whoever asks.
 */
export class OriginGate {
  readonly #origins: readonly string[];
  readonly #hosts: readonly ((url: URL) => boolean)[];
  readonly #isAnyHostFine: boolean;

  constructor({
    allowedOrigins,
    hosts,
    authorize,
  }: Pick<RestSettings, 'allowedOrigins' | 'hosts' | 'authorize'>) {
    this.#origins = allowedOrigins;
    this.#hosts = [...allowedOrigins.map((origin) => new URL(origin).host), ...(hosts ?? [])].map(hostRule);
    this.#isAnyHostFine = hosts === undefined && authorize !== 'allow-all';
  }

  /** @throws {Refusal} 403 */
  check({ headers, url }: Request): void {
    const own = new URL(url);
    const isKnown = hasFixedHost(own) || this.#hosts.some((isHost) => isHost(own));
    if (!isKnown && !this.#isAnyHostFine)
      throw new Refusal('HOST_NOT_ALLOWED', `This is not reached at ${own.host.slice(0, 200)}; see hosts`);
    const origin = headers.get('origin');
    if (origin !== null) {
      const isInvited = this.#origins.includes(origin) || (isKnown && isSameOrigin(origin, own));
      if (!isInvited) throw refused(origin);
      return;
    }
    const site = headers.get('sec-fetch-site');
    if (site === null) return;
    // Without an Origin a browser only reads, and lets nobody see the answer but the page itself.
    const fromHere =
      site === 'same-origin' || site === 'none' || headers.get('sec-fetch-mode') === 'navigate';
    if (!isKnown || !fromHere) throw refused(isKnown ? 'another site' : own.origin);
  }

  /** What lets scripts of an allowed origin read the answer (Fetch standard, "CORS protocol"). */
  corsHeaders({ headers }: Request): Record<string, string> {
    const origin = headers.get('origin');
    if (this.#origins.length === 0) return {};
    if (origin === null || !this.#origins.includes(origin)) return { vary: 'Origin' };
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'Retry-After',
    };
  }
}

export function preflightHeaders(methods: readonly string[]): Record<string, string> {
  return {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': 'Authorization, Content-Type',
    'access-control-max-age': '600',
  };
}

/** TLS may end at a proxy, so the scheme does not count. */
function isSameOrigin(origin: string, own: URL): boolean {
  return URL.canParse(origin) && new URL(origin).host === own.host;
}

/** Whether the host is one that the domain name system has no say in. */
function hasFixedHost({ hostname }: URL): boolean {
  return /^(localhost|.+\.localhost|\[.*\]|\d+\.\d+\.\d+\.\d+)$/.test(hostname);
}

function refused(origin: string): Refusal {
  return new Refusal(
    'ORIGIN_NOT_ALLOWED',
    `Browsers may not call from ${origin.slice(0, 200)}; see allowedOrigins`,
  );
}
