import { z } from 'zod';
import { PROTOCOLS } from '../session/revisions.js';

/** The longest time that a timer of Node can wait. */
const LONGEST_MS = 2 ** 31 - 1;

const DURATION = 'expected a positive number of milliseconds, at most 2147483647';
const COUNT = 'expected a whole number of at least 1';
const WHOLE_OR_ZERO = 'expected a whole number of at least 0';
const TTL = 'expected a number of milliseconds of at least 0';
const SHARE = 'expected a share above 0 and at most 1';
const PROXY = 'expected false, or a URL that begins with http:// or https://';

export const durationMs = z
  .number({ error: DURATION })
  .positive({ error: DURATION })
  .max(LONGEST_MS, { error: DURATION });
export const count = z.int({ error: COUNT }).min(1, { error: COUNT });
export const flag = z.boolean({ error: 'expected true or false' });
export const text = z
  .string({ error: 'expected a string' })
  .min(1, { error: 'expected a string that is not empty' });
export const texts = z.array(z.string({ error: 'expected a string' }), {
  error: 'expected an array of strings',
});
export const textMap = z.record(z.string(), z.string({ error: 'expected a string' }), {
  error: 'expected an object of strings',
});
const ttlMs = z.number({ error: TTL }).min(0, { error: TTL }).max(LONGEST_MS, { error: TTL });
const share = z.number({ error: SHARE }).positive({ error: SHARE }).max(1, { error: SHARE });

/** Options of a policy, or `false` to do without it. */
function policy(shape: z.core.$ZodLooseShape) {
  const error = `expected false or { ${Object.keys(shape).join(', ')} }`;
  return z.union([z.literal(false), z.strictObject(shape).partial()], { error }).optional();
}

function func() {
  return z.custom<unknown>((value) => typeof value === 'function', { error: 'expected a function' });
}

function objectWith(...methods: string[]) {
  return z.custom<unknown>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'),
    { error: `expected an object with ${methods.map((method) => `${method}()`).join(', ')}` },
  );
}

/** An absolute URL of one of these protocols; `schema` says in which form. */
export function url<Schema extends z.ZodType<string | URL>>(
  schema: (error: string) => Schema,
  ...protocols: string[]
): Schema {
  const error = `expected a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  return schema(error)
    .refine((value) => URL.canParse(value.toString()) && protocols.includes(new URL(value).protocol), {
      error,
      abort: true,
    })
    .refine((value) => new URL(value).username === '' && new URL(value).password === '', {
      error: 'must not hold a user name or password; use headers or auth',
    });
}

function isProxyUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

function urlOrText(error: string) {
  return z.union([z.string(), z.instanceof(URL)], { error });
}

/** The settings of a server that JSON can hold. Descriptions go to the README and to editors. */
export const plainSettings = {
  clientInfo: z
    .looseObject({ name: text, version: text }, { error: 'expected { name, version }' })
    .optional()
    .describe('How this client names itself to servers.'),
  connectTimeoutMs: durationMs
    .optional()
    .describe('For one attempt to connect, token and fallback to the older transport included.'),
  protocol: z
    .enum(PROTOCOLS, { error: `expected one of ${PROTOCOLS.join(', ')}` })
    .optional()
    .describe('The revision of MCP; `auto` finds out which one the server speaks.'),
  callTimeoutMs: durationMs
    .optional()
    .describe('From the call to its result, connecting and tokens included.'),
  retry: policy({ attempts: count, baseDelayMs: durationMs, maxDelayMs: durationMs }).describe(
    'Repeats what can be repeated safely.',
  ),
  circuitBreaker: policy({
    consecutiveFailures: count,
    failureRatio: share,
    minimumCalls: count,
    windowMs: durationMs,
    openMs: durationMs,
    maxOpenMs: durationMs,
  }).describe('Refuses calls at once while the server fails.'),
  healthCheck: policy({ intervalMs: durationMs, timeoutMs: durationMs, threshold: count }).describe(
    'Pings a server that nobody has heard of for a while.',
  ),
  cache: policy({ listTtlMs: ttlMs, toolTtlMs: ttlMs, resourceTtlMs: ttlMs, maxEntries: count }).describe(
    'Remembers lists, and results that may be remembered.',
  ),
  maxConcurrency: count.optional().describe('Calls in flight.'),
  maxQueue: z
    .int({ error: WHOLE_OR_ZERO })
    .min(0, { error: WHOLE_OR_ZERO })
    .optional()
    .describe('Calls that may wait for their turn.'),
  trustAnnotations: flag.optional().describe('Believe `readOnlyHint` and `idempotentHint` of tools.'),
  maxResponseBytes: count.optional().describe('Largest answer read, after decompression.'),
  proxy: z
    .union([z.literal(false), z.string().refine(isProxyUrl, { error: PROXY })], { error: PROXY })
    .optional()
    .describe(
      'HTTP proxy for MCP and token requests; `false`: none. Without it `HTTP_PROXY` and its kin count.',
    ),
  scope: z
    .enum(['auto', 'shared', 'identity'], { error: "expected 'auto', 'shared' or 'identity'" })
    .optional()
    .describe('Whether identities share a connection; `auto`: where nothing differs between them.'),
  maxIdentities: count.optional().describe('Identities that are kept.'),
  identityIdleMs: durationMs
    .optional()
    .describe('After so long without a call the connection of an identity is closed.'),
  tools: z
    .strictObject({ allow: texts.optional(), deny: texts.optional() }, { error: 'expected { allow, deny }' })
    .optional()
    .describe('Which tools exist for callers; `*` matches any run of characters. `deny` wins.'),
};

const textsOrFunction = z.union([func(), textMap], { error: 'expected an object of strings, or a function' });

const sampling = z.union(
  [func(), z.strictObject({ handle: func(), tools: flag.optional(), context: flag.optional() })],
  { error: 'expected a function or { handle, tools, context }' },
);

export const serverDefaultsSchema = z.strictObject({
  ...plainSettings,
  proxy: z.union([plainSettings.proxy.unwrap(), z.instanceof(URL)], { error: PROXY }).optional(),
  interceptors: z.array(func(), { error: 'expected an array of functions' }).optional(),
  handlers: z
    .strictObject(
      { elicitation: func().optional(), sampling: sampling.optional(), roots: func().optional() },
      { error: 'expected { elicitation, sampling, roots }' },
    )
    .optional(),
  fetch: func().optional(),
  logger: objectWith('debug', 'info', 'warn', 'error').optional(),
});

/** A server's configuration, by the kind of its transport. */
export const SERVER_SCHEMAS = {
  http: serverDefaultsSchema.extend({
    type: z.enum(['auto', 'http', 'sse']).optional(),
    url: url(urlOrText, 'http:', 'https:'),
    headers: textsOrFunction.optional(),
    auth: objectWith('getToken').optional(),
    oauth: objectWith('tokens').optional(),
  }),
  stdio: serverDefaultsSchema.extend({
    type: z.literal('stdio').optional(),
    command: text,
    args: texts.optional(),
    env: textsOrFunction.optional(),
    cwd: text.optional(),
  }),
  ws: serverDefaultsSchema.extend({
    type: z.literal('ws').optional(),
    url: url(urlOrText, 'ws:', 'wss:'),
    headers: textsOrFunction.optional(),
    auth: objectWith('getToken').optional(),
  }),
  custom: serverDefaultsSchema.extend({ type: z.literal('custom'), transport: func() }),
};

export const SERVER_TYPES = ['auto', 'http', 'sse', 'stdio', 'ws', 'custom'] as const;
