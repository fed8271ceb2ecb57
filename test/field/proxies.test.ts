import { createServer, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { clientCredentials, McpClient, McpManager, type ServerConfig } from 'mcp-fleet';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Sinks } from '../fixtures/canary.js';
import { listenOnLoopback } from '../fixtures/loopback.js';
import { deadUrl, oddServer } from '../fixtures/odd-servers.js';
import { fieldServer, sseFieldServer } from './http-server.js';
import { DONE } from './mcp-answers.js';
import { rawWebSocketServer } from './web-socket-server.js';

const VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'ws_proxy', 'wss_proxy'];
beforeEach(() => {
  for (const name of VARIABLES.flatMap((lower) => [lower, lower.toUpperCase()])) {
    vi.stubEnv(name, undefined);
    vi.stubEnv(`npm_config_${name}`, undefined);
  }
});

/** Forwards what it is asked for, and opens tunnels. */
async function forwarder() {
  const asked: string[] = [];
  const credentials: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    credentials.push(request.headers['proxy-authorization']);
    const { method, headers } = request;
    const onward = httpRequest(request.url ?? '', { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    credentials.push(request.headers['proxy-authorization']);
    const [host, port] = String(request.url).split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy()).on('close', () => onward.destroy());
  });
  const loopback = await listenOnLoopback(server);
  const host = `127.0.0.1:${loopback.port}`;
  return { asked, credentials, host, url: `http://${host}`, [Symbol.asyncDispose]: loopback.close };
}

/** A proxy that refuses all, and repeats what it was sent. */
async function refuser(status: number) {
  const said = (headers: object) => `no: ${JSON.stringify(headers)} ${Object.values(headers).join(' ')}`;
  const server = createServer(({ headers }, response) => response.writeHead(status).end(said(headers)));
  server.on('connect', ({ headers }, socket) => socket.end(`HTTP/1.1 ${status} No\r\n\r\n${said(headers)}`));
  const loopback = await listenOnLoopback(server);
  return { host: `127.0.0.1:${loopback.port}`, [Symbol.asyncDispose]: loopback.close };
}

async function called(config: ServerConfig): Promise<void> {
  await using client = new McpClient('field', config, { retry: false });
  expect(await client.callTool({ name: 'work' })).toEqual(DONE);
}

/** Servers of each kind, and how a proxy is asked for them. */
const KINDS: Record<string, () => Promise<AsyncDisposable & { config: ServerConfig; asked: RegExp }>> = {
  async 'Streamable HTTP'() {
    const server = await fieldServer();
    return { ...server, config: { url: server.url }, asked: /^(POST|GET|DELETE) http:.*\/mcp$/ };
  },
  async 'HTTP+SSE'() {
    const server = await sseFieldServer();
    return {
      ...server,
      config: { type: 'sse', url: server.url },
      asked: /^(POST|GET) http:.*\/(sse|messages)$/,
    };
  },
  async WebSocket() {
    const server = await rawWebSocketServer();
    return { ...server, config: { url: server.url }, asked: /^CONNECT 127\.0\.0\.1:\d+$/ };
  },
};

describe.each(Object.entries(KINDS))('over %s', (_kind, make) => {
  test.each(['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'])(
    '%s leads through a proxy',
    async (name) => {
      await using proxy = await forwarder();
      await using server = await make();
      vi.stubEnv(name, proxy.url);
      await called(server.config);
      expect(proxy.asked.length).toBeGreaterThan(0);
      for (const each of proxy.asked) expect(each).toMatch(server.asked);
    },
  );

  test.each<[string, (config: ServerConfig) => string]>([
    ['everything', () => '*'],
    ['the host', () => '127.0.0.1'],
    ['host and port', (config) => new URL((config as { url: string }).url).host],
    ['a list with the host', () => 'localhost, .example.com,127.0.0.1 ,10.0.0.1'],
  ])('NO_PROXY with %s leads past the proxy', async (_what, exempt) => {
    await using proxy = await forwarder();
    await using server = await make();
    for (const spelling of ['NO_PROXY', 'no_proxy']) {
      vi.stubEnv('HTTP_PROXY', proxy.url);
      vi.stubEnv(spelling, exempt(server.config));
      await called(server.config);
      vi.stubEnv(spelling, undefined);
    }
    expect(proxy.asked).toEqual([]);
  });

  test.each(['example.com', '127.0.0.1:1', '127.0.0.10', '.0.0.1.example.com'])(
    'NO_PROXY with %s does not',
    async (exempt) => {
      await using proxy = await forwarder();
      await using server = await make();
      vi.stubEnv('HTTP_PROXY', proxy.url);
      vi.stubEnv('NO_PROXY', exempt);
      await called(server.config);
      expect(proxy.asked.length).toBeGreaterThan(0);
    },
  );

  test('the option counts more than the environment', async () => {
    await using proxy = await forwarder();
    await using server = await make();
    await called({ ...server.config, proxy: proxy.url } as ServerConfig);
    await called({ ...server.config, proxy: new URL(proxy.url) } as ServerConfig);
    const { length } = proxy.asked;
    expect(length).toBeGreaterThan(0);
    vi.stubEnv('HTTP_PROXY', proxy.url);
    await called({ ...server.config, proxy: false } as ServerConfig);
    expect(proxy.asked).toHaveLength(length);
    vi.stubEnv('HTTP_PROXY', await deadUrl());
    await called({ ...server.config, proxy: proxy.url } as ServerConfig);
    expect(proxy.asked.length).toBeGreaterThan(length);
  });

  test('a proxy that is not there is told by its address', async () => {
    await using server = await make();
    const { host } = new URL(await deadUrl());
    const config = { ...server.config, proxy: `http://${host}` } as ServerConfig;
    await using client = new McpClient('field', config, { retry: false });
    const error = await client.connect().catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent', retryable: true });
    expect(error.message).toContain(host);
  });

  test('credentials for the proxy go to it, and nowhere else', async () => {
    await using proxy = await forwarder();
    await using server = await make();
    await called({ ...server.config, proxy: `http://me:p%40ssw0rd@${proxy.host}` } as ServerConfig);
    const expected = `Basic ${Buffer.from('me:p@ssw0rd').toString('base64')}`;
    expect(new Set(proxy.credentials)).toEqual(new Set([expected]));
  });

  test.each([403, 407, 500, 502])(
    'credentials that the proxy repeats with %i are not told',
    async (status) => {
      await using proxy = await refuser(status);
      await using server = await make();
      const sinks = new Sinks();
      const config = {
        ...server.config,
        proxy: `http://me:canary%40ssw0rd@${proxy.host}`,
        logger: sinks.logger,
      };
      await using client = new McpClient('field', config as ServerConfig, { retry: false });
      sinks.listenTo(client);
      await sinks.attempt('error', () => client.callTool({ name: 'work' }));
      sinks.add('snapshot', client.snapshot());
      sinks.add('lastError', client.lastError);
      expect(sinks.used).toContain('error');
      for (const secret of ['canary@ssw0rd', 'canary%40ssw0rd', 'me:canary@ssw0rd'])
        expect(sinks.leaksOf(secret)).toEqual([]);
    },
  );
});

test('token requests take the way of their server', async () => {
  await using proxy = await forwarder();
  await using server = await fieldServer();
  await using issuer = await oddServer((_request, response) =>
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"access_token":"tok-123456","token_type":"bearer","expires_in":600}'),
  );
  const auth = clientCredentials({ clientId: 'i', clientSecret: 's3cret', tokenUrl: issuer.url });
  await called({ url: server.url, auth, proxy: proxy.url });
  expect(proxy.asked).toContain(`POST ${issuer.url}`);
  expect(proxy.asked).toContain(`POST ${server.url}`);
});

test.each(['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY'])('%s leads HTTPS through a tunnel', async (name) => {
  await using proxy = await forwarder();
  const url = (await deadUrl()).replace('http:', 'https:');
  vi.stubEnv('HTTP_PROXY', await deadUrl());
  vi.stubEnv(name, proxy.url);
  await using client = new McpClient('field', { url }, { retry: false });
  await expect(client.connect()).rejects.toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent' });
  expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT ${new URL(url).host}`]));
});

/** What a proxy does that opens no tunnel. */
const NO_TUNNELS: Record<string, (socket: Duplex) => void> = {
  'ends the connection': (socket) => socket.end(),
  'breaks the connection': (socket) => socket.destroy(),
  'resets the connection': (socket) => (socket as Socket).resetAndDestroy(),
  'refuses it': (socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'),
  'answers with junk': (socket) => socket.end('junk\r\n\r\n'),
  'ends the connection behind it': (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'),
};

describe.each(['https', 'wss', 'ws'])('a proxy that opens no tunnel for %s', (scheme) => {
  test.each(Object.entries(NO_TUNNELS))(
    'and %s is told at once, and not asked again and again',
    async (_how, end) => {
      let asked = 0;
      const server = createServer().on('connect', (_request, socket) => {
        asked++;
        end(socket);
      });
      await using proxy = await listenOnLoopback(server);
      const config = { url: `${scheme}://127.0.0.1:1/mcp`, proxy: `http://127.0.0.1:${proxy.port}` };
      await using client = new McpClient('field', config, { retry: false });
      await expect(client.connect()).rejects.toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent' });
      expect(asked).toBeLessThan(5);
    },
  );
});

test('a proxy of the manager is that of its servers, but for those that say otherwise', async () => {
  await using proxy = await forwarder();
  await using one = await fieldServer();
  await using two = await fieldServer();
  await using manager = new McpManager({
    proxy: proxy.url,
    servers: { one: { url: one.url }, two: { url: two.url, proxy: false } },
  });
  expect((await manager.listTools()).failed).toEqual([]);
  expect(two.count('tools/list')).toBe(1);
  expect(new Set(proxy.asked.map((each) => each.split(' ')[1]))).toEqual(new Set([one.url]));
});
