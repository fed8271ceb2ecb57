import { ConfigError } from '../../core/errors.js';
import { nearest } from '../../core/nearest.js';
import type { Field, Input } from './schema.js';
import { type Part, Word } from './word.js';

/**
 * Values for the inputs of a server, by name: of an environment variable, a header, a variable, a named argument
 * (with or without its dashes), or by the hint of a positional argument. An array is for arguments that may be
 * repeated; `true` is a named argument without a value.
 */
export type RegistryInputValues = Readonly<Record<string, InputValue>>;
export type InputValue = string | number | boolean | readonly (string | number)[];

const LONGEST_DESCRIPTION = 200;

/** Fills in the fields of one server, and keeps account of what was asked and what was given. */
export class InputAnswers {
  readonly #given: ReadonlyMap<string, InputValue>;
  /** Everything that could be answered, by name. */
  readonly #asked = new Set<string>();
  readonly #missing = new Map<string, Input>();

  constructor(values: RegistryInputValues) {
    if (typeof values !== 'object' || values === null || Array.isArray(values))
      throw new ConfigError('inputs', 'expected an object of values by name');
    this.#given = new Map(Object.entries(values).filter(([, value]) => value !== undefined));
  }

  /** The value of a field; `undefined` where it is left out. */
  word(name: string, field: Field): Word | undefined {
    const [first, ...more] = this.words(name, field);
    if (more.length > 0) throw new ConfigError(`inputs.${name}`, 'expected one value, got an array');
    return first;
  }

  /** The values of a field that may be repeated; none where it is left out. */
  words(name: string, field: Field): Word[] {
    if (field.value === undefined) return this.#answer(name, field).map((part) => new Word([part]));
    const parts = this.#filled(field.value, field.variables, field.isRequired === true);
    return parts === undefined ? [] : [new Word(parts)];
  }

  /** `true` and `false`, for an argument without a value. */
  flag(name: string): boolean | undefined {
    const value = this.#valueOf(name);
    if (typeof value !== 'boolean') return undefined;
    this.#asked.add(name);
    return value;
  }

  /** `{name}` is replaced where there is a variable of that name, once. `undefined` where one has no value. */
  substituted(
    template: string,
    variables: ReadonlyMap<string, Input>,
    required: boolean,
    encode: (value: string) => string = (value) => value,
  ): string | undefined {
    const parts = this.#filled(template, variables, required, encode);
    return parts?.map(({ text }) => text).join('');
  }

  /** @throws {ConfigError} for what is missing, and for what was given and nobody asked for. */
  finish(server: string): void {
    const [first] = this.#missing;
    if (first !== undefined) {
      const [name, input] = first;
      const others = [...this.#missing.keys()].slice(1).map(shownName);
      const also = others.length === 0 ? '' : `; also missing: ${others.join(', ')}`;
      throw new ConfigError(`inputs.${shownName(name)}`, `${server} needs a value${described(input)}${also}`);
    }
    for (const name of this.#given.keys()) {
      if ([...this.#asked].some((asked) => undashed(asked) === undashed(name))) continue;
      const best = nearest(name, this.#asked)[0];
      const hint = best === undefined ? '' : `; did you mean ${shownName(best)}?`;
      throw new ConfigError(`inputs.${shownName(name)}`, `is no input of ${server}${hint}`);
    }
  }

  #filled(
    template: string,
    variables: ReadonlyMap<string, Input>,
    required: boolean,
    encode: (value: string) => string = (value) => value,
  ): Part[] | undefined {
    let complete = true;
    const parts: Part[] = [];
    let end = 0;
    for (const match of template.matchAll(/\{([^{}]+)\}/g)) {
      const [braces, name = ''] = match;
      const variable = variables.get(name);
      if (variable === undefined) continue;
      parts.push({ text: template.slice(end, match.index) });
      end = match.index + braces.length;
      const [value, ...more] =
        variable.value === undefined
          ? this.#answer(name, { ...variable, isRequired: variable.isRequired ?? required })
          : [{ text: variable.value }];
      if (more.length > 0) throw new ConfigError(`inputs.${name}`, 'expected one value, got an array');
      if (value === undefined) complete = false;
      else parts.push({ ...value, text: encode(value.text) });
    }
    return complete ? [...parts, { text: template.slice(end) }] : undefined;
  }

  /** One of the publisher's choices is the publisher's word, like a default. */
  #answer(name: string, input: Input): Part[] {
    this.#asked.add(name);
    const given = this.#valueOf(name);
    const value = given ?? input.default;
    if (value === undefined) {
      if (input.isRequired) this.#missing.set(name, input);
      return [];
    }
    const free = given !== undefined && (input.choices ?? []).length === 0;
    return (Array.isArray(value) ? value : [value]).map((one) => ({
      text: checked(name, input, one),
      ...(free && { input: shownName(name) }),
    }));
  }

  #valueOf(name: string): InputValue | undefined {
    return this.#given.get(name) ?? this.#given.get(undashed(name));
  }
}

/** The inputs that a field asks for, by name. */
export function namesIn(name: string, field: Field): [string, Input][] {
  const { value, variables } = field;
  if (value === undefined) return [[name, field]];
  return [...variables].filter(
    ([one, variable]) => variable.value === undefined && value.includes(`{${one}}`),
  );
}

/** Never with the value in the message: it may be a secret. */
function checked(name: string, { choices, format }: Input, value: unknown): string {
  const fault = (problem: string) => new ConfigError(`inputs.${shownName(name)}`, problem);
  if (!['string', 'number', 'boolean'].includes(typeof value))
    throw fault('expected a text, number or boolean');
  const text = String(value);
  if (text.includes('\0')) throw fault('must not hold a NUL character');
  if (choices !== undefined && choices.length > 0 && !choices.includes(text))
    throw fault(
      `expected one of ${choices.map((choice) => JSON.stringify(choice.slice(0, 100))).join(', ')}`,
    );
  if (format === 'number' && (text.trim() === '' || !Number.isFinite(Number(text))))
    throw fault('expected a number');
  if (format === 'boolean' && text !== 'true' && text !== 'false') throw fault('expected true or false');
  return text;
}

function undashed(name: string): string {
  return name.replace(/^-+/, '');
}

/** Words of the publisher, on one line. */
function described({ description }: Input): string {
  const words = oneLine(description ?? '').slice(0, LONGEST_DESCRIPTION);
  return words === '' ? '' : `: ${words}`;
}

function shownName(name: string): string {
  return oneLine(name).slice(0, 100);
}

export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ').trim();
}
