import type { RegistryPackage } from './schema.js';
import type { Word } from './word.js';

/**
 * An option that publishers may give to the command that runs their package. What is not on the list of a runner is
 * refused, and so is a value of another form, or a second value: most commands take the last one.
 */
export interface RunnerOption {
  readonly names: readonly string[];
  /** `implied`: every package is run with it. `environment`: its value is a variable, or the name of one. */
  readonly kind: 'flag' | 'implied' | 'value' | 'environment';
  readonly repeatable?: boolean;
  /** What is wrong with a value. */
  problem?(value: Word, pack: RegistryPackage): Problem | undefined;
}

export interface Problem {
  readonly text: string;
  /** Where the caller said it, and not the publisher. */
  readonly input?: string | undefined;
}

export function flags(...names: string[]): RunnerOption[] {
  return names.map((name) => ({ names: name.split(' '), kind: 'flag' }));
}

export function implied(...names: string[]): RunnerOption[] {
  return names.map((name) => ({ names: name.split(' '), kind: 'implied' }));
}

/** An option whose values have a form, for example `512m`. */
export function valued(names: string, form: RegExp, expected: string): RunnerOption {
  return {
    names: names.split(' '),
    kind: 'value',
    problem: ({ text, someInput }) =>
      form.test(text) ? undefined : { text: `expected ${expected}`, input: someInput },
  };
}
