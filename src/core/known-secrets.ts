/** Shorter texts are no secrets, and cutting them out would garble messages. */
const SHORTEST_SECRET = 4;
/** Encoded pieces shorter than this match by accident. */
const SHORTEST_PIECE = 6;
/** Longest secret that is looked for: a key in PEM, and more. */
const LONGEST_SECRET = 16_384;
/** Secrets that come and go (tokens, session ids) and are remembered at the same time. */
const MOST_PASSING = 1_024;
/** Forms are found by their last characters: ends differ where beginnings, such as those of JWTs, are alike. */
const LONG_ENDING = 8;
const SHORT_ENDING = 4;

const REDACTED = '[redacted]';

/**
 * The secrets of one server: cuts them out of text in the usual encodings, whatever the case of their letters.
 * The forms of a secret are worked out when a text is first looked at after it was added: who meets no untrusted
 * text pays for none.
 */
export class KnownSecrets {
  readonly #lasting = new Set<string>();
  /** In the order of their last use. */
  readonly #passing = new Set<string>();
  #index: FormIndex | undefined;
  readonly #mostPassing: number;
  #latest: string | undefined;

  /** @param mostPassing secrets of {@link passing} that are known at the same time; the least recently used goes first. */
  constructor(mostPassing = MOST_PASSING) {
    this.#mostPassing = mostPassing;
  }

  /** A secret of the configuration. It is known for good. */
  add(secret: string): void {
    if (isLookedFor(secret)) this.#lasting.add(secret);
  }

  /** A secret that is sent for a while: a token, a session id. */
  passing(secret: string): void {
    // Most requests send the token of the request before.
    if (secret === this.#latest || !isLookedFor(secret) || this.#lasting.has(secret)) return;
    this.#latest = secret;
    this.#passing.delete(secret);
    this.#passing.add(secret);
    if (this.#passing.size <= this.#mostPassing) return;
    const [oldest] = this.#passing;
    this.#passing.delete(oldest as string);
  }

  /** Every secret that is known now. */
  list(): string[] {
    return [...this.#lasting, ...this.#passing];
  }

  /** Characters of the longest form of a secret: a text must be looked at so far beyond the place where it is cut. */
  get longestForm(): number {
    return this.#compiled.longest;
  }

  /**
   * `text` with each secret replaced.
   * @param start of the part to return; a secret that reaches into it counts.
   * @param end of that part.
   */
  redact(text: string, start = 0, end = text.length): string {
    if (this.#lasting.size + this.#passing.size === 0) return text.slice(start, end);
    let shown = '';
    let at = start;
    for (const found of this.#compiled.occurrencesIn(text)) {
      if (found.end <= start || found.start >= end) continue;
      shown += text.slice(at, Math.max(at, found.start)) + REDACTED;
      at = found.end;
    }
    return shown + text.slice(at, Math.max(at, end));
  }

  get #compiled(): FormIndex {
    this.#index ??= new FormIndex();
    this.#index.update([this.#lasting, this.#passing]);
    return this.#index;
  }
}

function isLookedFor(secret: string): boolean {
  return secret.length >= SHORTEST_SECRET && secret.length <= LONGEST_SECRET;
}

interface Occurrence {
  readonly start: number;
  readonly end: number;
}

/** Finds the forms of many secrets in one pass over a text. */
class FormIndex {
  readonly #formsOf = new Map<string, readonly string[]>();
  readonly #longByEnding = new Map<string, Set<string>>();
  readonly #shortByEnding = new Map<string, Set<string>>();
  longest = 0;

  /** Makes the secrets found be those of `sets`, and works only on what has changed. */
  update(sets: readonly ReadonlySet<string>[]): void {
    const wanted = sets.reduce((sum, { size }) => sum + size, 0);
    for (const set of sets) {
      for (const secret of set) if (!this.#formsOf.has(secret)) this.#add(secret);
    }
    if (this.#formsOf.size === wanted) return;
    for (const secret of this.#formsOf.keys()) {
      if (!sets.some((set) => set.has(secret))) this.#remove(secret);
    }
  }

  /** Where a form stands in `text`, in order; those that overlap are one. */
  occurrencesIn(text: string): Occurrence[] {
    const lower = lowerCase(text);
    const found: Occurrence[] = [];
    for (let end = SHORT_ENDING; end <= lower.length; end++) {
      const start = Math.min(
        this.#startOf(lower, end, LONG_ENDING, this.#longByEnding),
        this.#startOf(lower, end, SHORT_ENDING, this.#shortByEnding),
      );
      if (start === Number.POSITIVE_INFINITY) continue;
      // What ends later may begin earlier.
      let first = start;
      while (found.length > 0 && (found.at(-1) as Occurrence).end >= first) {
        first = Math.min(first, (found.pop() as Occurrence).start);
      }
      found.push({ start: first, end });
    }
    return found;
  }

  /** Where the longest form that ends at `end` begins. */
  #startOf(lower: string, end: number, ending: number, index: Map<string, Set<string>>): number {
    if (index.size === 0 || end < ending) return Number.POSITIVE_INFINITY;
    let longest = 0;
    for (const form of index.get(lower.slice(end - ending, end)) ?? []) {
      if (form.length > longest && lower.startsWith(form, end - form.length)) longest = form.length;
    }
    return longest === 0 ? Number.POSITIVE_INFINITY : end - longest;
  }

  #add(secret: string): void {
    const forms = formsOf(secret);
    this.#formsOf.set(secret, forms);
    for (const form of forms) {
      const index = this.#indexFor(form);
      const ending = endingOf(form);
      const alike = index.get(ending) ?? new Set();
      index.set(ending, alike.add(form));
      this.longest = Math.max(this.longest, form.length);
    }
  }

  #remove(secret: string): void {
    const forms = this.#formsOf.get(secret) ?? [];
    this.#formsOf.delete(secret);
    for (const form of forms) {
      const index = this.#indexFor(form);
      const alike = index.get(endingOf(form));
      alike?.delete(form);
      if (alike?.size === 0) index.delete(endingOf(form));
    }
  }

  #indexFor(form: string): Map<string, Set<string>> {
    return form.length >= LONG_ENDING ? this.#longByEnding : this.#shortByEnding;
  }
}

function endingOf(form: string): string {
  return form.slice(form.length >= LONG_ENDING ? -LONG_ENDING : -SHORT_ENDING);
}

/** The forms in which a peer may repeat a secret, in lower case. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = bytes.toString('base64');
  const forms = [secret, formEncoded(secret), percentEncoded(secret), JSON.stringify(secret).slice(1, -1)];
  const pieces = [bytes.toString('hex'), base64, base64.replace(/=+$/, ''), bytes.toString('base64url')];
  // In the base64 of a longer text the secret begins at any of three places within a group.
  for (const offset of [0, 1, 2]) {
    const piece = base64Piece(bytes, offset);
    pieces.push(piece, piece.replaceAll('+', '-').replaceAll('/', '_'));
  }
  const long = pieces.filter(({ length }) => length >= SHORTEST_PIECE);
  return [...new Set([...forms, ...long].map(lowerCase))];
}

/** The characters of base64 that depend on nothing but these bytes, when `offset` bytes of a group stand before them. */
function base64Piece(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const wholeGroups = Math.floor((offset + bytes.length) / 3) * 4;
  const first = offset === 0 ? 0 : offset + 1;
  return encoded.slice(first, wholeGroups);
}

/** `application/x-www-form-urlencoded` for a single text (RFC 6749 appendix B). */
export function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function percentEncoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    // Half a surrogate pair has no such form.
    return text;
  }
}

/** In lower case and of the same length, so that places in the one are places in the other. */
function lowerCase(text: string): string {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
