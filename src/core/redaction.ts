const REDACTED = '[redacted]';
/** Shorter texts are no secrets, and stripping them would garble messages. */
const SHORTEST_SECRET = 4;

/** `text` without the secrets, in whatever usual encoding it repeats them. */
export function withoutSecrets(text: string, secrets: Iterable<string>): string {
  return (
    [...new Set(secrets)]
      .filter((secret) => secret.length >= SHORTEST_SECRET)
      .flatMap(formsOf)
      // One may be a part of another.
      .sort((a, b) => b.length - a.length)
      .reduce((shown, form) => shown.replaceAll(form, REDACTED), text)
  );
}

/** `application/x-www-form-urlencoded` for a single text (RFC 6749 appendix B). */
export function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const percentEncoded = percentEncodedForm(secret);
  return [
    secret,
    formEncoded(secret),
    percentEncoded,
    percentEncoded.replace(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase()),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('base64'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ];
}

function percentEncodedForm(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    // Half a surrogate pair has no such form.
    return text;
  }
}
