import { generateKeyPairSync } from 'node:crypto';
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import {
  clientCredentials,
  McpClient,
  McpManager,
  type ServerConfig,
  staticToken,
  type TokenProvider,
  tokenExchange,
} from 'mcp-fleet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CANARIES, type SecretKind, Sinks } from '../fixtures/canary.js';
import { type OddServer, oddServer } from '../fixtures/odd-servers.js';

/** What a server answers that repeats all it was sent, by the path of its URL. */
const ECHOES = [
  '401',
  '403',
  '404',
  '429',
  '500',
  'rpc-error',
  'bad-json',
  'bad-version',
  'bad-result',
  'junk',
  'invalid-http',
  'end',
] as const;

/** An MCP server that says in each answer all it knows of the request. */
let mcp: OddServer;
/** An authorization server that does. */
let issuer: OddServer;
beforeAll(async () => {
  mcp = await oddServer(({ path, headers, body }, response) => {
    const echo = `${JSON.stringify(headers)} ${headers.authorization} ${body} ${path}`;
    const [, how = ''] = /^\/mcp\/([\w-]+)/.exec(path) ?? [];
    const type = { 'content-type': 'application/json' };
    if (/^\d+$/.test(how)) {
      const challenge = `Bearer error="insufficient_scope", scope="a", error_description="${echo.replaceAll('"', "'")}"`;
      response.writeHead(Number(how), { ...type, 'www-authenticate': challenge }).end(echo);
    } else if (how === 'rpc-error') {
      const { id } = JSON.parse(body || '{}');
      const error = { code: -32_000, message: echo, data: { deep: [echo], [echo]: 1 } };
      response.writeHead(200, type).end(JSON.stringify({ jsonrpc: '2.0', id, error }));
    } else if (how === 'bad-json') {
      response.writeHead(200, type).end(`${headers.authorization} ${headers['x-api-key']} ${path}`);
    } else if (how === 'bad-version' || how === 'bad-result') {
      const { id } = JSON.parse(body || '{}');
      const valid = {
        protocolVersion: '2025-06-18',
        capabilities: {},
        serverInfo: { name: 'a', version: '1' },
      };
      const result =
        how === 'bad-version' ? { ...valid, protocolVersion: echo } : { [echo]: echo, serverInfo: echo };
      response.writeHead(200, type).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
    } else if (how === 'junk') {
      response.writeHead(200, { 'content-type': `text/plain` }).end(echo);
    } else if (how === 'invalid-http') {
      response.socket?.end(`HTTP/1.1 200 OK\r\n${echo}\r\n\r\n`);
    } else response.destroy();
  });
  issuer = await oddServer(({ path, headers, body }, response) => {
    const form = Object.fromEntries(new URLSearchParams(body));
    const echo = `${JSON.stringify(headers)} ${body} ${JSON.stringify(form)} ${Object.values(form).join(' ')}`;
    if (path.startsWith('/invalid-http'))
      return void response.socket?.end(`HTTP/1.1 200 OK\r\n${echo}\r\n\r\n`);
    const status = Number(path.slice(1));
    response.writeHead(status || 404, {
      'content-type': 'application/json',
      'www-authenticate': `Basic realm="${status}"`,
    });
    response.end(
      JSON.stringify({
        error: `invalid ${echo}`.slice(0, 3_000),
        error_description: echo,
        access_token: [echo],
        token_type: echo,
      }),
    );
  });
});
afterAll(async () => {
  await mcp.close();
  await issuer.close();
});

const tokenUrls = () =>
  ['200', '400', '401', '429', '500', 'invalid-http'].map(
    (end) => new URL(end, `${new URL(issuer.url).origin}/`).href,
  );
const FAST = { retry: false, healthCheck: false, connectTimeoutMs: 2_000, callTimeoutMs: 800 } as const;

/** Uses a server in every way, and takes down all that comes out. */
async function exercise(sinks: Sinks, config: ServerConfig): Promise<void> {
  const settings = { ...FAST, ...config, logger: sinks.logger };
  await sinks.attempt('construction', async () => {
    const manager = new McpManager({ servers: { a: settings } });
    sinks.listenTo(manager);
    sinks.add('report', await manager.connect());
    await sinks.attempt('error', () => manager.callTool({ server: 'a', name: 'echo', arguments: {} }));
    const [outcome] = await manager.callTools([{ server: 'a', name: 'echo' }]);
    // A result is what the caller asked for: data, whatever is in it.
    sinks.add('outcome', outcome?.ok ? outcome.call : outcome);
    sinks.add('list', await manager.listTools());
    sinks.add('refreshed', await manager.refreshTokens());
    sinks.add('snapshot', manager.snapshot());
    sinks.add('client', manager.client('a'));
    sinks.add('manager', manager);
    await manager.close({ drainTimeoutMs: 100 });
  });
  await sinks.attempt('construction', async () => {
    const client = new McpClient('a', settings);
    sinks.listenTo(client);
    await sinks.attempt('error', () => client.connect());
    await sinks.attempt('error', () => client.ping());
    sinks.add('lastError', client.lastError);
    sinks.add('snapshot', client.snapshot());
    await client.close({ drainTimeoutMs: 100 });
  });
}

const echoing = (config: object) =>
  ECHOES.map((how) => ({ url: `${mcp.url}/${how}`, ...config }) as ServerConfig);
const atIssuer = (auth: (tokenUrl: string) => TokenProvider) =>
  tokenUrls().map((tokenUrl) => ({ url: mcp.url, auth: auth(tokenUrl) }) as ServerConfig);
/** As an HTTP client that hangs the request on its error. */
const tellingFetch = async (url: unknown, init: unknown) => {
  throw Object.assign(new Error(`failed: ${JSON.stringify(init)}`), {
    config: init,
    url,
    code: 'ECONNRESET',
  });
};

const SERVERS: Record<SecretKind, () => (ServerConfig | (() => unknown))[]> = {
  staticToken: () => [
    ...echoing({ auth: staticToken(CANARIES.staticToken) }),
    ...echoing({ auth: staticToken(() => CANARIES.staticToken) }),
    { url: mcp.url, auth: staticToken(CANARIES.staticToken), fetch: tellingFetch as never },
    { url: 'ws://127.0.0.1:1/', auth: staticToken(CANARIES.staticToken) },
    () => staticToken(`Bearer ${CANARIES.staticToken}`),
    () => staticToken(`${CANARIES.staticToken}\r\n`),
    { url: mcp.url, auth: staticToken(() => `${CANARIES.staticToken}\r\n`) },
    { url: mcp.url, auth: CANARIES.staticToken as never },
  ],
  clientSecret: () => [
    ...atIssuer((tokenUrl) =>
      clientCredentials({ clientId: 'a', clientSecret: CANARIES.clientSecret, tokenUrl }),
    ),
    ...atIssuer((tokenUrl) =>
      clientCredentials({
        clientId: 'a',
        clientSecret: async () => CANARIES.clientSecret,
        clientAuth: 'client_secret_basic',
        tokenUrl,
      }),
    ),
    ...atIssuer((tokenUrl) =>
      clientCredentials({
        clientId: 'a',
        clientSecret: 's',
        parameters: { password: CANARIES.clientSecret },
        tokenUrl,
      }),
    ),
    {
      url: mcp.url,
      auth: clientCredentials({
        clientId: 'a',
        clientSecret: CANARIES.clientSecret,
        issuer: 'https://127.0.0.1:1',
      }),
      fetch: tellingFetch as never,
    },
    () =>
      clientCredentials({
        clientId: 'a',
        clientSecret: [CANARIES.clientSecret] as never,
        tokenUrl: 'https://a.test',
      }),
    () =>
      clientCredentials({ clientId: 'a', clientSecret: CANARIES.clientSecret, tokenUrl: 'http://a.test' }),
    () =>
      clientCredentials({
        clientId: 'a',
        clientSecret: CANARIES.clientSecret,
        privateKey: 'x',
        tokenUrl: 'https://a.test',
      }),
  ],
  privateKey: () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const jwk = { ...privateKey.export({ format: 'jwk' }) };
    return [
      () => clientCredentials({ clientId: 'a', privateKey: CANARIES.privateKey, tokenUrl: 'https://a.test' }),
      () =>
        clientCredentials({
          clientId: 'a',
          privateKey: `-----BEGIN PRIVATE KEY-----\n${CANARIES.privateKey}\n-----END PRIVATE KEY-----`,
          tokenUrl: 'https://a.test',
        }),
      () =>
        clientCredentials({
          clientId: 'a',
          privateKey: { ...jwk, d: CANARIES.privateKey },
          tokenUrl: 'https://a.test',
        }),
      () =>
        clientCredentials({
          clientId: 'a',
          privateKey: { kty: 'RSA', n: 'AQAB', e: 'AQAB', d: [CANARIES.privateKey] } as never,
          tokenUrl: 'https://a.test',
        }),
      () =>
        clientCredentials({
          clientId: 'a',
          privateKey: { kty: CANARIES.privateKey },
          tokenUrl: 'https://a.test',
        }),
    ];
  },
  accessToken: () => {
    const auth: TokenProvider = {
      getToken: async () => ({ token: CANARIES.accessToken, expiresAt: Date.now() + 60_000 }),
    };
    return [
      ...echoing({ auth }),
      ...echoing({ auth: { ...auth, key: () => 'ada' } }),
      ...echoing({ auth, type: 'sse' }),
      ...echoing({ oauth: login({ access_token: CANARIES.accessToken }) }),
      { url: mcp.url, auth, fetch: tellingFetch as never },
      { url: mcp.url, auth: { getToken: async () => ({ token: `${CANARIES.accessToken}\r\n` }) } },
      {
        url: mcp.url,
        auth: { getToken: async () => ({ token: CANARIES.accessToken, expiresAt: 1_800_000_000 }) },
      },
    ];
  },
  headerValue: () => [
    ...echoing({ headers: { 'x-api-key': CANARIES.headerValue } }),
    ...echoing({ headers: { authorization: `Basic ${CANARIES.headerValue}` }, type: 'sse' }),
    { url: mcp.url, headers: { 'x-api-key': CANARIES.headerValue }, fetch: tellingFetch as never },
    { url: mcp.url, headers: { 'x-api-key': `${CANARIES.headerValue}\r\nx: y` } },
    { url: mcp.url, headers: { 'x-api-key': [CANARIES.headerValue] as never } },
    { url: mcp.url, headers: { [`authorization: ${CANARIES.headerValue}`]: 'x' } },
    { url: mcp.url, headers: CANARIES.headerValue as never },
  ],
  userinfo: () => [
    { url: `http://user:${CANARIES.userinfo}@127.0.0.1:1/mcp` },
    { url: new URL(`http://${CANARIES.userinfo}@127.0.0.1:1/mcp`) },
    { url: `ws://user:${CANARIES.userinfo}@127.0.0.1:1/mcp` },
    { url: `nonsense//user:${CANARIES.userinfo}@127.0.0.1:1/mcp` },
    () =>
      clientCredentials({
        clientId: 'a',
        clientSecret: 's',
        tokenUrl: `https://u:${CANARIES.userinfo}@a.test/`,
      }),
    () =>
      clientCredentials({ clientId: 'a', clientSecret: 's', issuer: `https://${CANARIES.userinfo}@a.test/` }),
  ],
  environmentValue: () => {
    const env = { API_KEY: CANARIES.environmentValue };
    const run = (code: string) => ({ command: process.execPath, args: ['-e', code], env }) as ServerConfig;
    return [
      run(
        'console.error(process.env.API_KEY, encodeURIComponent(process.env.API_KEY), btoa(process.env.API_KEY)); process.exit(1)',
      ),
      run('console.log(process.env.API_KEY); setTimeout(() => process.exit(1), 100)'),
      { command: 'no-such-command-here', env },
      { command: 'node', env: [CANARIES.environmentValue] as never },
      { command: 'node', env: { API_KEY: [CANARIES.environmentValue] as never } },
      { command: 'node', args: CANARIES.environmentValue as never },
    ];
  },
  argument: () => [
    { command: 'no-such-command-here', args: [CANARIES.argument] },
    { command: process.execPath, args: ['-e', 'process.exit(1)', CANARIES.argument] },
    { command: 'node', args: [[CANARIES.argument]] as never },
  ],
  refreshToken: () => {
    const refresh_token = CANARIES.refreshToken;
    return [
      ...tokenUrls().map((tokenUrl) => ({
        url: `${mcp.url}/401`,
        oauth: login({ access_token: 'expired', refresh_token }, tokenUrl),
      })),
      {
        url: `${mcp.url}/401`,
        oauth: login({ access_token: 'expired', refresh_token }),
        fetch: tellingFetch as never,
      },
    ];
  },
  subjectToken: () => [
    ...atIssuer((tokenUrl) =>
      tokenExchange({
        clientId: 'a',
        clientSecret: 's',
        tokenUrl,
        subjectToken: () => CANARIES.subjectToken,
      }),
    ),
    ...atIssuer((tokenUrl) =>
      tokenExchange({
        clientId: 'a',
        clientSecret: 's',
        tokenUrl,
        subjectToken: () => 'x',
        actorToken: async () => CANARIES.subjectToken,
      }),
    ),
    () =>
      tokenExchange({
        clientId: 'a',
        clientSecret: 's',
        tokenUrl: 'https://a.test',
        subjectToken: CANARIES.subjectToken as never,
      }),
  ],
  queryValue: () =>
    ECHOES.map((how) => ({ url: `${mcp.url}/${how}?key=${encodeURIComponent(CANARIES.queryValue)}` })),
};

/** Kinds that never get farther than the configuration. */
const ONLY_CONFIGURED: ReadonlySet<SecretKind> = new Set(['privateKey', 'userinfo']);

describe.each(Object.keys(CANARIES) as SecretKind[])('the secret %s', (kind) => {
  test('comes out nowhere', async () => {
    const sinks = new Sinks();
    await Promise.all(
      SERVERS[kind]().map((server) =>
        typeof server === 'function'
          ? sinks.attempt('construction', async () => sinks.add('provider', server()))
          : exercise(sinks, server),
      ),
    );
    expect(sinks.leaksOf(CANARIES[kind])).toEqual([]);
    expect(sinks.used).toContain(ONLY_CONFIGURED.has(kind) ? 'construction' : 'error');
  });
});

test('the sinks notice what does come out, however it is written', () => {
  const secret = CANARIES.clientSecret;
  const cause = Object.assign(new Error('x'), { body: encodeURIComponent(secret) });
  const sinks = new Sinks();
  sinks.add('plain', new Error(secret));
  sinks.add('cause', new Error('y', { cause }));
  sinks.add('base64', { deep: { down: [btoa(secret)] } });
  sinks.add('nothing', new Error('z'));
  expect(new Set(sinks.leaksOf(secret).map((leak) => leak.split(':')[0]))).toEqual(
    new Set(['plain', 'cause', 'base64']),
  );
});

/** A person who has logged in, and whose token endpoint is this one. */
function login(tokens: object, tokenUrl = 'http://127.0.0.1:1/token'): OAuthClientProvider {
  const { origin } = new URL(tokenUrl);
  return {
    redirectUrl: 'http://127.0.0.1/callback',
    clientMetadata: { redirect_uris: ['http://127.0.0.1/callback'] },
    clientInformation: () => ({ client_id: 'a', issuer: origin }),
    tokens: () => ({ token_type: 'Bearer', issuer: origin, ...tokens }) as never,
    saveTokens: () => {},
    redirectToAuthorization: () => {},
    saveCodeVerifier: () => {},
    codeVerifier: () => 'verifier',
    discoveryState: () => ({
      authorizationServerUrl: origin,
      authorizationServerMetadata: {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: tokenUrl,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
      },
    }),
  };
}
