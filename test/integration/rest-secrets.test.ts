import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { McpManager } from 'mcp-fleet';
import { createRestHandler } from 'mcp-fleet/rest';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { startAuthorizationServer } from '../fixtures/authorization-server.js';
import { listenOnLoopback } from '../fixtures/loopback.js';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';

let seen: string[] = [];
afterEach(() => {
  seen = [];
});

/** A door whose every answer and event is kept in `seen`. */
function watchedDoor(options: { presets?: Record<string, { command: string; args: string[] }> } = {}) {
  const manager = new McpManager({ callTimeoutMs: 2_000, retry: false });
  const handler = createRestHandler(manager, {
    authorize: 'allow-all',
    allowedHosts: ['127.0.0.1'],
    ...options,
  });
  const leaving = new AbortController();
  onTestFinished(async () => {
    leaving.abort();
    await manager.close({ drainTimeoutMs: 0 });
  });
  const ask = async (method: string, path: string, body?: object) => {
    const request = new Request(`http://localhost${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const response = await handler(request);
    const text = `${JSON.stringify([...response.headers])}\n${await response.text()}`;
    seen.push(text);
    return { status: response.status, text };
  };
  const listen = async () => {
    const { body } = await handler(new Request('http://localhost/events'));
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    leaving.signal.addEventListener('abort', () => void reader.cancel());
    void (async () => {
      for (let read = await reader.read(); !read.done; read = await reader.read())
        seen.push(new TextDecoder().decode(read.value));
    })();
  };
  /** Every route, for a server of that name. */
  const askAll = async (name: string) => {
    for (const path of [
      '/servers',
      '/servers/status?probe=true',
      `/servers/${name}`,
      '/tools',
      '/resources',
      '/prompts',
    ])
      await ask('GET', path);
    await ask('GET', '/resources/templates');
    await ask('POST', '/tools/call', { server_name: name, tool_name: 'echo', arguments: { text: 'hi' } });
    await ask('POST', '/tools/batch', { calls: [{ server_name: name, tool_name: 'no-such' }] });
    await ask('POST', '/resources/read', { server_name: name, resource_uri: 'memo://none' });
    await ask('POST', '/prompts/get', { server_name: name, prompt_name: 'none' });
    await ask('POST', '/oauth/refresh', { server_name: name });
    await ask('GET', '/openapi.json');
    await ask('GET', '/health');
    await ask('DELETE', `/servers/${name}`);
  };
  return { manager, ask, askAll, listen };
}

function expectNoTraceOf(secrets: Record<string, string>): void {
  const everything = seen.join('\n');
  expect(everything.length).toBeGreaterThan(1_000);
  for (const [kind, secret] of Object.entries(secrets)) {
    const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
    for (const form of [
      secret,
      encodeURIComponent(secret),
      base64,
      base64.replaceAll('+', '-').replaceAll('/', '_'),
    ])
      expect(everything.includes(form), kind).toBe(false);
  }
}

const CANARIES = {
  token: 'canary-token-7f3a',
  header: 'canary-header-91bc',
  query: 'canary-query-5d2e',
  clientSecret: 'canary/secret+c4f8',
};

/** Repeats to the caller everything that it was told. */
async function parrot(status: number): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const said = JSON.stringify({
        error: 'invalid_request',
        url: request.url,
        headers: request.headers,
        body,
      });
      response.writeHead(status, {
        'content-type': 'application/json',
        'x-said': said.replaceAll(/[^ -~]/g, ''),
      });
      response.end(said);
    });
  });
  const loopback = await listenOnLoopback(server);
  onTestFinished(loopback.close);
  return `http://127.0.0.1:${loopback.port}`;
}

describe('what was given to POST /servers is told to nobody', () => {
  test('by a server that works', async () => {
    const server = await mcpHttpServer();
    onTestFinished(server.close);
    const { ask, askAll, listen } = watchedDoor();
    await listen();
    const body = {
      name: 'kept',
      url: `${server.url}?key=${CANARIES.query}`,
      headers: { 'x-key': CANARIES.header },
      oauth2_token: CANARIES.token,
    };
    expect((await ask('POST', '/servers', body)).status).toBe(201);
    await askAll('kept');
    expect(server.requests[0]?.authorization).toBe(`Bearer ${CANARIES.token}`);
    expectNoTraceOf(CANARIES);
  });

  test.each([400, 401, 403, 404, 422, 429, 500, 503])(
    'by a server that repeats it with %d',
    async (status) => {
      const origin = await parrot(status);
      const { ask, askAll, listen } = watchedDoor();
      await listen();
      const body = {
        name: 'parrot',
        url: `${origin}/mcp?key=${CANARIES.query}`,
        headers: { 'x-key': CANARIES.header },
        oauth2_token: CANARIES.token,
      };
      expect((await ask('POST', '/servers', body)).status).toBe(201);
      await askAll('parrot');
      expectNoTraceOf(CANARIES);
    },
  );

  test.each([400, 401, 500])('by a token endpoint that repeats it with %d', async (status) => {
    const origin = await parrot(status);
    const { ask, askAll, listen } = watchedDoor();
    await listen();
    const body = {
      name: 'parrot',
      url: `${origin}/mcp`,
      oauth2_token_url: `${origin}/token?key=${CANARIES.query}`,
      oauth2_client_id: 'client',
      oauth2_client_secret: CANARIES.clientSecret,
    };
    expect((await ask('POST', '/servers', body)).status).toBe(201);
    await askAll('parrot');
    expectNoTraceOf(CANARIES);
  });

  test('when it is refused', async () => {
    const { ask } = watchedDoor();
    const url = 'http://127.0.0.1:1/';
    const refused = [
      { name: 'x', url: `http://user:${CANARIES.token}@127.0.0.1/` },
      { name: 'x', url: `ftp://127.0.0.1/?key=${CANARIES.query}` },
      { name: 'x', url, headers: { 'x-key': `${CANARIES.header}\n` } },
      { name: 'x', url, headers: [{ key: 'x key', value: CANARIES.header }] },
      { name: 'x', url, headers: { 'content-length': CANARIES.header } },
      { name: 'x', url, oauth2_token: `${CANARIES.token} ${CANARIES.token}` },
      { name: 'x', url, oauth2_client_secret: CANARIES.clientSecret },
      { name: 'x', url, oauth2_token: CANARIES.token, oauth2_client_secret: CANARIES.clientSecret },
      { name: 'x', url, oauth2_token: [CANARIES.token] },
      { name: 'x', url, timeout: CANARIES.token },
      { name: 'x', url, type: CANARIES.token },
    ];
    for (const body of refused) expect((await ask('POST', '/servers', body)).status).toBe(400);
    expectNoTraceOf(CANARIES);
  });
});

test('a token of a real authorization server goes to the server, and nowhere else', async () => {
  const authorization = await startAuthorizationServer();
  onTestFinished(authorization.close);
  const tokens: string[] = [];
  const server = await mcpHttpServer({
    authorize: async (token) => {
      if (token !== undefined) tokens.push(token);
      return token !== undefined && (await authorization.verify(token)) !== undefined;
    },
  });
  onTestFinished(server.close);
  const { ask, askAll, listen } = watchedDoor();
  await listen();
  const { clientId, clientSecret } = authorization.clients.post;
  const body = {
    name: 'guarded',
    url: server.url,
    oauth2_issuer: authorization.issuer,
    oauth2_client_id: clientId,
    oauth2_client_secret: clientSecret,
    oauth2_scopes: ['read'],
  };
  expect((await ask('POST', '/servers', body)).status).toBe(201);
  await ask('POST', '/tools/call', { server_name: 'guarded', tool_name: 'echo', arguments: { text: 'hi' } });
  expect(seen.at(-1)).toContain('"success":true');
  await askAll('guarded');
  expect(tokens.length).toBeGreaterThan(3);
  expectNoTraceOf({ token: tokens[0] as string, clientSecret });
});

test('200 attempts to start a process start none', async () => {
  const { ask, manager } = watchedDoor({ presets: { safe: { command: 'no-such-command', args: [] } } });
  const children = () =>
    readdirSync(`/proc/self/task`).flatMap((task) =>
      readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
    );
  const before = children();
  const process = { command: 'sleep', args: ['60'], env: { A: 'b' }, cwd: '/' };
  const carriers: object[] = [
    { name: 'x' },
    { name: 'x', url: 'http://127.0.0.1:1/' },
    { name: 'x', preset: 'safe' },
    { name: 'x', type: 'stdio' },
    { name: 'x', type: 'custom', transport: 'sleep' },
  ];
  const wrapped = (one: object): object[] => [
    { ...one, ...process },
    { ...one, command: 'sleep' },
    { ...one, args: ['sleep', '60'] },
    { ...one, env: { PATH: '/tmp' } },
    { ...one, cwd: '/' },
    { ...one, config: process },
    { ...one, stdio: process },
    { ...one, server: process },
    { ...one, mcpServers: { x: process } },
    { ...one, Command: 'sleep', ARGS: ['60'] },
  ];
  const bodies = carriers.flatMap(wrapped);
  const attempts = [...bodies, ...bodies.map((body) => [body]), ...bodies.map((body) => ({ x: body }))];
  const inString = bodies.map((body) => ({ name: 'x', url: `stdio:${JSON.stringify(body)}` }));
  let count = 0;
  for (const body of [...attempts, ...inString]) {
    expect((await ask('POST', '/servers', body)).status).toBe(400);
    count++;
  }
  await ask('GET', '/servers/status?probe=true');
  expect(count).toBe(200);
  expect(manager.clients.size).toBe(0);
  expect(children()).toEqual(before);
});
