import { stripVTControlCharacters } from 'node:util';
import { McpFleetError, RemoteError } from './errors.js';
import { KnownSecrets } from './known-secrets.js';

/** Key of the exit of a client. */
export const TEXT_EXIT: unique symbol = Symbol('mcp-fleet.text-exit');

/** Longest text of a peer within a message. */
const MAX_WORDS = 500;
/** Longest message of an error: our words, and those of a peer. */
const MAX_MESSAGE = 2_500;
/** A piece of text is looked at so far beyond what is shown of it: spaces and escapes in it are not shown. */
const LOOKED_AT = 4;
/** What may be kept of the data of an error or event: values, and characters of text in them. */
const MAX_VALUES = 10_000;
const MAX_CHARACTERS = 262_144;
const MAX_DEPTH = 64;
/** Errors below an error that are looked at. */
const MAX_CAUSES = 10;

/**
 * What a reader does not see, or what changes how the rest is seen: controls, zero-width characters, marks of direction
 * (Unicode TR9), tags, and halves of surrogate pairs.
 */
const INVISIBLE = /[\p{Cc}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]|\p{Cs}/gu;

/**
 * The one way by which text leaves for errors, events, log lines, snapshots and spans. Secrets are cut out, and what a
 * peer said becomes short, visible text on one line (terminal escapes and marks of direction forge log lines).
 */
export class TextExit {
  readonly #secrets: KnownSecrets;

  constructor(secrets: KnownSecrets = new KnownSecrets()) {
    this.#secrets = secrets;
  }

  /** The beginning of what a peer said, fit for a message. */
  words(text: string, { limit = MAX_WORDS, isWhole = true }: WordsOptions = {}): string {
    const margin = this.#secrets.longestForm;
    const looked = text.slice(0, limit * LOOKED_AT + margin);
    const atEnd = isWhole && looked.length === text.length;
    return cut(this.#clean(looked, 0, atEnd ? looked.length : Math.max(0, looked.length - margin)), limit);
  }

  /** The end of what a peer said, fit for a message. */
  lastWords(text: string, { limit = MAX_WORDS, isWhole = true }: WordsOptions = {}): string {
    const margin = this.#secrets.longestForm;
    const looked = text.slice(-(limit * LOOKED_AT + margin));
    const atStart = isWhole && looked.length === text.length;
    const shown = this.#clean(looked, atStart ? 0 : Math.min(margin, looked.length));
    return shown.length <= limit ? shown : `…${wellFormed(shown.slice(-limit))}`;
  }

  /** A name or URI: nothing secret, nothing invisible, cut only where it is absurd. */
  name(text: string): string {
    return this.words(text, { limit: MAX_MESSAGE });
  }

  /** JSON data of a peer with every text in it redacted, and no more of it than a reader can want. */
  data(value: unknown): unknown {
    return new Redaction(this.#secrets).of(value);
  }

  /**
   * An error on its way out, and the errors of ours that caused it. Cleaned in place, as often as it passes: what is
   * secret may be known later than the error.
   */
  error<E>(error: E): E {
    let at: unknown = error;
    for (let depth = 0; at instanceof McpFleetError && depth < MAX_CAUSES; depth++) {
      this.#cleanError(at);
      at = at.cause;
    }
    return error;
  }

  #cleanError(error: McpFleetError): void {
    const message = this.words(error.message, { limit: MAX_MESSAGE });
    if (message !== error.message) {
      const { stack } = error;
      const said = error.message;
      error.message = message;
      // The stack was written with the message.
      if (stack !== undefined) error.stack = stack.replace(said, () => message);
    }
    if (error instanceof RemoteError && error.data !== undefined) {
      (error as { data: unknown }).data = this.data(error.data);
    }
  }

  #clean(text: string, start?: number, end?: number): string {
    const redacted = this.#secrets.redact(text, start, end);
    const visible = visibleLine(redacted);
    // Invisible characters may have stood within a secret.
    return visible === redacted ? visible : this.#secrets.redact(visible);
  }
}

export interface WordsOptions {
  /** Characters at most. @default 500 */
  limit?: number;
  /** Whether the text is all that was said. What stands where it was cut off may be half a secret. @default true */
  isWhole?: boolean;
}

/** What a logger gets of an error: plain, and of causes that are not ours no more than class and code. */
export function loggable(error: McpFleetError): object {
  const causes: string[] = [];
  for (let at = error.cause; at !== undefined && causes.length < MAX_CAUSES; ) {
    if (at instanceof McpFleetError) causes.push(`${at.name} ${at.code}: ${at.message}`);
    else causes.push(describeForeign(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return { ...error.toJSON(), ...(causes.length > 0 && { causes }) };
}

const WORD = /^[A-Za-z]\w{0,39}$/;

function describeForeign(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `value of type ${typeof thrown}`;
  const { code } = thrown as { code?: unknown };
  const words = [thrown.name, code].filter((word) => typeof word === 'string' && WORD.test(word));
  return words.join(' ') || 'Error';
}

/** On one line, with characters that can be seen. */
function visibleLine(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\r\n\t\v\f\u0085\u2028\u2029]/g, ' ')
    .replace(INVISIBLE, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${wellFormed(text.slice(0, limit))}…`;
}

/** Without the half of a character at an end that was cut. */
function wellFormed(text: string): string {
  return text.replace(/^\p{Cs}|\p{Cs}$/gu, '');
}

/** Redacts one value, within bounds for all of it. */
class Redaction {
  readonly #secrets: KnownSecrets;
  #values = MAX_VALUES;
  #characters = MAX_CHARACTERS;

  constructor(secrets: KnownSecrets) {
    this.#secrets = secrets;
  }

  of(value: unknown, depth = 0): unknown {
    if (typeof value === 'string') return this.#text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth === MAX_DEPTH) return '…';
    return Array.isArray(value) ? this.#array(value, depth) : this.#object(value, depth);
  }

  #text(text: string): string {
    const allowed = Math.max(0, Math.min(text.length, this.#characters));
    this.#characters -= allowed;
    if (allowed === text.length) return this.#secrets.redact(text);
    const looked = text.slice(0, allowed + this.#secrets.longestForm);
    return `${this.#secrets.redact(looked, 0, allowed)}…`;
  }

  #array(items: readonly unknown[], depth: number): unknown[] {
    const kept: unknown[] = [];
    for (const item of items) {
      if (this.#values-- <= 0) {
        kept.push('…');
        break;
      }
      kept.push(this.of(item, depth + 1));
    }
    return kept;
  }

  #object(members: object, depth: number): object {
    const kept: [string, unknown][] = [];
    for (const name in members) {
      if (!Object.hasOwn(members, name)) continue;
      if (this.#values-- <= 0) {
        kept.push(['…', '…']);
        break;
      }
      kept.push([this.#text(name), this.of((members as Record<string, unknown>)[name], depth + 1)]);
    }
    return Object.fromEntries(kept);
  }
}
