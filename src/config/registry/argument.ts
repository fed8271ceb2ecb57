import { ConfigError } from '../../core/errors.js';
import type { InputAnswers } from './inputs.js';
import type { RegistryArgument } from './schema.js';
import type { Word } from './word.js';

/** An argument with its answers. Without a `name` it is positional. */
export interface AnsweredArgument {
  readonly name?: string;
  /** `undefined`: the name stands alone. Empty: the argument is left out. */
  readonly values: readonly Word[] | undefined;
}

/** What a caller calls an argument. */
export function nameOf(argument: RegistryArgument, position: number): string {
  return argument.type === 'named' ? argument.name : (argument.valueHint ?? `argument${position + 1}`);
}

/** @throws {ConfigError} */
export function answered(
  argument: RegistryArgument,
  position: number,
  answers: InputAnswers,
  path: string,
): AnsweredArgument {
  const name = nameOf(argument, position);
  const named = argument.type === 'named' ? { name: argument.name } : {};
  if (argument.type === 'named') {
    checkCharacters(argument.name, path);
    if (argument.value === '') return { ...named, values: undefined };
    const flag = argument.format === 'boolean' ? undefined : answers.flag(name);
    if (flag !== undefined) return { ...named, values: flag ? undefined : [] };
  }
  const values = answers.words(name, argument);
  if (values.length > 1 && argument.isRepeated !== true)
    throw new ConfigError(`inputs.${name}`, 'expected one value, got an array');
  for (const { text } of values) checkCharacters(text, path);
  // Else an answer could be taken for an option.
  if (argument.type === 'positional' && argument.format !== 'number')
    for (const { text, firstInput } of values)
      if (firstInput !== undefined && text.startsWith('-')) throw dash(firstInput);
  return { ...named, values };
}

/** The words of an argument of the package itself, which publishers are free to choose. */
export function wordsOf({ name, values }: AnsweredArgument): string[] {
  if (values === undefined) return name === undefined ? [] : [name];
  return values.flatMap(({ text, firstInput }) => {
    if (name === undefined) return [text];
    if (!text.startsWith('-')) return [name, text];
    if (name.startsWith('--')) return [`${name}=${text}`];
    if (firstInput === undefined) return [name, text];
    throw dash(firstInput);
  });
}

function dash(input: string): ConfigError {
  return new ConfigError(`inputs.${input}`, 'must not begin with a dash');
}

function checkCharacters(text: string, path: string): void {
  if (text.includes('\0')) throw new ConfigError(path, 'must not hold a NUL character');
}
