/** Something that a tool's schema says and the vendor's schema cannot say. */
export interface SchemaLoss {
  /** Qualified name of the tool. */
  readonly tool: string;
  /** Where it stands in the tool's `inputSchema`, as a JSON pointer (RFC 6901), for example `/properties/age/minimum`. */
  readonly path: string;
  /** The keyword, for example `minimum`. */
  readonly keyword: string;
  /**
   * `described`: it now stands in the description, where the model reads it. `approximated`: something near it
   * is left. `dropped`: it is gone.
   */
  readonly fate: 'described' | 'approximated' | 'dropped';
  /** What was done instead, where the fate does not say it all. */
  readonly note?: string;
}

export interface SchemaOptions {
  /** Called for each thing that a schema loses on its way to the vendor, in the order of the tools. */
  onLoss?: (loss: SchemaLoss) => void;
}

/** Collects the losses of one tool. */
export class Losses {
  readonly all: SchemaLoss[] = [];

  constructor(readonly tool: string) {}

  add(path: string, keyword: string, fate: SchemaLoss['fate'], note?: string): void {
    this.all.push({ tool: this.tool, path, keyword, fate, ...(note !== undefined && { note }) });
  }
}

/** Of one keyword; longer values are cut. */
const MAX_NOTE_LENGTH = 1_000;

/** A description that ends with what its schema has no keywords for: `Your age. (minimum: 0; default: 18)`. */
export function describing(
  description: unknown,
  notes: readonly (readonly [keyword: string, value: unknown])[],
): string | undefined {
  const text = typeof description === 'string' ? description : '';
  if (notes.length === 0) return text === '' ? undefined : text;
  const shown = notes.map(
    ([keyword, value]) => `${keyword}: ${String(JSON.stringify(value)).slice(0, MAX_NOTE_LENGTH)}`,
  );
  return `${text}${text === '' ? '' : ' '}(${shown.join('; ')})`;
}
