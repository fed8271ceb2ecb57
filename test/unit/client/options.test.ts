import { inspect } from 'node:util';
import { ConfigError, McpClient, type ServerConfig, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import {
  checkDefaults,
  checkServerConfig,
  SERVER_DEFAULTS,
  settingsOf,
  targetOf,
} from '../../../src/client/options.js';

const HTTP = { url: 'https://mcp.example.com/mcp' };
const STDIO = { command: 'node' };
const WS = { url: 'wss://mcp.example.com/mcp' };
const CUSTOM = { type: 'custom', transport: () => {} };
const KINDS = { http: HTTP, stdio: STDIO, ws: WS, custom: CUSTOM };

const fn = () => {};
const logger = { debug: fn, info: fn, warn: fn, error: fn };
const auth = { getToken: fn };
const oauth = { tokens: fn };

type Fault = [change: object, path: string, messagePart: string];

const DURATION = 'expected a positive number of milliseconds, at most 2147483647';
const COUNT = 'expected a whole number of at least 1';
const SHARE = 'expected a share above 0 and at most 1';
const TTL = 'expected a number of milliseconds of at least 0';
const WHOLE_OR_ZERO = 'expected a whole number of at least 0';

/** Wrong values of one option of a policy, all of which are told in the same words. */
function wrong(path: string, expected: string, ...values: unknown[]): Fault[] {
  const [policy, option] = path.split('.') as [string, string?];
  return values.map((value) => [
    { [policy]: option === undefined ? value : { [option]: value } },
    path,
    `${expected}, got ${typeof value === 'string' ? JSON.stringify(value) : value}`,
  ]);
}
const NOT_POSITIVE = [0, -1, Number.NaN, '5', null];
const wrongCount = (path: string) => wrong(path, COUNT, ...NOT_POSITIVE, 1.5, Number.POSITIVE_INFINITY);
const wrongDuration = (path: string) => wrong(path, DURATION, ...NOT_POSITIVE, 2 ** 31);
const wrongTtl = (path: string) => wrong(path, TTL, -1, Number.NaN, '5', null, 2 ** 31);

/** What is wrong inside of the policies, and instead of them. */
const POLICY_FAULTS: Fault[] = [
  ...wrongCount('retry.attempts'),
  ...wrongDuration('retry.baseDelayMs'),
  ...wrongDuration('retry.maxDelayMs'),
  ...wrongCount('circuitBreaker.consecutiveFailures'),
  ...wrong('circuitBreaker.failureRatio', SHARE, ...NOT_POSITIVE, 1.01),
  ...wrongCount('circuitBreaker.minimumCalls'),
  ...wrongDuration('circuitBreaker.windowMs'),
  ...wrongDuration('circuitBreaker.openMs'),
  ...wrongDuration('circuitBreaker.maxOpenMs'),
  ...wrongDuration('healthCheck.intervalMs'),
  ...wrongDuration('healthCheck.timeoutMs'),
  ...wrongCount('healthCheck.threshold'),
  ...wrongTtl('cache.listTtlMs'),
  ...wrongTtl('cache.toolTtlMs'),
  ...wrongTtl('cache.resourceTtlMs'),
  ...wrongCount('cache.maxEntries'),
  ...wrongCount('maxConcurrency'),
  ...wrong('maxQueue', WHOLE_OR_ZERO, -1, Number.NaN, 1.5, '5', null, Number.POSITIVE_INFINITY),
  ...wrong('trustAnnotations', 'expected true or false', 0, 1, 'true', null),
  ...['retry', 'circuitBreaker', 'healthCheck', 'cache'].flatMap((policy) =>
    wrong(policy, 'expected false or {', true, 0, 3, 'off', null).map(
      ([change, path]): Fault => [change, path, 'expected false or {'],
    ),
  ),
  [{ retry: { atempts: 3 } }, 'retry.atempts', 'is not an option; did you mean attempts?'],
  [{ circuitBreaker: { openms: 3 } }, 'circuitBreaker.openms', 'did you mean openMs?'],
  [{ healthCheck: { interval: 3 } }, 'healthCheck.interval', 'is not an option'],
  [{ cache: { toolsTtlMs: 3 } }, 'cache.toolsTtlMs', 'did you mean toolTtlMs?'],
  [{ retry: { attempts: 3, signal: 1 } }, 'retry.signal', 'is not an option'],
];

const wrongDurations = (name: string): Fault[] => [
  [{ [name]: 0 }, name, `${DURATION}, got 0`],
  [{ [name]: -1 }, name, `${DURATION}, got -1`],
  [{ [name]: 2 ** 31 }, name, `${DURATION}, got 2147483648`],
  [{ [name]: Number.POSITIVE_INFINITY }, name, `${DURATION}, got Infinity`],
  [{ [name]: Number.NaN }, name, `${DURATION}, got NaN`],
  [{ [name]: '1000' }, name, `${DURATION}, got "1000"`],
  [{ [name]: null }, name, `${DURATION}, got null`],
];

/** What is wrong for every kind of server, and as a default too. */
const COMMON_FAULTS: Fault[] = [
  [{ clientInfo: 'me' }, 'clientInfo', 'expected { name, version }, got "me"'],
  [{ clientInfo: { name: 'me' } }, 'clientInfo.version', 'expected a string, got nothing'],
  [{ clientInfo: { name: '', version: '1' } }, 'clientInfo.name', 'not empty, got ""'],
  [{ clientInfo: { name: 7, version: '1' } }, 'clientInfo.name', 'expected a string, got 7'],
  ...wrongDurations('connectTimeoutMs'),
  ...wrongDurations('callTimeoutMs'),
  ...POLICY_FAULTS,
  [{ maxResponseBytes: 0 }, 'maxResponseBytes', `${COUNT}, got 0`],
  [{ maxResponseBytes: 1.5 }, 'maxResponseBytes', `${COUNT}, got 1.5`],
  [{ maxResponseBytes: '1k' }, 'maxResponseBytes', `${COUNT}, got "1k"`],
  [{ tools: ['read'] }, 'tools', 'expected { allow, deny }, got an array'],
  [{ tools: { allow: 'read' } }, 'tools.allow', 'expected an array of strings, got "read"'],
  [{ tools: { deny: ['a', 7] } }, 'tools.deny.1', 'expected a string, got 7'],
  [{ tools: { alow: [] } }, 'tools.alow', 'is not an option; did you mean allow?'],
  [{ interceptors: fn }, 'interceptors', 'expected an array of functions, got a function'],
  [{ interceptors: [fn, 'x'] }, 'interceptors.1', 'expected a function, got "x"'],
  [{ handlers: fn }, 'handlers', 'expected { elicitation, sampling, roots }'],
  [{ handlers: { roots: [] } }, 'handlers.roots', 'expected a function, got an array'],
  [
    { handlers: { sampling: true } },
    'handlers.sampling',
    'expected a function or { handle, tools, context }',
  ],
  [{ handlers: { elicitation: {} } }, 'handlers.elicitation', 'expected a function, got an object'],
  [{ handlers: { elicit: fn } }, 'handlers.elicit', 'is not an option; did you mean elicitation?'],
  [{ fetch: 'global' }, 'fetch', 'expected a function, got "global"'],
  [{ logger: fn }, 'logger', 'expected an object with debug(), info(), warn(), error(), got a function'],
  [{ logger: { ...logger, warn: undefined } }, 'logger', 'expected an object with debug()'],
  [{ logger: null }, 'logger', 'got null'],
  [{ calTimeoutMs: 5 }, 'calTimeoutMs', 'is not an option; did you mean callTimeoutMs?'],
];

const HEADER_FAULTS: Fault[] = [
  [{ headers: 'x: y' }, 'headers', 'expected an object of strings, or a function, got a string'],
  [{ headers: { 'x-a': 7 } }, 'headers.x-a', 'expected a string, got a number'],
  [{ headers: { a: 'b', 'x a': 'y' } }, 'headers[1]', 'is not a header name'],
  [{ headers: { '': 'y' } }, 'headers[0]', 'is not a header name'],
  [{ headers: { 'x-a': 'a\r\nb: c' } }, 'headers.x-a', 'visible ASCII'],
  [{ headers: { 'x-a': 'größe' } }, 'headers.x-a', 'visible ASCII'],
  [{ headers: { 'x-a': ' y' } }, 'headers.x-a', 'visible ASCII'],
  ...['Host', 'content-length', 'Transfer-Encoding', 'connection', 'Mcp-Session-Id', 'mcp-anything'].map(
    (name): Fault => [{ headers: { [name]: 'y' } }, `headers.${name}`, 'set by the library itself'],
  ),
  [{ auth: 'token' }, 'auth', 'expected an object with getToken(), got a string'],
  [{ auth: fn }, 'auth', 'expected an object with getToken(), got a function'],
  [
    { auth, headers: { Authorization: 'Bearer x' } },
    'headers.Authorization',
    'cannot be used together with auth or oauth',
  ],
];

const FAULTS: Record<keyof typeof KINDS, Fault[]> = {
  http: [
    [{ type: 'htp' }, 'type', 'expected one of auto, http, sse, stdio, ws, custom, got "htp"'],
    [{ type: null }, 'type', 'expected one of auto'],
    [{ url: undefined }, 'url', 'expected a URL that begins with http:// or https://, got nothing'],
    [{ url: 7 }, 'url', 'expected a URL that begins with http:// or https://, got 7'],
    [{ url: '' }, 'url', 'expected a URL that begins with http:// or https://, got ""'],
    [{ url: 'mcp.example.com' }, 'url', 'got "mcp.example.com"'],
    [{ url: 'ftp://example.com/x' }, 'url', 'got "ftp://example.com/x"'],
    [{ url: 'file:///etc/passwd' }, 'url', 'expected a URL that begins with http:// or https://'],
    [{ url: new URL('ftp://example.com/') }, 'url', 'got "ftp://example.com/"'],
    [{ url: 'https://name@example.com/' }, 'url', 'must not hold a user name or password'],
    [{ url: 'https://:word@example.com/' }, 'url', 'must not hold a user name or password'],
    ...HEADER_FAULTS,
    [{ oauth: fn }, 'oauth', 'expected an object with tokens(), got a function'],
    [{ oauth: { clientId: 'x' } }, 'oauth', 'expected an object with tokens(), got an object'],
    [{ auth, oauth }, 'oauth', 'cannot be used together with auth'],
    [
      { oauth, headers: { authorization: 'Bearer x' } },
      'headers.authorization',
      'cannot be used together with auth or oauth',
    ],
    [{ header: {} }, 'header', 'did you mean headers?'],
    [{ env: {} }, 'env', 'is not an option'],
    [{ type: 'ws' }, 'url', 'expected a URL that begins with ws:// or wss://'],
  ],
  stdio: [
    [{ type: 'http' }, 'type', 'got "http"'],
    [{ command: '' }, 'command', 'expected a string that is not empty, got ""'],
    [{ command: ['node'] }, 'command', 'expected a string, got an array'],
    [{ args: '--flag' }, 'args', 'expected an array of strings, got a string'],
    [{ args: ['a', 7] }, 'args.1', 'expected a string, got a number'],
    [{ env: ['A=1'] }, 'env', 'expected an object of strings, or a function, got an array'],
    [{ env: { A: 1 } }, 'env.A', 'expected a string, got a number'],
    [{ env: { A: undefined } }, 'env.A', 'expected a string, got nothing'],
    [{ cwd: '' }, 'cwd', 'expected a string that is not empty'],
    [{ cwd: 7 }, 'cwd', 'expected a string, got 7'],
    [{ url: 'https://example.com' }, 'url', 'is not an option'],
    [{ headers: {} }, 'headers', 'is not an option'],
    [{ auth }, 'auth', 'is not an option'],
    [{ argz: [] }, 'argz', 'did you mean args?'],
  ],
  ws: [
    [{ type: 'http' }, 'type', 'got "http"'],
    [{ type: 'ws', url: 'https://example.com' }, 'url', 'expected a URL that begins with ws:// or wss://'],
    [{ url: 'wss://name:word@example.com/' }, 'url', 'must not hold a user name or password'],
    [{ url: 'wss://' }, 'url', 'expected a URL that begins with ws:// or wss://, got "wss://"'],
    ...HEADER_FAULTS,
    [{ oauth }, 'oauth', 'is not an option'],
    [{ command: 'node' }, 'url', 'is not an option'],
  ],
  custom: [
    [{ transport: {} }, 'transport', 'expected a function, got an object'],
    [{ transport: undefined }, 'transport', 'expected a function, got nothing'],
    [{ type: 'stdio' }, 'type', 'got "stdio"'],
    [{ type: undefined }, 'type', 'got nothing'],
    [{ url: 'https://example.com' }, 'url', 'is not an option'],
    [{ headers: {} }, 'headers', 'is not an option'],
  ],
};

function faultOf(check: () => unknown): ConfigError {
  try {
    check();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('Expected a ConfigError');
}

describe.each(Object.keys(KINDS) as (keyof typeof KINDS)[])('the configuration of a %s server', (kind) => {
  const cases = [...FAULTS[kind], ...COMMON_FAULTS].map(
    ([change, path, part]) =>
      [inspect(change, { breakLength: Infinity, depth: 3 }), change, path, part] as const,
  );
  test.each(cases)('with %s is refused', (_shown, change, path, part) => {
    const config = { ...KINDS[kind], ...change } as ServerConfig;
    const error = faultOf(() => checkServerConfig(config));
    expect(error).toMatchObject({ code: 'INVALID_CONFIG', path });
    expect(error.message.startsWith(`${path}: `)).toBe(true);
    expect(error.message).toContain(part);
    expect(faultOf(() => checkServerConfig(config, 'servers.x')).path).toBe(`servers.x.${path}`);
    expect(() => new McpClient('x', config)).toThrow(ConfigError);
  });

  test('may be as short as can be, or have every common option', () => {
    const full: ServerDefaults = {
      clientInfo: { name: 'host', version: '1', title: 'Host' },
      connectTimeoutMs: 1,
      callTimeoutMs: 2 ** 31 - 1,
      maxResponseBytes: 1,
      retry: { attempts: 1, baseDelayMs: 0.5, maxDelayMs: 2 ** 31 - 1 },
      circuitBreaker: {
        consecutiveFailures: 1,
        failureRatio: 1,
        minimumCalls: 1,
        windowMs: 1,
        openMs: 1,
        maxOpenMs: 1,
      },
      healthCheck: { intervalMs: 1, timeoutMs: 1, threshold: 1 },
      cache: { listTtlMs: 0, toolTtlMs: 0, resourceTtlMs: 0, maxEntries: 1 },
      maxConcurrency: 1,
      maxQueue: 0,
      trustAnnotations: true,
      tools: { allow: ['*'], deny: [] },
      interceptors: [(next) => next],
      handlers: { roots: async () => [] },
      fetch: async () => new Response(),
      logger,
    };
    expect(() => checkServerConfig(KINDS[kind] as ServerConfig)).not.toThrow();
    expect(() => checkServerConfig({ ...KINDS[kind], ...full } as ServerConfig)).not.toThrow();
    const nothing = Object.fromEntries(Object.keys(full).map((name) => [name, undefined]));
    expect(() => checkServerConfig({ ...KINDS[kind], ...nothing } as ServerConfig)).not.toThrow();
  });
});

describe('a configuration', () => {
  test.each([
    [undefined, 'got nothing'],
    [null, 'got null'],
    ['https://example.com', 'got "https://example.com"'],
    [7, 'got 7'],
    [{}, 'expected url (HTTP or WebSocket), command (stdio) or transport (custom)'],
    [{ headers: {} }, 'expected url (HTTP or WebSocket), command (stdio) or transport (custom)'],
  ])('that is %j is refused', (config, part) => {
    expect(faultOf(() => checkServerConfig(config as never)).message).toContain(part);
  });

  test('of a type alone names what is missing', () => {
    for (const [type, path] of [
      ['http', 'url'],
      ['sse', 'url'],
      ['auto', 'url'],
      ['ws', 'url'],
      ['stdio', 'command'],
      ['custom', 'transport'],
    ] as const)
      expect(faultOf(() => checkServerConfig({ type } as never)).path).toBe(path);
  });
});

describe('defaults', () => {
  test.each(COMMON_FAULTS)('with %j are refused', (defaults, path, part) => {
    const error = faultOf(() => checkDefaults(defaults as ServerDefaults));
    expect(error.path).toBe(path);
    expect(error.message).toContain(part);
  });

  test('are not a place for the options of one kind of server', () => {
    for (const name of ['url', 'headers', 'auth', 'command'])
      expect(faultOf(() => new McpClient('x', HTTP, { [name]: 'x' } as never)).path).toBe(name);
  });
});

describe('a message about a fault', () => {
  const CANARY = 'canary7f3a';
  const cases: [string, object][] = [
    ['a header that is an array', { ...HTTP, headers: { 'x-key': [CANARY] } }],
    ['a header with a bad value', { ...HTTP, headers: { 'x-key': `${CANARY}\n` } }],
    ['headers as a string', { ...HTTP, headers: `authorization: ${CANARY}` }],
    ['a token instead of a provider', { ...HTTP, auth: CANARY }],
    ['a token inside of a wrong provider', { ...HTTP, auth: { token: CANARY } }],
    ['a wrong OAuth provider', { ...HTTP, oauth: { secret: CANARY } }],
    ['env as a string', { ...STDIO, env: `KEY=${CANARY}` }],
    ['args as a string', { ...STDIO, args: `--key=${CANARY}` }],
    ['an argument in an array', { ...STDIO, args: [[CANARY]] }],
    ['a password in a URL', { url: `https://user:${CANARY}@example.com/` }],
    ['a password with an @', { url: `https://user:p@${CANARY}@example.com/` }],
    ['a password with a /', { url: `https://user:p/${CANARY}@example.com/` }],
    ['a password in a URL without a protocol', { url: `user:${CANARY}@example.com/` }],
    ['a password with a ?', { url: `https://user:x?${CANARY}@example.com/` }],
    ['a user name in a URL', { url: `https://${CANARY}@example.com/` }],
    ['a password in a URL of another protocol', { url: `ftp://user:${CANARY}@example.com/` }],
    ['a password in a URL object', { url: new URL(`https://user:${CANARY}@example.com/`) }],
    ['a key in the query', { url: `ftp://example.com/?key=${CANARY}` }],
    ['a key in the fragment', { url: `ftp://example.com/#${CANARY}` }],
    ['a value of an unknown option', { ...HTTP, token: CANARY }],
    ['a password in a WebSocket URL', { url: `wss://user:${CANARY}@example.com/` }],
    ['an array as the URL', { url: [`https://${CANARY}@example.com/`] }],
  ];
  test.each(cases)('does not show %s', (_what, config) => {
    const error = faultOf(() => new McpClient('x', config as never));
    expect(inspect(error)).not.toContain(CANARY);
    expect(JSON.stringify(error)).not.toContain(CANARY);
    expect(error.stack).not.toContain(CANARY);
  });

  test.each([
    { ...HTTP, headers: { pin: 48151623 } },
    { ...STDIO, env: { PIN: 48151623 } },
    { ...STDIO, args: [48151623] },
    { ...HTTP, auth: 48151623 },
  ])('does not show a number that may be a secret: %j', (config) => {
    expect(inspect(faultOf(() => new McpClient('x', config as never)))).not.toContain('48151623');
  });

  test('shows no more than the beginning of a long text', () => {
    const error = faultOf(() => checkServerConfig({ url: 'x'.repeat(10_000) }));
    expect(error.message.length).toBeLessThan(300);
  });
});

describe('settings', () => {
  test('are the built-in ones, then those of the manager, then those of the server', () => {
    const firstStart = { waitMs: 10_000, attemptMs: 10_000 };
    expect(settingsOf(HTTP, {})).toEqual({ ...SERVER_DEFAULTS, ...HTTP, firstStart });
    const defaults = { callTimeoutMs: 1, connectTimeoutMs: 2, tools: { allow: ['a'] } };
    const config = { ...HTTP, callTimeoutMs: 3, tools: { deny: ['b'] } };
    expect(settingsOf(config, defaults)).toMatchObject({
      callTimeoutMs: 3,
      connectTimeoutMs: 2,
      maxResponseBytes: SERVER_DEFAULTS.maxResponseBytes,
      tools: { deny: ['b'] },
    });
    expect(settingsOf(config, defaults).tools).toEqual({ deny: ['b'] });
  });

  test('give the first start of a command 60 seconds, and its callers what is configured', () => {
    const command = { command: 'npx' };
    expect(settingsOf(command, {}).firstStart).toEqual({ waitMs: 60_000, attemptMs: 60_000 });
    expect(settingsOf(command, { connectTimeoutMs: 5 }).firstStart).toEqual({ waitMs: 5, attemptMs: 60_000 });
    const patient = { waitMs: 90_000, attemptMs: 90_000 };
    expect(settingsOf({ ...command, connectTimeoutMs: 90_000 }, {}).firstStart).toEqual(patient);
    expect(settingsOf({ ...HTTP, connectTimeoutMs: 5 }, {}).firstStart).toEqual({ waitMs: 5, attemptMs: 5 });
  });

  test('of the policies are filled in one by one, and false switches a policy off', () => {
    const { retry, circuitBreaker, healthCheck, cache } = SERVER_DEFAULTS;
    const partly = settingsOf(
      { ...HTTP, retry: { attempts: 9 }, cache: { toolTtlMs: 5, maxEntries: undefined } as never },
      { circuitBreaker: { openMs: 1 }, healthCheck: {} },
    );
    expect(partly).toMatchObject({
      retry: { ...retry, attempts: 9 },
      circuitBreaker: { ...circuitBreaker, openMs: 1 },
      healthCheck,
      cache: { ...cache, toolTtlMs: 5 },
    });
    const off = { retry: false, circuitBreaker: false, healthCheck: false, cache: false } as const;
    expect(settingsOf(HTTP, off)).toMatchObject(off);
    expect(settingsOf({ ...HTTP, retry: {}, cache: {} }, off)).toMatchObject({ ...off, retry, cache });
    expect(settingsOf({ ...HTTP, ...off }, {})).toMatchObject(off);
  });

  test('that are undefined do not hide what is below them', () => {
    const nothing = { callTimeoutMs: undefined, maxResponseBytes: undefined } as object;
    expect(
      settingsOf({ ...HTTP, ...nothing }, { callTimeoutMs: 5, ...nothing, clientInfo: undefined } as never),
    ).toMatchObject({
      ...SERVER_DEFAULTS,
    });
    expect(settingsOf({ ...HTTP, ...nothing }, { callTimeoutMs: 5 }).callTimeoutMs).toBe(5);
  });
});

describe('the target', () => {
  const url = (text: string) => new URL(text);
  const transport = () => Promise.reject(new Error('none'));
  const cases: [ServerConfig, object][] = [
    [HTTP, { type: 'auto', url: url(HTTP.url), headers: {}, oauth: undefined }],
    [
      { ...HTTP, type: 'sse' },
      { type: 'sse', url: url(HTTP.url), headers: {}, oauth: undefined },
    ],
    [
      { type: 'http', url: url(HTTP.url), headers: { a: 'b' } },
      { type: 'http', url: url(HTTP.url), headers: { a: 'b' }, oauth: undefined },
    ],
    [WS, { type: 'ws', url: url(WS.url), headers: {} }],
    [{ url: 'WS://example.com' }, { type: 'ws', url: url('ws://example.com/'), headers: {} }],
    [STDIO, { type: 'stdio', command: 'node', args: [], env: {}, cwd: undefined }],
    [
      { command: 'node', args: ['a'], env: { B: 'c' }, cwd: '/d' },
      { type: 'stdio', command: 'node', args: ['a'], env: { B: 'c' }, cwd: '/d' },
    ],
    [
      { type: 'custom', transport },
      { type: 'custom', transport },
    ],
  ];
  test.each(cases)('of %j is recognised', (config, expected) => {
    checkServerConfig(config);
    expect(targetOf(config)).toEqual(expected);
  });
});

test('users cannot be told apart over one WebSocket', () => {
  const auth = { getToken: async () => 'token', key: () => 'ada' };
  expect(() => checkServerConfig({ url: 'wss://a.test/', auth, scope: 'shared' }, 'servers.a')).toThrow(
    'servers.a.auth: cannot tell users apart (key) over one WebSocket',
  );
  expect(() => checkServerConfig({ url: 'wss://a.test/', auth })).not.toThrow();
  expect(() => checkServerConfig({ url: 'https://a.test/', auth })).not.toThrow();
});

test('a key of a provider is a function, and not shown if it is something else', () => {
  const auth = { getToken: async () => 'token', key: 'canary' as never };
  const make = () => checkServerConfig({ url: 'https://a.test/', auth });
  expect(make).toThrow('auth.key: expected a function that answers whose token is needed');
  expect(make).not.toThrow('canary');
});

describe('a revision', () => {
  test('that is not spoken over a transport is refused, wherever it is pinned', () => {
    const sse = { type: 'sse', url: 'http://127.0.0.1/sse' } as const;
    const pinned = { protocol: '2026-07-28' } as const;
    for (const [config, defaults] of [
      [{ ...sse, ...pinned }, {}],
      [sse, pinned],
    ] as const)
      expect(() => new McpClient('a', config, defaults)).toThrow(/^protocol: .*HTTP\+SSE/);
  });

  test.each(['2025-06-18', '', 'AUTO', 5, null])('%j is none to pin', (protocol) => {
    const config = { url: 'http://127.0.0.1/mcp', protocol } as unknown as ServerConfig;
    expect(() => new McpClient('a', config)).toThrow(
      /^protocol: expected one of auto, 2026-07-28, 2025-11-25/,
    );
  });
});
