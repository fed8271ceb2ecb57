import type { StdioServerConfig } from '../client/server-config.js';
import { ConfigError } from '../core/errors.js';
import { type InputAnswers, namesIn, oneLine } from './registry-inputs.js';
import { RUNNERS, type Runner } from './registry-runners.js';
import type { Input, RegistryArgument, RegistryPackage } from './registry-schema.js';

const ENVIRONMENT_OPTIONS = ['-e', '--env'];
const MOUNT_OPTIONS = ['-v', '--volume', '--mount'];
/** The variable in the place of what is mounted: `{path}:/data`, `type=bind,src={path},dst=/data`. */
const SOURCE_OF_MOUNT = /(?:^|,(?:src|source)=|^(?:src|source)=)\{([^{}]+)\}/;

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** They decide what the command itself runs, and where it gets it from. */
const COMMANDS_OWN_VARIABLES = /^(PATH|NODE_OPTIONS|(LD|DYLD|DOCKER|NPM_CONFIG|UV|PIP|DOTNET|NUGET)_.*)$/i;

/** The inputs of a package, by name. */
export function inputsOfPackage(pack: RegistryPackage): [string, Input][] {
  const all = [...pack.runtimeArguments, ...pack.packageArguments];
  return [
    ...all.flatMap((argument, position) => namesIn(nameOf(argument, position), argument)),
    ...pack.environmentVariables.flatMap((variable) => namesIn(variable.name, variable)),
  ];
}

/** The command that runs a package. Nothing is run here. @throws {ConfigError} */
export function commandOf(pack: RegistryPackage, answers: InputAnswers, path: string): StdioServerConfig {
  const runner = RUNNERS.get(pack.registryType) as Runner;
  const env = environmentOf(pack, answers, path);
  const runtime = pack.runtimeArguments.flatMap((argument, index) =>
    runtimeArgument(argument, runner, answers, env, `${path}.runtimeArguments.${index}`, index),
  );
  const own = pack.packageArguments.flatMap((argument, index) =>
    argumentOf(argument, pack.runtimeArguments.length + index, answers),
  );
  return {
    type: 'stdio',
    command: runner.command,
    args: runner.arguments({ pack, runtime, own, env: [...env.keys()] }),
    ...(env.size > 0 && { env: Object.fromEntries(env) }),
  };
}

function environmentOf(pack: RegistryPackage, answers: InputAnswers, path: string): Map<string, string> {
  const env = new Map<string, string>();
  for (const [index, variable] of pack.environmentVariables.entries()) {
    checkVariableName(variable.name, `${path}.environmentVariables.${index}.name`);
    const value = answers.text(variable.name, variable);
    if (value !== undefined) env.set(variable.name, value);
  }
  return env;
}

function checkVariableName(name: string, path: string): void {
  if (!VARIABLE_NAME.test(name)) throw new ConfigError(path, 'is not a name of an environment variable');
  if (COMMANDS_OWN_VARIABLES.test(name))
    throw new ConfigError(
      path,
      `${name} would change how the package is run, and is not for publishers to set`,
    );
}

/** An argument of the command that runs the package: only those that are known, for some give the machine away. */
function runtimeArgument(
  argument: RegistryArgument,
  { flags, options, command }: Runner,
  answers: InputAnswers,
  env: Map<string, string>,
  path: string,
  position: number,
): string[] {
  const words = argumentOf(argument, position, answers);
  const [option = '', ...values] = words[0]?.startsWith('--') ? splitAtEquals(words) : words;
  if (words.length === 0 || (flags.includes(option) && values.length === 0)) return words;
  if (!options.includes(option) || values.length === 0)
    throw new ConfigError(
      path,
      `${command} is not run with ${JSON.stringify(oneLine(option).slice(0, 40))} here`,
    );
  if (MOUNT_OPTIONS.includes(option)) checkMount(argument, answers, position, path);
  if (!ENVIRONMENT_OPTIONS.includes(option)) return words;
  for (const value of values) {
    const [, name = value, text] = /^([^=]*)=(.*)$/s.exec(value) ?? [];
    checkVariableName(name, path);
    if (text !== undefined) env.set(name, text);
  }
  return [];
}

/** What of this machine a container gets to see is for the caller to say. */
function checkMount(argument: RegistryArgument, answers: InputAnswers, position: number, path: string): void {
  const [, source] = SOURCE_OF_MOUNT.exec(argument.value ?? '') ?? [];
  const name = argument.value === undefined ? nameOf(argument, position) : source;
  if (name !== undefined && answers.says(name)) return;
  throw new ConfigError(path, 'what is mounted is not for publishers to say: its source must be an input');
}

function argumentOf(argument: RegistryArgument, position: number, answers: InputAnswers): string[] {
  const name = nameOf(argument, position);
  const values = (given: () => string[]): string[] => {
    const texts = given();
    if (texts.length > 1 && argument.isRepeated !== true)
      throw new ConfigError(`inputs.${name}`, 'expected one value, got an array');
    return texts;
  };
  if (argument.type === 'positional') {
    const texts = values(() => answers.texts(name, argument));
    // Else an answer could be taken for an option.
    if (
      argument.value === undefined &&
      argument.format !== 'number' &&
      texts.some((text) => text.startsWith('-'))
    )
      throw new ConfigError(`inputs.${name}`, 'must not begin with a dash');
    return texts;
  }
  if (argument.value === '') return [argument.name];
  const flag = argument.format === 'boolean' ? undefined : answers.flag(name);
  if (flag !== undefined) return flag ? [argument.name] : [];
  return values(() => answers.texts(name, argument)).flatMap((text) => {
    if (!text.startsWith('-')) return [argument.name, text];
    if (argument.name.startsWith('--')) return [`${argument.name}=${text}`];
    if (argument.value !== undefined) return [argument.name, text];
    throw new ConfigError(`inputs.${name}`, 'must not begin with a dash');
  });
}

/** What a caller calls an argument. */
function nameOf(argument: RegistryArgument, position: number): string {
  return argument.type === 'named' ? argument.name : (argument.valueHint ?? `argument${position + 1}`);
}

function splitAtEquals([first = '', ...more]: string[]): string[] {
  const at = first.indexOf('=');
  return at < 0 ? [first, ...more] : [first.slice(0, at), first.slice(at + 1), ...more];
}
