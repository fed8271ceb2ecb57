/** Begins like a date of RFC 9110 section 5.6.7; `Date.parse` alone finds dates in any junk. */
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/** Milliseconds to wait by a `Retry-After` field (RFC 9110 section 10.2.3), or `undefined` if it says nothing usable. */
export function parseRetryAfter(header: string | null): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000;
  const at = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
