import type { HttpResponse } from '../../net/http.js';

/** Far more than a balancer sets. */
const MAX_COOKIES = 50;
const MAX_CHARACTERS = 4_096;

/**
 * The cookies that a server sets in one session, as load balancers do to lead all its requests to one replica (RFC 6265).
 * They go back to the origin of that session and nowhere else, and end with it.
 */
export class Cookies {
  /** Most servers set none. */
  #cookies: Map<string, string> | undefined;

  /** Takes note of what a response sets. @returns whether the cookies to send have changed */
  read(response: HttpResponse): boolean {
    let changed = false;
    for (const field of response.headers.getSetCookie?.() ?? []) {
      if (field.length <= MAX_CHARACTERS) changed = this.#set(field) || changed;
    }
    return changed;
  }

  /** The `Cookie` field, behind the cookies that are configured. */
  header(configured: string | undefined): string | undefined {
    const own = [...(this.#cookies ?? [])].map(([name, value]) => `${name}=${value}`);
    const all = configured === undefined ? own : [configured, ...own];
    return all.length === 0 ? undefined : all.join('; ');
  }

  values(): Iterable<string> {
    return this.#cookies?.values() ?? [];
  }

  #set(field: string): boolean {
    const [pair = '', ...attributes] = field.split(';');
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals).trim();
    const value = pair.slice(equals + 1).trim();
    if (equals < 1 || name === '' || !/^[\x20-\x7e]*$/.test(name + value)) return false;
    this.#cookies ??= new Map();
    if (isExpired(attributes)) return this.#cookies.delete(name);
    if (this.#cookies.get(name) === value) return false;
    if (this.#cookies.size >= MAX_COOKIES && !this.#cookies.has(name)) return false;
    this.#cookies.set(name, value);
    return true;
  }
}

function isExpired(attributes: readonly string[]): boolean {
  for (const attribute of attributes) {
    const [name = '', value = ''] = attribute.split('=', 2).map((part) => part.trim());
    // RFC 6265 section 5.2.2: before `Expires`, which older servers add.
    if (/^max-age$/i.test(name)) return /^(-\d+|0+)$/.test(value);
  }
  return attributes.some((attribute) => {
    const at = /^\s*expires\s*=\s*(.*)$/i.exec(attribute)?.[1];
    return at !== undefined && Date.parse(at) <= Date.now();
  });
}
