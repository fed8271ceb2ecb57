import { ConfigError } from '../../core/errors.js';
import { type AnsweredArgument, wordsOf } from './argument.js';
import { checkName, type PackageEnvironment } from './environment.js';
import { oneLine } from './inputs.js';
import type { RunnerOption } from './options.js';
import type { Runner } from './runners.js';
import type { RegistryPackage } from './schema.js';
import { Word } from './word.js';

const WHAT_TO_DO = 'if you trust it, write the command in your own configuration';

/** An option as it is written, which waits for its value in the next argument. */
interface Open {
  readonly option: RunnerOption;
  readonly name: string;
  readonly path: string;
}

/**
 * The arguments of the command that runs a package, one after the other as publishers wrote them. Only what is on the
 * list of the runner gets through, for some options give the machine away.
 */
export class RuntimeArguments {
  readonly #pack: RegistryPackage;
  readonly #runner: Runner;
  readonly #environment: PackageEnvironment;
  readonly #options: string[] = [];
  readonly #own: string[] = [];
  readonly #seen = new Set<RunnerOption>();
  #open: Open | undefined;
  #first = true;
  /** The package has been named: what follows is its own. */
  #named = false;

  constructor(pack: RegistryPackage, runner: Runner, environment: PackageEnvironment) {
    this.#pack = pack;
    this.#runner = runner;
    this.#environment = environment;
  }

  /** @throws {ConfigError} */
  add(argument: AnsweredArgument, path: string): void {
    if (this.#named) {
      this.#own.push(...wordsOf(argument));
      return;
    }
    const { name, values } = argument;
    if (name === undefined) {
      for (const word of values ?? []) this.#positional(word, path);
      return;
    }
    this.#close();
    const word = new Word([{ text: name }]);
    // Refused even where it is left out: it is there to be asked for.
    this.#known(word, path);
    for (const value of values ?? [undefined]) this.#option(word, value, path);
  }

  /** @throws {ConfigError} */
  finish(): { readonly options: readonly string[]; readonly own: readonly string[] } {
    this.#close();
    return { options: this.#options, own: this.#own };
  }

  #positional(word: Word, path: string): void {
    const { text } = word;
    const open = this.#open;
    const first = this.#first;
    this.#first = false;
    if (this.#named) this.#own.push(text);
    else if (open !== undefined) {
      this.#open = undefined;
      this.#value(open, word);
    } else if (text.startsWith('-')) this.#option(word, undefined, path);
    else if (this.#isPackage(text)) this.#named = true;
    else if (!first || text !== this.#runner.subcommand) throw this.#refusal(word, path);
  }

  /** `--name value`, `--name=value` and `-n value`. */
  #option(word: Word, separate: Word | undefined, path: string): void {
    this.#first = false;
    const { option, name } = this.#known(word, path);
    const joined = word.text === name ? undefined : word.behind(name.length + 1);
    if (joined !== undefined && (separate?.text ?? '') !== '')
      throw wrong(name, 'is given more than once', path);
    const value = joined ?? separate;
    const open = { option, name, path };
    if (value !== undefined) this.#value(open, value);
    else if (option.kind === 'flag' || option.kind === 'implied') this.#flag(option, name);
    else this.#open = open;
  }

  /** Short options that are joined, with one another or with a value, are not taken apart, and so not known. */
  #known(word: Word, path: string): { option: RunnerOption; name: string } {
    const { text } = word;
    const equals = text.startsWith('--') ? text.indexOf('=') : -1;
    const name = equals < 0 ? text : text.slice(0, equals);
    const option = this.#runner.options.find(({ names }) => names.includes(name));
    if (option === undefined) throw this.#refusal(word, path);
    return { option, name };
  }

  #flag(option: RunnerOption, name: string): void {
    if (option.kind === 'flag' && !this.#seen.has(option)) this.#options.push(name);
    this.#seen.add(option);
  }

  #value({ option, name, path }: Open, value: Word): void {
    const { kind } = option;
    if (kind === 'flag' || kind === 'implied') {
      if (value.text === 'true') this.#flag(option, name);
      else if (value.text !== 'false') throw wrong(name, 'expected no value', path);
      return;
    }
    if (kind === 'environment') {
      this.#variable(value, path);
      return;
    }
    if (this.#seen.has(option) && option.repeatable !== true)
      throw wrong(name, 'is given more than once', path);
    this.#seen.add(option);
    const problem = option.problem?.(value, this.#pack);
    if (problem?.input !== undefined) throw new ConfigError(`inputs.${problem.input}`, problem.text);
    if (problem !== undefined) throw wrong(name, problem.text, path);
    this.#options.push(name, value.text);
  }

  /** `NAME=value`. A name alone is that of a variable which the package has anyway, or one of ours that it gets not. */
  #variable(variable: Word, path: string): void {
    const equals = variable.text.indexOf('=');
    const name = equals < 0 ? variable.text : variable.text.slice(0, equals);
    checkName(name, path);
    if (equals >= 0) this.#environment.set(name, variable.behind(equals + 1), path);
  }

  #isPackage(text: string): boolean {
    const { nameOf, reference } = this.#runner;
    return [this.#pack.identifier, reference(this.#pack)].some((own) => nameOf(own) === nameOf(text));
  }

  #close(): void {
    if (this.#open !== undefined) throw wrong(this.#open.name, 'expected a value', this.#open.path);
  }

  #refusal({ text, someInput }: Word, path: string): ConfigError {
    // An answer may be a secret.
    const what = someInput === undefined ? JSON.stringify(oneLine(text).slice(0, 40)) : 'this';
    return new ConfigError(
      path,
      `${what} is not an argument that publishers may give to ${this.#runner.command}; ${WHAT_TO_DO}`,
    );
  }
}

function wrong(name: string, problem: string, path: string): ConfigError {
  return new ConfigError(path, `${name}: ${problem}; ${WHAT_TO_DO}`);
}
