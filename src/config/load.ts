import type { ServerConfig } from '../client/server-config.js';
import { filePathOf, readConfigText, serversIn } from './config-file.js';
import { type ConfigOptions, environmentOf } from './parse.js';

/**
 * The servers of a configuration file: JSON, with comments and trailing commas, in the forms of `parseConfig`.
 * An `envFile` of an entry is read, too; its path begins at the folder of the configuration file.
 *
 * @throws {ConfigError} with file, line and path of the fault, also for a file that cannot be read.
 */
export async function loadConfig(
  path: string | URL,
  options: ConfigOptions = {},
): Promise<Record<string, ServerConfig>> {
  const env = environmentOf(options);
  const file = filePathOf(path);
  return serversIn(await readConfigText(file), file, env);
}
