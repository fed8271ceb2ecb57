import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import type { ServerConfig } from '../client/server-config.js';
import { ConfigError, describeThrown } from '../core/errors.js';
import { problemOf } from './auth-entry.js';
import { JsonText } from './json-text.js';
import { serversOf } from './parse.js';
import type { Environment } from './references.js';

/** Far more than a thousand servers need. */
const MAX_BYTES = 1_048_576;

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EACCES: 'must not be read by this process',
  EPERM: 'must not be read by this process',
  EISDIR: 'is a directory',
  ELOOP: 'is a symbolic link that leads in a circle',
};

/** A path as it was given, made absolute. @throws {ConfigError} */
export function filePathOf(path: string | URL): string {
  if (typeof path === 'string' && path !== '') return resolve(path);
  if (path instanceof URL && path.protocol === 'file:') return fileURLToPath(path);
  throw new ConfigError('path', 'expected the path of a file, or a file: URL');
}

/** @throws {ConfigError} naming the file, never its content. */
export async function readConfigText(file: string): Promise<string> {
  const bytes = await reading(file, async () => {
    const found = await stat(file);
    if (!found.isFile()) throw new ConfigError('', found.isDirectory() ? 'is a directory' : 'is not a file');
    if (found.size > MAX_BYTES) throw new ConfigError('', `is larger than ${MAX_BYTES} bytes`);
    return readFile(file);
  });
  return reading(file, async () => decoded(bytes));
}

/** The servers of a configuration file's text. @throws {ConfigError} naming the file and the place in it. */
export function serversIn(text: string, file: string, env: Environment): Record<string, ServerConfig> {
  let json: JsonText;
  try {
    json = new JsonText(text);
  } catch (error) {
    throw inFile(error, file);
  }
  try {
    return serversOf(json.value, {
      env,
      readEnvFile: (name, path) => readEnvFile(resolve(dirname(file), name), path),
    });
  } catch (error) {
    throw inFile(error, file, json);
  }
}

function decoded(bytes: Uint8Array): string {
  try {
    // Takes a byte order mark away.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigError('', 'is not UTF-8', { cause });
  }
}

async function reading<Value>(file: string, read: () => Promise<Value>): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    throw inFile(error, file);
  }
}

function readEnvFile(file: string, path: string): Record<string, string> {
  try {
    return parseEnv(readFileSync(file, 'utf8')) as Record<string, string>;
  } catch (cause) {
    throw new ConfigError(path, `${file} ${problemOfSystem(cause)}`, { cause });
  }
}

/** The same fault, with the file and, for a fault inside of it, the line. */
function inFile(error: unknown, file: string, json?: JsonText): ConfigError {
  if (!(error instanceof ConfigError))
    return new ConfigError('', `${file}: ${problemOfSystem(error)}`, { cause: error });
  const { path, cause } = error;
  if (path === '') return new ConfigError('', `${file}: ${error.message}`, { cause });
  const place = json === undefined ? file : `${file}, ${json.placeOf(path)}`;
  return new ConfigError(path, `${problemOf(error)} (${place})`, { cause });
}

function problemOfSystem(error: unknown): string {
  const { code } = error as { code?: unknown };
  return (
    PROBLEMS[String(code)] ?? `cannot be read (${typeof code === 'string' ? code : describeThrown(error)})`
  );
}
