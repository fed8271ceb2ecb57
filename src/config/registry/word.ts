/** A piece of an argument: the publisher's own, or the caller's answer to `input`. */
export interface Part {
  readonly text: string;
  readonly input?: string;
}

/** An argument of a command that knows who said which part of it. */
export class Word {
  readonly text: string;
  readonly parts: readonly Part[];

  constructor(parts: readonly Part[]) {
    this.parts = parts.filter(({ text }) => text !== '');
    this.text = this.parts.map(({ text }) => text).join('');
  }

  /** The input whose answer stands from `start` to `end`: whole, or as a piece of a word that is one answer. */
  inputAt(start: number, end: number): string | undefined {
    const [only, ...others] = this.parts;
    if (others.length === 0) return only?.input;
    let at = 0;
    for (const { text, input } of this.parts) {
      if (at === start && at + text.length === end) return input;
      at += text.length;
    }
    return undefined;
  }

  /** The input whose answer the word begins with. */
  get firstInput(): string | undefined {
    return this.parts[0]?.input;
  }

  /** An input that has a part in it. */
  get someInput(): string | undefined {
    return this.parts.find(({ input }) => input !== undefined)?.input;
  }

  /** What stands behind the first `count` characters. An answer that is cut is no longer an answer. */
  behind(count: number): Word {
    let left = count;
    return new Word(
      this.parts.map((part) => {
        const cut = Math.min(left, part.text.length);
        left -= cut;
        return cut === 0 ? part : { text: part.text.slice(cut) };
      }),
    );
  }
}
