import type { AccessToken } from './token-provider.js';

/** Visible ASCII without spaces: wider than RFC 6750 section 2.1, and safe in a header. */
const TOKEN = /^[\x21-\x7e]+$/;
/** An instant before March 1973 is a time in seconds that was meant to be milliseconds. */
const EARLIEST_EXPIRY_MS = 1e11;

/** What is wrong with a bearer token, without its value, or `undefined` if nothing is. */
export function problemOfToken(token: unknown): string | undefined {
  if (typeof token !== 'string') return `expected a string, got a value of type ${typeof token}`;
  if (token === '') return 'is empty';
  if (/^bearer\s/i.test(token)) return 'starts with "Bearer "; give the token alone';
  if (!TOKEN.test(token)) return 'has white space, line breaks or other characters that no token has';
  return undefined;
}

/** What is wrong with a provider's answer by the contract of `TokenProvider`, without its value. */
export function problemOfAnswer(answer: unknown): string | undefined {
  if (answer === undefined) return undefined;
  return typeof answer === 'object' && answer !== null ? problemOfObject(answer) : problemOfToken(answer);
}

function problemOfObject({
  token,
  expiresAt,
  scopes,
}: { [Key in keyof AccessToken]?: unknown }): string | undefined {
  const problem = problemOfToken(token);
  if (problem !== undefined) return problem;
  if (expiresAt !== undefined) {
    if (typeof expiresAt !== 'number' || Number.isNaN(expiresAt))
      return 'has an expiresAt that is not a number';
    if (expiresAt < EARLIEST_EXPIRY_MS) return 'has an expiresAt in seconds; it must be epoch milliseconds';
  }
  if (
    scopes !== undefined &&
    !(Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string'))
  ) {
    return 'has scopes that are not a list of strings';
  }
  return undefined;
}
