import { checkServerName } from '../client/options.js';
import type { ServerConfig } from '../client/server-config.js';
import { ConfigError, describeThrown } from '../core/errors.js';
import { type EntryContext, serverConfigOf } from './entry.js';
import { entriesOf } from './forms.js';
import type { Environment } from './references.js';

export interface ConfigOptions {
  /**
   * Variables for `${VAR}`, `${VAR:-default}` and `${env:VAR}` in the strings of the configuration.
   * @default process.env
   */
  env?: Readonly<Record<string, string | undefined>>;
}

/** More servers than this in one configuration are taken for a mistake. */
const MAX_SERVERS = 1_000;

/**
 * The servers of a configuration as applications write it: `{ mcpServers: { name: entry } }` (Claude, Cursor),
 * `{ servers: { name: entry } }` (VS Code), or an array of entries with a `name`. Reads no file and touches no
 * network. Entries with `disabled: true` are left out.
 *
 * @param input what `JSON.parse` gives
 * @throws {ConfigError} with the path of the fault, and never with a value that may be a secret.
 */
export function parseConfig(input: unknown, options: ConfigOptions = {}): Record<string, ServerConfig> {
  return serversOf(input, { env: environmentOf(options), readEnvFile: undefined });
}

/** @throws {ConfigError} */
export function environmentOf({ env = process.env }: ConfigOptions): Environment {
  if (typeof env === 'object' && env !== null) return env;
  throw new ConfigError('env', 'expected an object of strings');
}

/** @throws {ConfigError} */
export function serversOf(input: unknown, context: EntryContext): Record<string, ServerConfig> {
  try {
    return Object.fromEntries(checkedServers(input, context));
  } catch (thrown) {
    if (thrown instanceof ConfigError) throw thrown;
    // Getters and proxies may throw what they like.
    throw new ConfigError('', `cannot be read: ${describeThrown(thrown)}`, { cause: thrown });
  }
}

function checkedServers(input: unknown, context: EntryContext): Map<string, ServerConfig> {
  const entries = entriesOf(input);
  if (entries.length > MAX_SERVERS)
    throw new ConfigError('', `has ${entries.length} servers; at most ${MAX_SERVERS} are allowed`);
  const names = new Set<unknown>();
  const servers = new Map<string, ServerConfig>();
  for (const { name, namePath, path, written, schema } of entries) {
    checkServerName(name as string, namePath);
    if (names.has(name)) throw new ConfigError(namePath, 'is in use by another entry');
    names.add(name);
    const config = serverConfigOf(written, path, schema, context);
    if (config !== undefined) servers.set(name as string, config);
  }
  return servers;
}
