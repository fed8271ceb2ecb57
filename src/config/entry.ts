import { z } from 'zod';
import { check, checkServerConfig } from '../client/options.js';
import type { ServerConfig } from '../client/server-config.js';
import { flag, plainSettings, text, textMap, texts, url } from '../client/server-schema.js';
import { ConfigError } from '../core/errors.js';
import { authSchema, oauth2Keys, oauth2TokenProvider, tokenProvider } from './auth-entry.js';
import { type Environment, isPlain, withReferences } from './references.js';

/** Names of a transport in files, and ours. */
const TYPES = {
  auto: 'auto',
  http: 'http',
  'streamable-http': 'http',
  streamableHttp: 'http',
  sse: 'sse',
  stdio: 'stdio',
  ws: 'ws',
} as const;

const anyUrl = url((error) => z.string({ error }), 'http:', 'https:', 'ws:', 'wss:');
const MILLISECONDS = 'expected milliseconds, at least 1000 (only the array form has seconds)';
const SECONDS = 'expected a positive number of seconds, at most 2147483';

/** Keys that say something to the application they were written for, and nothing about the connection. */
const passedOver = {
  alwaysAllow: z.unknown().optional().describe('Of other applications; passed over.'),
  alwaysLoad: z.unknown().optional().describe('Of Claude Code; passed over.'),
  autoApprove: z.unknown().optional().describe('Of other applications; passed over.'),
  description: z.unknown().optional().describe('For people; passed over.'),
  dev: z.unknown().optional().describe('Of VS Code; passed over.'),
  gallery: z.unknown().optional().describe('Of VS Code; passed over.'),
  version: z.unknown().optional().describe('Of VS Code; passed over.'),
};

/** Keys whose meaning would be lost if they were passed over. */
const REFUSED: Readonly<Record<string, string>> = {
  oauth: 'is a login by a person, which nobody can do here; use auth',
  headersHelper: 'is a program of Claude Code that makes headers, and is not run here; use headers or auth',
  sandboxEnabled: 'is of VS Code; there is no sandbox here',
};

/** An entry of `mcpServers` or `servers`. */
export const entrySchema = z.strictObject({
  type: z
    .enum(Object.keys(TYPES) as (keyof typeof TYPES)[], {
      error: `expected one of ${Object.keys(TYPES).join(', ')}`,
    })
    .optional()
    .describe('The transport, if it does not follow from `url` or `command`.'),
  url: anyUrl.optional().describe('Where the server is, over HTTP or WebSocket.'),
  serverUrl: anyUrl.optional().describe('Another name for `url`.'),
  headers: textMap.optional().describe('Sent with every request.'),
  auth: authSchema.optional().describe('Where the bearer token comes from.'),
  command: text.optional().describe('The program to start, for a server over stdio.'),
  args: texts.optional().describe('Its arguments.'),
  env: z
    .record(
      z.string(),
      z.union([z.string(), z.number(), z.null()], { error: 'expected a string, a number or null' }),
      { error: 'expected an object of strings' },
    )
    .optional()
    .describe('Its environment variables; `null` leaves one out.'),
  envFile: text
    .optional()
    .describe('A file with more of them, from the folder of this one. Not in `parseConfig`.'),
  cwd: text.optional().describe('Its working directory.'),
  disabled: flag.optional().describe('`true`: the entry does not count.'),
  timeout: z
    .number({ error: MILLISECONDS })
    .min(1_000, { error: MILLISECONDS })
    .max(2 ** 31 - 1, { error: MILLISECONDS })
    .optional()
    .describe('`callTimeoutMs`, in milliseconds.'),
  ...plainSettings,
  ...passedOver,
});

const headerList = z.array(z.strictObject({ key: text, value: z.string({ error: 'expected a string' }) }));

/** An entry of the array form. */
export const listedEntrySchema = entrySchema.extend({
  name: text.describe('The name of the server, in the array form.'),
  headers: z
    .union([headerList, textMap], { error: 'expected an array of { key, value }, or an object of strings' })
    .optional()
    .describe('Sent with every request. In the array form also an array of `{ key, value }`.'),
  timeout: z
    .number({ error: SECONDS })
    .positive({ error: SECONDS })
    .max(2_147_483, { error: SECONDS })
    .optional()
    .describe('`callTimeoutMs`: in the array form in seconds, else in milliseconds.'),
  ...oauth2Keys,
});

export interface EntryContext {
  readonly env: Environment;
  /** The variables of an `envFile`. @throws {ConfigError} at `path` */
  readonly readEnvFile: ((file: string, path: string) => Record<string, string>) | undefined;
}

type Entry = Omit<z.infer<typeof listedEntrySchema>, 'name'>;

/**
 * The configuration that an entry stands for, or `undefined` for one that is disabled.
 * @throws {ConfigError} below `path`
 */
export function serverConfigOf(
  written: unknown,
  path: string,
  schema: typeof entrySchema | typeof listedEntrySchema,
  context: EntryContext,
): ServerConfig | undefined {
  if (!isPlain(written)) throw new ConfigError(path, 'expected an object that describes a server');
  if (written.disabled === true) return undefined;
  const source = Object.fromEntries(
    Object.entries(written).filter(
      // The original service wrote null for what was not given.
      ([key, value]) => !Object.hasOwn(passedOver, key) && !(schema === listedEntrySchema && value === null),
    ),
  );
  const refused = Object.keys(source).find((key) => Object.hasOwn(REFUSED, key) && source[key] !== false);
  if (refused !== undefined) throw new ConfigError(`${path}.${refused}`, REFUSED[refused] ?? '');
  for (const key of Object.keys(REFUSED)) delete source[key];

  const entry = withReferences(source, context.env, path);
  check(schema, entry, path, source);
  const config = translated(entry as Entry, path, schema === listedEntrySchema ? 1_000 : 1, context);
  checkServerConfig(config, path, source);
  return config;
}

function translated(entry: Entry, path: string, timeoutUnitMs: number, context: EntryContext): ServerConfig {
  const { type, url, serverUrl, headers, auth, env, envFile, timeout, disabled, ...others } = entry;
  const rest = Object.fromEntries(
    Object.entries(others).filter(([key]) => key !== 'name' && !Object.hasOwn(oauth2Keys, key)),
  );
  const oauth2 = oauth2TokenProvider(entry, path);
  only(path, { url, serverUrl });
  only(path, { callTimeoutMs: entry.callTimeoutMs, timeout });
  only(path, { 'oauth2_…': oauth2, auth });
  if (envFile !== undefined && entry.command === undefined)
    throw new ConfigError(`${path}.envFile`, 'is only for a server with a command');
  return given({
    ...rest,
    type: type && TYPES[type],
    url: url ?? serverUrl,
    headers: Array.isArray(headers) ? headersOf(headers, path) : headers,
    auth: auth === undefined ? oauth2 : tokenProvider(auth, `${path}.auth`),
    env: environmentOf(env, envFile, path, context),
    callTimeoutMs: timeout === undefined ? entry.callTimeoutMs : timeout * timeoutUnitMs,
  }) as unknown as ServerConfig;
}

/** @throws {ConfigError} when both of two keys are given. */
function only(path: string, pair: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(pair).filter((name) => pair[name] !== undefined);
  if (names.length > 1)
    throw new ConfigError(`${path}.${names[1]}`, `cannot be used together with ${names[0]}`);
}

function headersOf(list: z.infer<typeof headerList>, path: string): Record<string, string> {
  const headers = new Map<string, string>();
  for (const [index, { key, value }] of list.entries()) {
    if (headers.has(key))
      throw new ConfigError(`${path}.headers.${index}.key`, 'names a header a second time');
    headers.set(key, value);
  }
  return Object.fromEntries(headers);
}

function environmentOf(
  env: Entry['env'],
  envFile: string | undefined,
  path: string,
  { readEnvFile }: EntryContext,
): Record<string, string> | undefined {
  if (envFile !== undefined && readEnvFile === undefined)
    throw new ConfigError(`${path}.envFile`, 'is read by loadConfig and watchConfig only');
  if (env === undefined && envFile === undefined) return undefined;
  const fromFile = envFile === undefined ? {} : readEnvFile?.(envFile, `${path}.envFile`);
  const texts = Object.entries({ ...fromFile, ...env })
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, String(value)]);
  return Object.fromEntries(texts);
}

function given(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
