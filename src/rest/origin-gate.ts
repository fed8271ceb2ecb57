import { Refusal } from './problem.js';

/**
 * Keeps web pages out that were not invited (cross-site request forgery, DNS rebinding). Programs send neither
 * `Origin` nor `Sec-Fetch-Site`, and pass.
 *
 * A page may call from its own origin where nobody can forge that: at `localhost` and at addresses. A name can be
 * made to lead here by whoever owns it, so it has to be in the list of origins.
 * @throws {Refusal} 403
 */
export function checkOrigin({ headers, url }: Request, allowedOrigins: readonly string[]): void {
  const origin = headers.get('origin');
  const own = new URL(url);
  if (origin !== null) {
    const invited = allowedOrigins.includes(origin) || (hasFixedHost(own) && isSameOrigin(origin, own));
    if (!invited) throw refused(origin);
    return;
  }
  const site = headers.get('sec-fetch-site');
  if (site === null) return;
  // Without an Origin a browser only reads, and lets nobody see the answer but the page itself.
  const known = hasFixedHost(own) || allowedOrigins.some((one) => new URL(one).host === own.host);
  const fromHere = site === 'same-origin' || site === 'none' || headers.get('sec-fetch-mode') === 'navigate';
  if (!known || !fromHere) throw refused(known ? 'another site' : own.origin);
}

/** What lets scripts of an allowed origin read the answer (Fetch standard, "CORS protocol"). */
export function corsHeaders({ headers }: Request, allowedOrigins: readonly string[]): Record<string, string> {
  const origin = headers.get('origin');
  if (allowedOrigins.length === 0) return {};
  if (origin === null || !allowedOrigins.includes(origin)) return { vary: 'Origin' };
  return {
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'Retry-After',
  };
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
