/** RFC 6749 section 3.3: visible ASCII without quotation mark and backslash. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

export function isScope(value: unknown): value is string {
  return typeof value === 'string' && SCOPE.test(value);
}

/** The scopes in a `scope` field; what is none is left out. */
export function splitScopes(text: string): string[] {
  return text.split(/\s+/).filter(isScope);
}

/** Each scope once, in the order of their first mention. */
export function unionOf(...lists: ReadonlyArray<readonly string[] | undefined>): readonly string[] {
  return [...new Set(lists.flatMap((list) => list ?? []))];
}
