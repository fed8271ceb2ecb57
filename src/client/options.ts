import { z } from 'zod';
import { isForAll, type TokenProvider } from '../auth/token-provider.js';
import { BREAKER_DEFAULTS, type CircuitBreakerOptions } from '../calls/circuit-breaker.js';
import { CACHE_DEFAULTS, type CacheSettings } from '../calls/result-cache.js';
import { RETRY_DEFAULTS, type RetryOptions } from '../calls/retry.js';
import { ConfigError } from '../core/errors.js';
import { nearest } from '../core/nearest.js';
import { VERSION } from '../core/version.js';
import { checkHeaders } from '../net/headers.js';
import type { SessionTarget } from '../session/open.js';
import type { FirstStart } from './connection.js';
import { HEALTH_DEFAULTS, type HealthCheckOptions } from './health-check.js';
import type { ServerConfig, ServerDefaults, SettingsFunction } from './server-config.js';
import { SERVER_SCHEMAS, SERVER_TYPES, serverDefaultsSchema } from './server-schema.js';

/** What holds where nothing is configured. */
export const SERVER_DEFAULTS = {
  clientInfo: { name: 'mcp-fleet', version: VERSION },
  protocol: 'auto',
  connectTimeoutMs: 10_000,
  callTimeoutMs: 60_000,
  retry: RETRY_DEFAULTS,
  circuitBreaker: BREAKER_DEFAULTS,
  healthCheck: HEALTH_DEFAULTS,
  cache: CACHE_DEFAULTS,
  maxConcurrency: 64,
  maxQueue: 256,
  scope: 'auto',
  maxIdentities: 1_000,
  identityIdleMs: 300_000,
  trustAnnotations: false,
  maxResponseBytes: 10_485_760,
} as const satisfies ServerDefaults;

/** A process for each is dearer than a connection. */
const MAX_PROCESS_IDENTITIES = 20;
/** How long the first start of a command may take. Milliseconds. */
const FIRST_START_MS = 60_000;

/** How long `close` waits for running calls. */
export const DRAIN_TIMEOUT_MS = 10_000;

/** A server's settings with every default filled in, those inside the policies too. */
export type ServerSettings = ServerDefaults &
  Required<Pick<ServerDefaults, keyof typeof SERVER_DEFAULTS>> &
  Policies & { firstStart: FirstStart };

interface Policies {
  retry: Required<RetryOptions> | false;
  circuitBreaker: Required<CircuitBreakerOptions> | false;
  healthCheck: Required<HealthCheckOptions> | false;
  cache: CacheSettings | false;
}

// ── Checks ────────────────────────────────────────────────────────────────────

/**
 * @param source what the configuration was made from: messages show its values instead.
 * @throws {ConfigError} naming the path of the first fault.
 */
export function checkServerConfig(config: ServerConfig, path = '', source: unknown = config): void {
  if (typeof config !== 'object' || config === null) {
    throw new ConfigError(path, `expected a server configuration, got ${shown(config, path)}`);
  }
  const kind = kindOf(config, path);
  const misplaced = Object.keys(config).find(
    (key) => !Object.hasOwn(SERVER_SCHEMAS[kind].shape, key) && KNOWN_OPTIONS.includes(key),
  );
  if (misplaced !== undefined)
    throw new ConfigError(join(path, misplaced), `is not an option of ${KINDS[kind]}`);
  check(SERVER_SCHEMAS[kind], config, path, source);
  if ('headers' in config && typeof config.headers === 'object')
    checkHeaders(config.headers, join(path, 'headers'));
  checkAuth(config, path);
}

/** @throws {ConfigError} */
export function checkDefaults(defaults: ServerDefaults): void {
  check(serverDefaultsSchema, defaults, '');
}

export const SERVER_NAME = /^(?!.*__)[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const RESERVED_NAMES = new Set(['constructor', 'prototype', '__proto__']);

/** Names become parts of tool names, keys of objects and paths of URLs. @throws {ConfigError} */
export function checkServerName(name: string, path: string): void {
  if (typeof name === 'string' && SERVER_NAME.test(name) && !RESERVED_NAMES.has(name)) return;
  throw new ConfigError(
    path,
    'expected a name of 1 to 64 letters, digits, _ and -, beginning with a letter or digit, without __, got ' +
      (typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : `a value of type ${typeof name}`),
  );
}

/**
 * @param source where the message takes the wrong value from
 * @throws {ConfigError} for the first fault that `schema` finds in `value`.
 */
export function check(schema: z.ZodType, value: unknown, path: string, source: unknown = value): void {
  const result = schema.safeParse(value);
  if (result.success) return;
  const issue = inside(result.error.issues[0] as z.core.$ZodIssue);
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    throw notAnOption(join(path, ...issue.path, key), key, knownKeys(schema, issue.path));
  }
  const fault = join(path, ...issue.path);
  const found = issue.path.reduce<unknown>(
    (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
    source,
  );
  throw new ConfigError(fault, `${issue.message}, got ${shown(found, fault)}`);
}

/** Of a policy that is not `false` the fault is what is wrong inside of it. */
function inside(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const found = issue.errors.flat().find(({ code, path }) => path.length > 0 || code === 'unrecognized_keys');
  return found === undefined ? issue : { ...found, path: [...issue.path, ...found.path] };
}

const KNOWN_OPTIONS: readonly string[] = [
  ...new Set(Object.values(SERVER_SCHEMAS).flatMap((schema) => Object.keys(schema.shape))),
];

const KINDS = {
  http: 'a server over HTTP',
  stdio: 'a server with a command',
  ws: 'a server over WebSocket',
  custom: 'a server with a transport of its own',
} as const satisfies Record<keyof typeof SERVER_SCHEMAS, string>;

function notAnOption(path: string, key: string, known: readonly string[]): ConfigError {
  const best = nearest(key, known)[0];
  return new ConfigError(path, `is not an option${best === undefined ? '' : `; did you mean ${best}?`}`);
}

function kindOf(config: ServerConfig, path: string): keyof typeof SERVER_SCHEMAS {
  const { type } = config;
  if (type !== undefined && !SERVER_TYPES.includes(type)) {
    throw new ConfigError(
      join(path, 'type'),
      `expected one of ${SERVER_TYPES.join(', ')}, got ${shown(type, 'type')}`,
    );
  }
  if (type === 'custom' || 'transport' in config) return 'custom';
  if (type === 'stdio' || 'command' in config) return 'stdio';
  if (type === 'ws' || ('url' in config && /^wss?:/i.test(String(config.url)))) return 'ws';
  if ('url' in config || type !== undefined) return 'http';
  const unknown = Object.keys(config).find((key) => !KNOWN_OPTIONS.includes(key));
  if (unknown !== undefined) throw notAnOption(join(path, unknown), unknown, KNOWN_OPTIONS);
  throw new ConfigError(path, 'expected url (HTTP or WebSocket), command (stdio) or transport (custom)');
}

function checkAuth(config: ServerConfig, path: string): void {
  const { auth, oauth, scope } = config as { auth?: unknown; oauth?: unknown; scope?: unknown };
  const { headers } = config as { headers?: Record<string, string> };
  if (auth !== undefined && oauth !== undefined) {
    throw new ConfigError(
      join(path, 'oauth'),
      'cannot be used together with auth: both set the bearer token',
    );
  }
  const { key } = (auth ?? {}) as { key?: unknown };
  if (key !== undefined && typeof key !== 'function')
    throw new ConfigError(
      join(path, 'auth', 'key'),
      'expected a function that answers whose token is needed',
    );
  const isWebSocket = kindOf(config, path) === 'ws';
  if (key !== undefined && isWebSocket && scope === 'shared') {
    throw new ConfigError(
      join(path, 'auth'),
      "cannot tell users apart (key) over one WebSocket (scope: 'shared'), whose token is that of its handshake",
    );
  }
  if (
    auth !== undefined &&
    isForAll(auth as TokenProvider) === false &&
    isWebSocket &&
    scope !== 'identity'
  ) {
    throw new ConfigError(
      join(path, 'auth'),
      'cannot ask for the token of each caller over one WebSocket, whose token is that of its handshake',
    );
  }
  const fixed = Object.keys(headers ?? {}).find((name) => name.toLowerCase() === 'authorization');
  if (fixed !== undefined && (auth !== undefined || oauth !== undefined)) {
    throw new ConfigError(
      join(path, 'headers', fixed),
      'cannot be used together with auth or oauth: both set it',
    );
  }
}

function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at = objectsIn(schema);
  for (const key of path) at = at.flatMap(({ shape }) => objectsIn(shape[String(key)]));
  return [...new Set(at.flatMap(({ shape }) => Object.keys(shape)))];
}

/** The objects that a schema allows. */
function objectsIn(schema: unknown): z.ZodObject[] {
  if (schema instanceof z.ZodOptional) return objectsIn(schema.unwrap());
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(objectsIn);
  return schema instanceof z.ZodObject ? [schema] : [];
}

function join(...parts: readonly PropertyKey[]): string {
  return parts
    .filter((part) => part !== '')
    .map(String)
    .join('.');
}

/** Options whose text may be, or hold, a secret. */
const CONFIDENTIAL = /(^|\.)(headers|env|args|auth|oauth\w*)(\.|$)/;

/** A wrong value as it may be shown: secrets and long texts are not. */
function shown(value: unknown, path: string): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'boolean') return String(value);
  if (value instanceof URL) return shown(value.href, path);
  if (typeof value === 'number' && !CONFIDENTIAL.test(path)) return String(value);
  if (typeof value === 'string' && !CONFIDENTIAL.test(path)) {
    return JSON.stringify(
      value
        .replace(/^([a-z]+:\/\/)?.*@/is, '$1')
        .replace(/[?#].*$/s, '')
        .slice(0, 100),
    );
  }
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

// ── Settings ──────────────────────────────────────────────────────────────────

/**
 * Built-in defaults, then the manager's, then the server's own.
 * @throws {ConfigError} where they do not go together
 */
export function settingsOf(config: ServerConfig, defaults: ServerDefaults): ServerSettings {
  const configured = { ...given(defaults), ...given(config as ServerDefaults) };
  const settings = { ...SERVER_DEFAULTS, ...configured };
  if (settings.protocol === '2026-07-28' && targetOf(config).type === 'sse')
    throw new ConfigError('protocol', "'2026-07-28' is not spoken over HTTP+SSE (type 'sse')");
  return {
    ...settings,
    maxIdentities:
      configured.maxIdentities ??
      ('command' in config ? MAX_PROCESS_IDENTITIES : SERVER_DEFAULTS.maxIdentities),
    firstStart: firstStartOf(targetOf(config), configured.connectTimeoutMs),
    retry: settings.retry && { ...RETRY_DEFAULTS, ...given(settings.retry) },
    circuitBreaker: settings.circuitBreaker && { ...BREAKER_DEFAULTS, ...given(settings.circuitBreaker) },
    healthCheck: settings.healthCheck && { ...HEALTH_DEFAULTS, ...given(settings.healthCheck) },
    cache: settings.cache && { ...CACHE_DEFAULTS, ...given(settings.cache) },
  };
}

/** A command may have to be installed or pulled when it is first started (`npx`, `uvx`, `docker run`). */
function firstStartOf({ type }: SessionTarget, connectTimeoutMs: number | undefined): FirstStart {
  if (type !== 'stdio') {
    const ms = connectTimeoutMs ?? SERVER_DEFAULTS.connectTimeoutMs;
    return { waitMs: ms, attemptMs: ms };
  }
  const waitMs = connectTimeoutMs ?? FIRST_START_MS;
  return { waitMs, attemptMs: Math.max(waitMs, FIRST_START_MS) };
}

/** An option that is `undefined` is not given. */
function given<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}

export function targetOf(config: ServerConfig): SessionTarget {
  if ('transport' in config) return { type: 'custom', transport: config.transport };
  if ('command' in config) {
    const { command, args = [], env = {}, cwd } = config;
    return { type: 'stdio', command, args, env: fixed(env), cwd };
  }
  const url = new URL(config.url);
  const headers = fixed(config.headers);
  if (url.protocol === 'ws:' || url.protocol === 'wss:') return { type: 'ws', url, headers };
  const { type = 'auto', oauth } = config as Exclude<typeof config, { type?: 'ws' }>;
  return { type, url, headers, oauth };
}

/** What a function answers is not known before it is asked. */
function fixed(
  settings: Readonly<Record<string, string>> | SettingsFunction = {},
): Readonly<Record<string, string>> {
  return typeof settings === 'function' ? {} : settings;
}
