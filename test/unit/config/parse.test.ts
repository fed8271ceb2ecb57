// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of configurations
import { ConfigError, clientCredentials, McpManager, staticToken } from 'mcp-fleet';
import { parseConfig } from 'mcp-fleet/config';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../src/core/canonical-json.js';

const URL_ENTRY = { url: 'https://mcp.example.com/mcp' };

/** The entry `a` of a configuration with it alone. */
function parsed(entry: object, env: Record<string, string> = {}) {
  return parseConfig({ mcpServers: { a: entry } }, { env }).a;
}

function fault(input: unknown, env: Record<string, string> = {}): ConfigError {
  try {
    parseConfig(input, { env });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error('Expected a ConfigError');
}

function faultOf(entry: unknown, env?: Record<string, string>): ConfigError {
  return fault({ mcpServers: { a: entry } }, env);
}

describe('the forms', () => {
  test.each(['mcpServers', 'servers'])('{ %s } are servers by name', (form) => {
    expect(parseConfig({ [form]: { a: URL_ENTRY, b: { command: 'node', args: ['x.js'] } } })).toEqual({
      a: URL_ENTRY,
      b: { command: 'node', args: ['x.js'] },
    });
  });

  test('an array has the name in each entry', () => {
    expect(parseConfig([{ name: 'a', ...URL_ENTRY }])).toEqual({ a: URL_ENTRY });
  });

  test('may be without servers', () => {
    for (const empty of [{ mcpServers: {} }, { servers: {} }, []]) expect(parseConfig(empty)).toEqual({});
  });

  test('what the manager takes comes out', async () => {
    await using manager = new McpManager({ servers: parseConfig({ servers: { a: URL_ENTRY } }) });
    expect(manager.client('a').status).toBe('idle');
  });

  test.each([
    [undefined, '', 'got nothing'],
    [null, '', 'got null'],
    [7, '', 'got a number'],
    ['{"mcpServers": {"a": {"url": "https://canary"}}}', '', 'got a string; a text is to be parsed first'],
    [new Map(), '', 'got an object of a class'],
    [{}, '', 'expected { mcpServers }, { servers } or an array'],
    [{ mcpservers: {} }, 'mcpservers', 'did you mean mcpServers?'],
    [{ mcpServer: {} }, 'mcpServer', 'did you mean mcpServers?'],
    [{ server: {} }, 'server', 'did you mean servers?'],
    [{ mcpServers: {}, server: {} }, 'server', 'did you mean servers?'],
    [{ mcpServers: {}, servers: {} }, 'servers', 'cannot be used together with mcpServers'],
    [{ mcpServers: {}, callTimeoutMs: 5 }, 'callTimeoutMs', 'belongs into its entry'],
    [{ servers: {}, input: [] }, 'input', 'did you mean inputs?'],
    [{ mcpServers: [] }, 'mcpServers', 'expected an object of servers by name, got an array'],
    [{ mcpServers: 'canary' }, 'mcpServers', 'got a string'],
    [{ mcpServers: { a: 'canary' } }, 'mcpServers.a', 'expected an object'],
    [{ mcpServers: { a: null } }, 'mcpServers.a', 'expected an object'],
    [[null], '0.name', 'expected a name'],
    [[URL_ENTRY], '0.name', 'expected a name'],
    [
      [
        { name: 'a', ...URL_ENTRY },
        { name: 'a', ...URL_ENTRY },
      ],
      '1.name',
      'in use',
    ],
    [{ mcpServers: { 'a b': URL_ENTRY } }, 'mcpServers.a b', 'expected a name'],
    [Array.from({ length: 1_001 }, (_, index) => ({ name: `s${index}`, ...URL_ENTRY })), '', 'at most 1000'],
  ])('%j is refused', (input, path, message) => {
    const error = fault(input);
    expect(error.path).toBe(path);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('canary');
  });

  test('settings of an application beside mcpServers are left to it', () => {
    expect(parseConfig({ mcpServers: {}, globalShortcut: 'Alt+Space', projects: { x: {} } })).toEqual({});
  });
});

describe('an entry', () => {
  test.each([
    ['http', 'http'],
    ['streamable-http', 'http'],
    ['streamableHttp', 'http'],
    ['sse', 'sse'],
    ['auto', 'auto'],
  ])('of type %s is of ours %s', (type, ours) => {
    expect(parsed({ type, ...URL_ENTRY })).toEqual({ type: ours, ...URL_ENTRY });
  });

  test('may call its url serverUrl, and its timeout timeout', () => {
    expect(parsed({ serverUrl: URL_ENTRY.url, timeout: 5_000 })).toEqual({
      ...URL_ENTRY,
      callTimeoutMs: 5_000,
    });
  });

  test('that is disabled does not count, whatever it holds', () => {
    expect(parseConfig({ servers: { a: { disabled: true, heders: 1, url: '${NOBODY}' } } })).toEqual({});
    expect(parsed({ disabled: false, ...URL_ENTRY })).toEqual(URL_ENTRY);
  });

  test('may have numbers and nulls in env, as VS Code writes them', () => {
    expect(parsed({ command: 'x', env: { PORT: 8080, EMPTY: '', NONE: null } })).toEqual({
      command: 'x',
      env: { PORT: '8080', EMPTY: '' },
    });
  });

  test('passes over what other applications alone understand, without looking at it', () => {
    const others = { autoApprove: ['x'], dev: { watch: '${NOBODY}' }, gallery: true, version: '1' };
    expect(parsed({ ...URL_ENTRY, ...others, alwaysAllow: [], alwaysLoad: true, description: 'x' })).toEqual(
      URL_ENTRY,
    );
  });

  test.each([
    [{ ...URL_ENTRY, heders: {} }, 'heders', 'did you mean headers?'],
    [{ comand: 'x' }, 'comand', 'did you mean command?'],
    [{ ...URL_ENTRY, constructor: 1 }, 'constructor', 'is not an option'],
    [{ ...URL_ENTRY, retry: { atempts: 3 } }, 'retry.atempts', 'did you mean attempts?'],
    [{ ...URL_ENTRY, tools: { alow: [] } }, 'tools.alow', 'did you mean allow?'],
    [{ ...URL_ENTRY, auth: { type: 'static', tokn: 'x', token: 'y' } }, 'auth.tokn', 'did you mean token?'],
    [
      {
        ...URL_ENTRY,
        auth: { type: 'client_credentials', clientId: 'x', clientSecret: 'y', clientAut: 'z' },
      },
      'auth.clientAut',
      'did you mean clientAuth?',
    ],
    [{ ...URL_ENTRY, auth: { token: 'canary' } }, 'auth.type', "'static' or 'client_credentials'"],
    [{ ...URL_ENTRY, auth: { type: 'canary' } }, 'auth.type', "'static' or 'client_credentials'"],
    [{ ...URL_ENTRY, auth: 'canary' }, 'auth', 'expected { type'],
    [{ ...URL_ENTRY, auth: { type: 'static', token: 'canary with spaces' } }, 'auth.token', ''],
    [{ ...URL_ENTRY, auth: { type: 'client_credentials', clientId: 'x' } }, 'auth.clientSecret', 'string'],
    [
      { ...URL_ENTRY, auth: { type: 'client_credentials', clientId: 'x', clientSecret: 'canary' } },
      'auth.tokenUrl',
      'missing',
    ],
    [
      {
        ...URL_ENTRY,
        auth: { type: 'client_credentials', clientId: 'x', clientSecret: 'canary', scopes: ['canary 2'] },
      },
      'auth.scopes.0',
      'expected one scope',
    ],
    [{ ...URL_ENTRY, headers: { 'x-key': 7 } }, 'headers.x-key', 'expected a string, got a number'],
    [{ ...URL_ENTRY, headers: { 'x-key': 'canary\n' } }, 'headers.x-key', 'visible ASCII'],
    [{ ...URL_ENTRY, headers: { Host: 'canary' } }, 'headers.Host', 'set by the library'],
    [{ ...URL_ENTRY, headers: [{ key: 'a', value: 'b' }] }, 'headers', 'expected an object of strings'],
    [{ ...URL_ENTRY, oauth: { clientId: 'x' } }, 'oauth', 'a login by a person'],
    [{ ...URL_ENTRY, headersHelper: 'x.sh' }, 'headersHelper', 'not run here'],
    [{ command: 'x', sandboxEnabled: true }, 'sandboxEnabled', 'no sandbox'],
    [{ ...URL_ENTRY, serverUrl: 'https://x' }, 'serverUrl', 'together with url'],
    [{ ...URL_ENTRY, timeout: 60 }, 'timeout', 'at least 1000'],
    [{ ...URL_ENTRY, timeout: 6_000, callTimeoutMs: 5 }, 'timeout', 'together with callTimeoutMs'],
    [{ ...URL_ENTRY, command: 'x' }, 'url', 'is not an option of a server with a command'],
    [{ command: 'x', headers: {} }, 'headers', 'is not an option of a server with a command'],
    [{ ...URL_ENTRY, envFile: '.env' }, 'envFile', 'only for a server with a command'],
    [{ command: 'x', envFile: '.env' }, 'envFile', 'loadConfig and watchConfig only'],
    [{ command: 'x', env: { KEY: ['canary'] } }, 'env.KEY', 'got an array'],
    [{ url: 'ftp://user:canary@host/' }, 'url', 'got "ftp://host/"'],
    [{ type: 'canary', ...URL_ENTRY }, 'type', 'expected one of auto, http'],
    [{ type: 'ws', ...URL_ENTRY }, 'url', 'ws:// or wss://'],
    [{ type: 'custom', transport: 'x' }, 'type', 'expected one of'],
    [{ ...URL_ENTRY, interceptors: [] }, 'interceptors', 'is not an option'],
    [{ ...URL_ENTRY, name: 'a' }, 'name', 'is not an option'],
    [{ ...URL_ENTRY, disabled: 'true' }, 'disabled', 'expected true or false'],
    [{ disabled: false }, '', 'expected url'],
  ] as [object, string, string][])('%j is refused', (entry, path, message) => {
    const error = faultOf(entry);
    expect(error.path).toBe(['mcpServers.a', path].filter(Boolean).join('.'));
    expect(error.message).toContain(message);
    if (path !== 'type') expect(error.message).not.toContain('canary');
  });

  test('of the array form may have what the original service wrote', () => {
    const entry = {
      name: 'a',
      ...URL_ENTRY,
      timeout: 1.5,
      headers: [{ key: 'x-a', value: '1' }],
      oauth2_token_url: 'https://login.example.com/token',
      oauth2_client_id: 'me',
      oauth2_client_secret: 'hush',
      oauth2_scopes: 'a b',
    };
    const auth = clientCredentials({
      clientId: 'me',
      clientSecret: 'hush',
      tokenUrl: 'https://login.example.com/token',
      scopes: ['a', 'b'],
    });
    const expected = { ...URL_ENTRY, callTimeoutMs: 1_500, headers: { 'x-a': '1' }, auth };
    expect(canonicalJson(parseConfig([entry]).a)).toBe(canonicalJson(expected));
    expect(canonicalJson(parseConfig([{ ...entry, oauth2_scopes: ['a', 'b'] }]).a)).toBe(
      canonicalJson(expected),
    );
  });

  test('of the array form may have a token, and null for what it has not', () => {
    const entry = { name: 'a', ...URL_ENTRY, oauth2_token: 'x', oauth2_client_id: null, timeout: null };
    expect(canonicalJson(parseConfig([entry]).a)).toBe(
      canonicalJson({ ...URL_ENTRY, auth: staticToken('x') }),
    );
  });

  test.each([
    [{ oauth2_token: 'x', oauth2_client_id: 'y' }, 'oauth2_token', 'together with client credentials'],
    [{ oauth2_client_id: 'y', oauth2_client_secret: 'canary' }, 'oauth2_token_url', 'missing'],
    [{ oauth2_token_url: 'https://x/token', oauth2_client_secret: 'canary' }, 'oauth2_client_id', 'string'],
    [{ oauth2_token: 'canary x' }, 'oauth2_token', ''],
    [{ oauth2_tokn: 'canary' }, 'oauth2_tokn', 'did you mean oauth2_token?'],
    [{ oauth2_token: 'x', auth: { type: 'static', token: 'y' } }, 'auth', 'cannot be used together'],
    [{ timeout: 0 }, 'timeout', 'seconds'],
    [{ headers: [{ key: 'a', valeu: 'canary' }] }, 'headers.0.value', 'expected a string'],
    [
      {
        headers: [
          { key: 'a', value: '1' },
          { key: 'a', value: '2' },
        ],
      },
      'headers.1.key',
      'second time',
    ],
  ])('%j of the array form is refused', (change, path, message) => {
    const error = fault([{ name: 'a', ...URL_ENTRY, ...change }]);
    expect(error.path).toBe(`0.${path}`);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('canary');
  });
});

describe('references', () => {
  const env = { HOST: 'h.test', EMPTY: '', 'input:key': 'asked', constructor: 'own', DOLLAR: '${HOST}' };

  test.each([
    ['${HOST}', 'h.test'],
    ['${env:HOST}', 'h.test'],
    ['x-${HOST}-${env:HOST}-y', 'x-h.test-h.test-y'],
    ['${EMPTY}', ''],
    ['${EMPTY:-other}', 'other'],
    ['${NOBODY:-other}', 'other'],
    ['${env:NOBODY:-other}', 'other'],
    ['${NOBODY:-}', ''],
    ['${NOBODY:-a:-b c}', 'a:-b c'],
    ['${input:key}', 'asked'],
    ['${DOLLAR}', '${HOST}'],
    ['$${HOST}', '${HOST}'],
    ['$HOST $$ {HOST} $', '$HOST $$ {HOST} $'],
  ])('%s is %s', (text, value) => {
    expect(parsed({ command: 'x', args: [text], env: { A: text } }, env)).toEqual({
      command: 'x',
      args: [value],
      env: { A: value },
    });
  });

  test('are replaced in every string value, and in no key', () => {
    const entry = {
      url: 'https://${HOST}/mcp',
      headers: { 'x-${HOST': '1', 'x-a': '${HOST}' },
      clientInfo: { name: '${HOST}', version: '1' },
      tools: { deny: ['${HOST}_*'] },
    };
    const { 'x-${HOST': _, ...headers } = entry.headers;
    expect(parsed({ ...entry, headers }, env)).toEqual({
      url: 'https://h.test/mcp',
      headers: { 'x-a': 'h.test' },
      clientInfo: { name: 'h.test', version: '1' },
      tools: { deny: ['h.test_*'] },
    });
    expect(faultOf(entry, env).path).toBe('mcpServers.a.headers[0]');
  });

  test.each([
    ['${NOBODY}', 'the variable NOBODY is not set and has no default'],
    ['${env:NOBODY}', 'NOBODY'],
    ['${toString}', 'toString'],
    ['${__proto__}', '__proto__'],
    ['${input:nobody}', "give env['input:nobody']"],
    ['${HOST', 'without its end'],
    ['${}', 'without the name'],
    ['${:-x}', 'without the name'],
    ['${a secret}', 'without the name'],
    ['${NOBODY:-${HOST}}', 'inside the default of NOBODY'],
  ])('%s is refused', (text, message) => {
    const error = faultOf({ command: 'x', env: { KEY: text } }, env);
    expect(error.path).toBe('mcpServers.a.env.KEY');
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('a secret');
  });

  test('to process.env where no env is given', () => {
    process.env.MCP_FLEET_TEST_HOST = 'from.process';
    try {
      const { a } = parseConfig({ servers: { a: { url: 'https://${MCP_FLEET_TEST_HOST}/' } } });
      expect(a).toEqual({ url: 'https://from.process/' });
    } finally {
      delete process.env.MCP_FLEET_TEST_HOST;
    }
  });

  test('show in errors as they were written, and not what they stand for', () => {
    const canary = { SECRET: 'canary' };
    expect(faultOf({ url: '${SECRET}' }, canary).message).toContain('got "${SECRET}"');
    expect(faultOf({ url: 'http://x/${SECRET}', type: 'ws' }, canary).message).not.toContain('canary');
    expect(faultOf({ type: '${SECRET}', ...URL_ENTRY }, canary).message).not.toContain('canary');
    const scopes = { type: 'client_credentials', clientId: 'x', clientSecret: 'y', scopes: ['${SECRET} x'] };
    expect(faultOf({ ...URL_ENTRY, auth: scopes }, canary).message).not.toContain('canary');
  });
});

describe('names that mean something to JavaScript', () => {
  const places = [
    '{"__proto__": {"url": "https://x"}, "mcpServers": {}}',
    '{"mcpServers": {"__proto__": {"url": "https://x"}}}',
    '{"mcpServers": {"constructor": {"url": "https://x"}}}',
    '{"mcpServers": {"prototype": {"url": "https://x"}}}',
    '{"mcpServers": {"a": {"url": "https://x", "__proto__": {"command": "x"}}}}',
    '{"mcpServers": {"a": {"url": "https://x", "headers": {"__proto__": "x"}}}}',
    '{"mcpServers": {"a": {"url": "https://x", "retry": {"__proto__": {"attempts": 9}}}}}',
    '{"mcpServers": {"a": {"command": "x", "env": {"__proto__": "x"}}}}',
    '{"mcpServers": {"a": {"command": "x", "env": {"A": {"__proto__": {}}}}}}',
    '[{"name": "a", "url": "https://x", "__proto__": {"command": "x"}}]',
    '[{"name": "__proto__", "url": "https://x"}]',
  ];
  test.each(places)('do no harm in %s', (text) => {
    const before = Object.getOwnPropertyNames(Object.prototype);
    try {
      const servers = parseConfig(JSON.parse(text));
      expect(servers).toEqual({});
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
    }
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    expect(({} as { command?: unknown }).command).toBeUndefined();
  });

  test('are ordinary ones in env', () => {
    const env = JSON.parse('{"constructor": "1", "toString": "2"}');
    expect(parsed({ command: 'x', env })).toEqual({ command: 'x', env });
  });
});

test('an unchanged entry counts as unchanged, though its token provider is a new one each time', async () => {
  const text = JSON.stringify({
    mcpServers: {
      a: { ...URL_ENTRY, auth: { type: 'static', token: '${T}' } },
      b: {
        ...URL_ENTRY,
        auth: { type: 'client_credentials', clientId: 'x', clientSecret: '${T}', issuer: 'https://x.test' },
      },
    },
  });
  const read = (token: string) => parseConfig(JSON.parse(text), { env: { T: token } });
  await using manager = new McpManager({ servers: read('one') });
  expect(await manager.setServers(read('one'))).toEqual({ added: [], updated: [], removed: [] });
  expect(await manager.setServers(read('two'))).toEqual({ added: [], updated: ['a', 'b'], removed: [] });
});

test('options that are none are refused', () => {
  expect(() => parseConfig({ servers: {} }, { env: null as never })).toThrow(
    expect.objectContaining({ path: 'env' }),
  );
});
