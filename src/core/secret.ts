import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/** Holds a text that must not be printed: `toString`, `toJSON` and `util.inspect` answer `[redacted]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The text itself. Call it only where the text leaves for its destination. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
