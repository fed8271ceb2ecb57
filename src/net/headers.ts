import { ConfigError } from '../core/errors.js';
import { VERSION } from '../core/version.js';

/** RFC 9110 section 10.1.5: many firewalls refuse requests without it. */
export const USER_AGENT = `mcp-fleet/${VERSION}`;

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Visible ASCII, with spaces and tabs inside (RFC 9110 section 5.5, without the obsolete part). */
const VALUE = /^[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?$/;
/** They frame the message or belong to the protocol. */
const RESERVED = /^(host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|mcp-.*)$/i;

/**
 * Checks header fields given by a user, before anything else sees them: the errors of `Headers` and of
 * undici would print the value.
 * @throws {ConfigError} naming the field, never the value.
 */
export function checkHeaders(headers: Readonly<Record<string, string>>, path: string): void {
  for (const [index, [name, value]] of Object.entries(headers).entries()) {
    const problem = problemOf(name, value);
    // What is no name may be a whole field, secret included: its place has to do.
    if (problem !== undefined)
      throw new ConfigError(TOKEN.test(name) ? `${path}.${name}` : `${path}[${index}]`, problem);
  }
}

function problemOf(name: string, value: unknown): string | undefined {
  if (!TOKEN.test(name)) return 'is not a header name (RFC 9110 section 5.6.2)';
  if (RESERVED.test(name)) return 'is set by the library itself and cannot be configured';
  if (typeof value !== 'string') return `expected a string, got a value of type ${typeof value}`;
  if (!isHeaderValue(value)) return 'has a value with characters other than visible ASCII and inner spaces';
  return undefined;
}

export function isHeaderValue(value: string): boolean {
  return value === '' || VALUE.test(value);
}

/** Names are case-insensitive (RFC 9110 section 5.1): a field must not go out in two spellings. */
export function lowerCaseNames(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
}
