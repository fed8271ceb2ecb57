import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import {
  clientCredentials,
  McpClient,
  type McpFleetError,
  McpManager,
  type ServerConfig,
  type ServerDefaults,
  staticToken,
} from 'mcp-fleet';
import { runOpenAIToolCalls } from 'mcp-fleet/llm';
import { describe, expect, test } from 'vitest';
import { listenOnLoopback } from '../fixtures/loopback.js';
import { type FieldServerOptions, fieldServer, json, type Received } from './http-server.js';
import { DONE, eventOf, INITIALIZED, resultOf, TOOL } from './mcp-answers.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false, circuitBreaker: false };
const SECRET = 'canary-Tok3n.abcdef0123456789';
type On = NonNullable<FieldServerOptions['on']>;

/** What one manager says while a tool is called, and one that is not there: everything, and the texts for people. */
async function said(on: On, config: object = { auth: staticToken(SECRET) }) {
  await using server = await fieldServer({ on });
  const everything: string[] = [];
  const texts: string[] = [];
  const hear = (what: unknown) => void everything.push(inspect(what, { depth: 9 }));
  const log = (text: string, ...more: unknown[]) => {
    texts.push(text);
    hear(more);
  };
  const fail = (error: McpFleetError) => {
    texts.push(error.message);
    hear(error);
  };
  const logger = { debug: log, info: log, warn: log, error: log };
  const manager = new McpManager({ ...CALM, logger, servers: { field: { url: server.url, ...config } } });
  for (const name of ['status', 'call', 'error', 'log', 'resource', 'stderr'] as const)
    manager.on(name as 'status', hear);
  for (const name of ['work', 'nope']) await manager.callTool({ server: 'field', name }).catch(fail);
  hear(manager.snapshot());
  await manager.close({ drainTimeoutMs: 1 });
  return { texts, everything: [...everything, ...texts].join('\n') };
}

const whenCalled =
  (
    answer: (rpc: Received, ...rest: Parameters<On> extends [unknown, ...infer Rest] ? Rest : never) => void,
  ): On =>
  (rpc, ...rest) => {
    if (rpc.method !== 'tools/call') return false;
    answer(rpc, ...rest);
    return true;
  };
const listing =
  (...tools: object[]): On =>
  ({ id, method }, response) =>
    method === 'tools/list' && json(response, resultOf(id, { tools: [...tools, TOOL] }));
const beforeAnswer = (method: string, params: object) =>
  whenCalled(({ id }, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(eventOf({ jsonrpc: '2.0', method, params }));
    response.end(eventOf(resultOf(id, DONE)));
  });

/** Ways by which a server says something that reaches the host, beside a result. */
const CHANNELS: Record<string, (text: string) => On> = {
  'the body of an error': (text) => whenCalled((_rpc, response) => response.writeHead(500).end(text)),
  'a JSON-RPC error': (text) =>
    whenCalled(({ id }, response) =>
      json(response, { jsonrpc: '2.0', id, error: { code: 1, message: text, data: { [text]: [text] } } }),
    ),
  'an answer that is no JSON': (text) =>
    whenCalled((_rpc, response) => json(response, `{"jsonrpc":"2.0","x":${JSON.stringify(text)}`)),
  'a content type': (text) =>
    whenCalled((_rpc, response) => response.writeHead(200, { 'content-type': `text/${text}` }).end()),
  'the path of a redirect': (text) =>
    whenCalled((_rpc, response) =>
      response.writeHead(307, { location: `http://evil.example/${text}` }).end(),
    ),
  'the host of a redirect': (text) =>
    whenCalled((_rpc, response) =>
      response.writeHead(307, { location: `http://${text}.evil.example/` }).end(),
    ),
  'a challenge': (text) =>
    whenCalled((_rpc, response) =>
      response
        .writeHead(403, { 'www-authenticate': `Bearer error="${text}", error_description="${text}"` })
        .end(),
    ),
  'the name of a bad entry': (text) => listing({ name: text, inputSchema: 5 }),
  'a key in a bad entry': (text) =>
    listing({ name: 'a', inputSchema: { type: 'object', properties: { [text]: 5 } } }),
  'a name that is there twice': (text) => listing({ ...TOOL, name: text }, { ...TOOL, name: text }),
  'the names of tools': (text) => listing({ ...TOOL, name: text }),
  'the name of the server':
    (text) =>
    ({ id, method }, response) =>
      method === 'initialize' &&
      json(
        response,
        resultOf(id, { ...INITIALIZED, serverInfo: { name: text, version: text, title: text } }),
      ),
  'a log message': (text) =>
    beforeAnswer('notifications/message', { level: 'info', logger: text, data: { a: text } }),
  'the address of a resource': (text) =>
    beforeAnswer('notifications/resources/updated', { uri: `x://${text}` }),
};

describe.each(Object.entries(CHANNELS))('%s', (_channel, on) => {
  test('shows no token that the server was sent', async () => {
    expect((await said(on(SECRET))).everything.toLowerCase()).not.toContain(SECRET.toLowerCase());
  });
});

// The others are header fields, which HTTP lets hold none.
test.each(Object.entries(CHANNELS).filter(([channel]) => !/content type|redirect|challenge/.test(channel)))(
  '%s shows nothing that a terminal obeys, or that forges a line of a log',
  async (_channel, on) => {
    const evil = 'bad\n2026-01-01 ERROR forged\r\u001b[2J\u001b]0;title\u0007\u202e\u2028\u009b1m';
    for (const text of (await said(on(evil))).texts) expect(text).not.toMatch(/\p{Cc}|[\u2028-\u202e]/u);
  },
);

describe('a secret that a server repeats in an error is cut out', () => {
  const echo = (text: (rpc: Received) => string): On =>
    whenCalled((rpc, response) => response.writeHead(500).end(`refused: ${text(rpc)}`));

  test.each<[string, string, object, On]>([
    ['a token', SECRET, { auth: staticToken(SECRET) }, echo(() => SECRET)],
    [
      'a Basic header',
      SECRET,
      { headers: { authorization: `Basic ${btoa(`user:${SECRET}`)}` } },
      echo(() => SECRET),
    ],
    [
      'a header of another scheme',
      SECRET,
      { headers: { authorization: `Token ${SECRET}` } },
      echo(() => SECRET),
    ],
    ['a header of its own', SECRET, { headers: { 'x-api-key': SECRET } }, echo(() => SECRET)],
    ['a cookie', SECRET, { headers: { cookie: `sid=${SECRET}; a=b` } }, echo(() => SECRET)],
    [
      'a whole header in base64',
      btoa(`Bearer ${SECRET}`),
      { auth: staticToken(SECRET) },
      echo(({ headers }) => btoa(headers.authorization ?? '')),
    ],
    [
      'hexadecimal in capitals',
      Buffer.from(SECRET).toString('hex').toUpperCase(),
      { auth: staticToken(SECRET) },
      echo(() => Buffer.from(SECRET).toString('hex').toUpperCase()),
    ],
    [
      'one that is cut in two',
      SECRET.slice(0, -1),
      { auth: staticToken(SECRET) },
      echo(() => `${' '.repeat(8_193 - SECRET.length - 9)}${SECRET}`),
    ],
    ['one among escapes', SECRET, { auth: staticToken(SECRET) }, echo(() => SECRET.replace('T', '\u200bT'))],
  ])('%s', async (_what, shown, config, on) => {
    expect((await said(on, config)).everything).not.toContain(shown);
  });

  test.each(['?<key>', '?key=<key>', '/s/<key>/mcp'])('a key in the address: %s', async (where) => {
    await using server = await fieldServer({ on: echo(() => SECRET) });
    const url = `${server.origin}${where.startsWith('/') ? '' : '/mcp'}${where.replace('<key>', SECRET)}`;
    await using manager = new McpManager({ ...CALM, servers: { field: { url } } });
    const error = await manager.callTool({ name: 'field__work' }).catch((thrown: McpFleetError) => thrown);
    expect(inspect(error, { depth: 9 })).not.toContain(SECRET);
    const call = { id: '1', type: 'function', function: { name: 'field__work', arguments: '{}' } };
    expect(JSON.stringify(await runOpenAIToolCalls(manager, [call]))).not.toContain(SECRET);
  });

  test('the session id', async () => {
    await using server = await fieldServer({
      session: SECRET,
      on: echo(({ headers }) => String(headers['mcp-session-id'])),
    });
    await using client = new McpClient('field', { url: server.url }, CALM);
    const error = await client.callTool({ name: 'work' }).catch((thrown: McpFleetError) => thrown);
    expect(inspect(error, { depth: 9 })).not.toContain(SECRET);
  });

  test('the secret of a client, and the token that it got', async () => {
    const on: On = (rpc, response, request) => {
      if (request.url === '/token')
        return json(response, { access_token: 'tok-of-the-client-1', token_type: 'bearer', expires_in: 600 });
      return echo(({ headers }) => `${SECRET} ${headers.authorization}`)(rpc, response, request);
    };
    await using server = await fieldServer({ on: (rpc, ...rest) => on(rpc, ...rest) });
    const auth = clientCredentials({
      clientId: 'app',
      clientSecret: SECRET,
      tokenUrl: `${server.origin}/token`,
    });
    await using client = new McpClient('field', { url: server.url, auth }, CALM);
    const error = await client.callTool({ name: 'work' }).catch((thrown: McpFleetError) => thrown);
    expect(inspect(error, { depth: 9 })).not.toMatch(/canary|tok-of/);
  });

  test('the tokens of forty callers at a time', async () => {
    const user = new AsyncLocalStorage<string>();
    const waiting: (() => void)[] = [];
    await using server = await fieldServer({
      on: whenCalled(({ headers }, response) => {
        waiting.push(() => response.writeHead(500).end(`denied: ${headers.authorization}`));
        if (waiting.length === 40) for (const answer of waiting) answer();
      }),
    });
    const auth = staticToken(() => user.getStore() ?? 'service-token');
    await using client = new McpClient('field', { url: server.url, auth }, CALM);
    await client.listTools();
    const errors = await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        user.run(`token-of-user-${100 + at}`, () =>
          client.callTool({ name: 'work' }).catch((error) => error.message),
        ),
      ),
    );
    expect(errors.join()).not.toContain('token-of-user');
    expect(errors.join()).toContain('[redacted]');
  });
});

describe('what the code of a host throws', () => {
  const boom = () => {
    const config = { headers: { Authorization: `Bearer ${SECRET}` } };
    throw Object.assign(new Error(`Request failed with ${SECRET}`), { config });
  };
  test.each<[string, (url: string) => ServerConfig]>([
    ['getToken', (url) => ({ url, auth: { getToken: async () => boom() } })],
    ['key', (url) => ({ url, auth: { key: boom, getToken: async () => 'x' } })],
    [
      'clientSecret',
      (url) => ({ url, auth: clientCredentials({ clientId: 'i', clientSecret: boom, tokenUrl: url }) }),
    ],
    ['oauth', (url) => ({ url, oauth: { tokens: boom, clientMetadata: {} } as never })],
    ['transport', () => ({ type: 'custom', transport: async () => boom() })],
  ])('in %s reaches no logger whole', async (_where, config) => {
    await using server = await fieldServer();
    const lines: string[] = [];
    const hear = (...what: unknown[]) => void lines.push(inspect(what, { depth: 9 }));
    const logger = { debug: hear, info: hear, warn: hear, error: hear };
    const client = new McpClient('field', config(server.url), { ...CALM, logger, connectTimeoutMs: 500 });
    await client.connect().catch(() => {});
    await client.close({ drainTimeoutMs: 1 });
    expect(lines.join()).not.toContain(SECRET);
  });
});

test('bytes that a WebSocket was answered with hang on no error', async () => {
  const server = createServer((socket) => {
    socket.once('data', (data) =>
      socket.end(`${/authorization: Bearer (\S+)/i.exec(String(data))?.[1]} junk\r\n\r\n`),
    );
  });
  const loopback = await listenOnLoopback(server);
  await using _loopback = loopback;
  const config = { url: `ws://127.0.0.1:${loopback.port}/`, auth: staticToken(SECRET) };
  await using client = new McpClient('field', config, { ...CALM, connectTimeoutMs: 2_000 });
  const error = await client.connect().catch((thrown: McpFleetError) => thrown);
  const shown = inspect(error, { depth: 9 });
  expect(shown).not.toContain(SECRET);
  expect(shown).not.toContain(Buffer.from(SECRET).toString('hex').replace(/../g, '$& ').trim().slice(0, 30));
});
