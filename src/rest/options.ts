import { z } from 'zod';
import { check, checkServerConfig } from '../client/options.js';
import type { ServerConfig } from '../client/server-config.js';
import { count, durationMs } from '../client/server-schema.js';
import { ConfigError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import type { McpManager } from '../manager/mcp-manager.js';
import { isHostRule } from '../net/host-rule.js';

export interface RestHandlerOptions {
  /**
   * Who may do this. Only `true` lets a request in: `false` is 403, a throw is 401. The string leaves the door
   * open on purpose.
   *
   * It is asked before the body is read, with what the URL tells; for routes whose body names a server or a tool
   * it is asked once more with those, for each of them, before anything is done. It must leave the body of the
   * request alone, or read that of `request.clone()`.
   */
  authorize: 'allow-all' | ((request: Request, action: RestAction) => boolean | Promise<boolean>);
  /**
   * On whose behalf the request is: what belongs to one identity (tokens, sessions, lists, results, events) is never
   * shown to another. It is asked once, after `authorize` has let the request in and before anything is done. A throw
   * is 401, an answer that is no identity 500. It must leave the body of the request alone. With `undefined` the
   * request is nobody's in particular.
   *
   * `GET /events` shows callers their own events and those that belong to no identity. `/health` and `/docs` ask
   * nobody. @default every request is nobody's in particular, and `GET /events` shows the events of all
   */
  identify?: (request: Request) => Identity | string | undefined | Promise<Identity | string | undefined>;
  /** How long `authorize` and `identify` may take each; then the answer is 403. Milliseconds. @default 10_000 */
  authorizeTimeoutMs?: number;
  /** Path prefix to take off, where the framework has not done so. For example `/mcp`. @default '' */
  basePath?: string;
  /** Largest body read; a larger one is 413. Bytes. @default 262_144 */
  maxBodyBytes?: number;
  /** How long a body may take to arrive; then the answer is 408. Milliseconds. @default 10_000 */
  bodyTimeoutMs?: number;
  /**
   * Hosts that `POST /servers` may point at although their addresses are not public, for example
   * `api.example.com`, `*.example.com`, `localhost:8001`. Without a port, any port. @default public addresses only
   */
  allowedHosts?: readonly string[];
  /** With so many servers in the manager, `POST /servers` adds no more: 409. @default 1_000 */
  maxServers?: number;
  /**
   * Ready-made servers that `POST /servers` may name as `{ name, preset }`; the only way to add a stdio server
   * over REST. @default none
   */
  presets?: Readonly<Record<string, ServerConfig>>;
  /**
   * Names under which the door is reached, for example `fleet.example.com`, `*.example.com`, `fleet:8000`. Without a
   * port, any port. `localhost`, IP addresses and the hosts of `allowedOrigins` are always among them.
   * @default any name where `authorize` is a function; no other where it is `'allow-all'`, because any web page could
   * make a name of its own lead here (DNS rebinding)
   */
  hosts?: readonly string[];
  /** Origins that a browser may call from, for example `https://app.example.com`. @default none */
  allowedOrigins?: readonly string[];
}

/** What a request wants to do. */
export interface RestAction {
  kind: 'read' | 'call' | 'admin';
  /** The server concerned; `undefined` for all of them, and as long as the body that names it was not read. */
  server?: string;
  /** The tool to call, by the server's own name for it. */
  tool?: string;
}

/** What holds where nothing is configured. */
export const REST_DEFAULTS = {
  authorizeTimeoutMs: 10_000,
  basePath: '',
  maxBodyBytes: 262_144,
  bodyTimeoutMs: 10_000,
  maxServers: 1_000,
} as const satisfies Partial<RestHandlerOptions>;

export type RestSettings = RestHandlerOptions &
  Required<
    Pick<RestHandlerOptions, keyof typeof REST_DEFAULTS | 'allowedHosts' | 'presets' | 'allowedOrigins'>
  >;

const AUTHORIZE = "expected a function (request, action) => boolean, or 'allow-all' to let everybody in";
const IDENTIFY = 'expected a function (request) => identity, key or undefined';
const BASE_PATH = 'expected a path that begins with / and does not end with one';

const schema = z.strictObject(
  {
    authorize: z.custom((value) => value === 'allow-all' || typeof value === 'function', {
      error: AUTHORIZE,
    }),
    identify: z.custom((value) => typeof value === 'function', { error: IDENTIFY }).optional(),
    authorizeTimeoutMs: durationMs.optional(),
    basePath: z
      .string({ error: BASE_PATH })
      .regex(/^(\/[^/?#]+)*$/, { error: BASE_PATH })
      .optional(),
    maxBodyBytes: count.optional(),
    bodyTimeoutMs: durationMs.optional(),
    maxServers: count.optional(),
    allowedHosts: list(isHostRule, 'a host, for example api.example.com, *.example.com or localhost:8001'),
    presets: z.record(z.string(), z.unknown(), { error: 'expected an object of servers by name' }).optional(),
    hosts: list(isHostRule, 'a host, for example fleet.example.com, *.example.com or fleet:8000'),
    allowedOrigins: list(isOrigin, 'an origin, for example https://app.example.com'),
  },
  { error: 'expected an object of options' },
);

/** @throws {ConfigError} naming the option. */
export function restSettings(manager: McpManager, options: RestHandlerOptions): RestSettings {
  if (typeof manager?.addServer !== 'function') throw new ConfigError('manager', 'expected an McpManager');
  check(schema, options, '');
  const { presets = {}, allowedHosts = [], allowedOrigins = [] } = options;
  for (const [name, preset] of Object.entries(presets)) checkServerConfig(preset, `presets.${name}`);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return {
    ...REST_DEFAULTS,
    ...(Object.fromEntries(given) as typeof options),
    presets,
    allowedHosts,
    allowedOrigins,
  };
}

function list(fits: (entry: string) => boolean, what: string) {
  const error = `expected ${what}`;
  return z
    .array(z.string({ error }).refine(fits, { error }), { error: 'expected an array of strings' })
    .optional();
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
