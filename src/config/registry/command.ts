import type { StdioServerConfig } from '../../client/server-config.js';
import { answered, nameOf, wordsOf } from './argument.js';
import { PackageEnvironment } from './environment.js';
import { type InputAnswers, namesIn } from './inputs.js';
import { RUNNERS, type Runner } from './runners.js';
import { RuntimeArguments } from './runtime-arguments.js';
import type { Input, RegistryPackage } from './schema.js';

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
  const environment = environmentOf(pack, answers, path);
  const runtime = new RuntimeArguments(pack, runner, environment);
  for (const [index, argument] of pack.runtimeArguments.entries()) {
    const at = `${path}.runtimeArguments.${index}`;
    runtime.add(answered(argument, index, answers, at), at);
  }
  const { options, own } = runtime.finish();
  const more = pack.packageArguments.flatMap((argument, index) => {
    const position = pack.runtimeArguments.length + index;
    return wordsOf(answered(argument, position, answers, `${path}.packageArguments.${index}`));
  });
  const { names, values } = environment;
  return {
    type: 'stdio',
    command: runner.command,
    args: runner.arguments({
      reference: runner.reference(pack),
      runtime: options,
      own: [...own, ...more],
      env: names,
    }),
    ...(names.length > 0 && { env: values }),
  };
}

function environmentOf(pack: RegistryPackage, answers: InputAnswers, path: string): PackageEnvironment {
  const environment = new PackageEnvironment();
  for (const [index, variable] of pack.environmentVariables.entries()) {
    const value = answers.word(variable.name, variable);
    if (value !== undefined)
      environment.set(variable.name, value, `${path}.environmentVariables.${index}.name`);
  }
  return environment;
}
