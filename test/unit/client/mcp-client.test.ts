import { inspect } from 'node:util';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  ConfigError,
  McpClient,
  type McpClientEvents,
  type McpFleetError,
  type ServerConfig,
} from 'mcp-fleet';
import { fakeServer, fakeTokens } from 'mcp-fleet/testing';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { absent, offering, rejection, text, textOf, watched } from './fakes.js';

type Transport = Awaited<ReturnType<Extract<ServerConfig, { type: 'custom' }>['transport']>>;

/** A server in this process, behind a custom transport made new for each connection. */
function inMemory(build: (server: McpServer) => void) {
  const signals: AbortSignal[] = [];
  const ends: InMemoryTransport[] = [];
  const transport = async ({ signal }: { signal: AbortSignal }): Promise<Transport> => {
    signals.push(signal);
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    const server = new McpServer({ name: 'memory', version: '2.0.0' }, { instructions: 'Be kind.' });
    build(server);
    ends.push(theirs);
    await server.connect(theirs);
    return ours as Transport;
  };
  return { config: { type: 'custom', transport } as const, signals, ends };
}

describe('a client', () => {
  test('knows nothing of its server before the first connection, and afterwards what it said', async () => {
    const { config } = inMemory((server) => server.registerTool('one', {}, () => text('1')));
    await using client = new McpClient('memory', config);
    expect(client).toMatchObject({ name: 'memory', status: 'idle', lastError: undefined });
    expect(client.capabilities).toBeUndefined();
    expect(client.serverInfo).toBeUndefined();
    expect(client.instructions).toBeUndefined();
    expect(client.protocolVersion).toBeUndefined();
    await client.connect();
    expect(client.status).toBe('ready');
    expect(client.capabilities).toEqual({ tools: { listChanged: true } });
    expect(client.serverInfo).toMatchObject({ name: 'memory', version: '2.0.0' });
    expect(client.instructions).toBe('Be kind.');
    expect(client.protocolVersion).toBe('2025-11-25');
    await client.close();
    expect(client.serverInfo).toBeDefined();
  });

  test.each(['', 'a b', '__proto__', 'a__b'])('is not called %j', (name) => {
    expect(() => new McpClient(name, { url: 'https://nowhere.test/' })).toThrow(ConfigError);
  });

  test('refuses to refresh a token where there is no provider', async () => {
    await using client = new McpClient('a', { url: 'https://nowhere.test/' });
    expect(client.hasTokenProvider).toBe(false);
    expect(await rejection(client.refreshToken())).toMatchObject({ code: 'UNSUPPORTED', server: 'a' });
  });

  test('lists nothing of what it does not know, without asking', async () => {
    await using fake = fakeServer(offering(['one']));
    const { config, requests } = watched(fake);
    await using client = new McpClient('a', config);
    expect(client.knownTools).toEqual([]);
    expect(requests).toEqual([]);
    await client.listTools();
    expect(client.knownTools.map(({ name }) => name)).toEqual(['one']);
  });

  test('treats a server that knows no resource templates as one that has none', async () => {
    await using fake = fakeServer((server) => {
      server.registerResource('memo', 'memo://one', {}, () => ({ contents: [] }));
    });
    const { config } = watched(fake, ({ method, id }) =>
      method === 'resources/templates/list'
        ? Response.json({ jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } })
        : undefined,
    );
    await using client = new McpClient('a', config);
    expect(await client.listResourceTemplates()).toEqual([]);
    expect(await client.listResources()).toHaveLength(1);
  });

  test('reports list entries that it cannot use, and lists the others', async () => {
    await using fake = fakeServer(
      offering(['fine', { name: 'bad', inputSchema: { type: 'string' } } as never]),
    );
    const { config } = watched(fake, ({ method, id }) => {
      const tools = [
        { name: 'fine', inputSchema: { type: 'object' } },
        { name: 'bad', inputSchema: 'any' },
        7,
      ];
      return method === 'tools/list' ? Response.json({ jsonrpc: '2.0', id, result: { tools } }) : undefined;
    });
    await using client = new McpClient('a', config);
    const errors: McpClientEvents['error'][] = [];
    client.on('error', (event) => errors.push(event));
    expect((await client.listTools()).map(({ name }) => name)).toEqual(['fine']);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ during: 'catalog', server: 'a', error: { code: 'PROTOCOL_ERROR' } });
    expect(errors[0]?.error.message).toContain('"bad": inputSchema');
    expect(errors[0]?.error.message).toContain('#2');
  });
});

describe('a custom transport', () => {
  test('serves calls, and is made anew after it has closed', async () => {
    const { config, ends, signals } = inMemory((server) => {
      server.registerTool('add', { inputSchema: { a: z.number() } }, ({ a }) => text(String(a + 1)));
    });
    await using client = new McpClient('memory', config);
    expect(textOf(await client.callTool({ name: 'add', arguments: { a: 1 } }))).toBe('2');
    const lost = client.once('status');
    await ends[0]?.close();
    expect(await lost).toMatchObject({ status: 'reconnecting', error: { code: 'CONNECTION_LOST' } });
    expect(textOf(await client.callTool({ name: 'add', arguments: { a: 2 } }))).toBe('3');
    expect(ends).toHaveLength(2);
    expect(signals.every(({ aborted }) => !aborted)).toBe(true);
  });

  test('closes with its client', async () => {
    const { config, ends } = inMemory(() => {});
    const client = new McpClient('memory', config);
    await client.connect();
    let closed = false;
    const [end] = ends;
    if (end !== undefined) {
      end.onclose = () => {
        closed = true;
      };
    }
    await client.close();
    expect(closed).toBe(true);
  });

  test('that closes during the handshake leaves no dead connection behind', async () => {
    let attempts = 0;
    const transport = async () => {
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      const dies = attempts++ === 0;
      const server = new McpServer({ name: 'memory', version: '1' });
      server.registerTool('one', {}, () => text('1'));
      await server.connect(theirs);
      const { onmessage } = theirs;
      theirs.onmessage = (message, extra) => {
        if (dies && 'method' in message && message.method === 'notifications/initialized')
          void theirs.close();
        else onmessage?.(message, extra);
      };
      return ours as Transport;
    };
    await using client = new McpClient('memory', { type: 'custom', transport });
    const error = await rejection(client.connect());
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', retryable: true, delivery: 'not-sent' });
    expect(client.status).toBe('reconnecting');
    expect(textOf(await client.callTool({ name: 'one' }))).toBe('1');
  });

  test('that never starts is given up at the connect timeout, and told so by its signal', async () => {
    let given: AbortSignal | undefined;
    const transport = ({ signal }: { signal: AbortSignal }) => {
      given = signal;
      return new Promise<never>(() => {});
    };
    await using client = new McpClient('memory', { type: 'custom', transport, connectTimeoutMs: 50 });
    expect(await rejection(client.connect())).toMatchObject({ code: 'TIMEOUT', timeoutMs: 50 });
    expect(given?.aborted).toBe(true);
  });

  test('that cannot send leaves the fate of the call unknown', async () => {
    const { config } = inMemory((server) => server.registerTool('one', {}, () => text('1')));
    const transport = async (context: { signal: AbortSignal }) => {
      const made = await config.transport(context);
      const send = made.send.bind(made);
      made.send = async (message, options) => {
        if ('method' in message && message.method === 'tools/call') throw new Error('wire cut');
        return send(message, options);
      };
      return made;
    };
    await using client = new McpClient('memory', { type: 'custom', transport });
    expect(await rejection(client.callTool({ name: 'one' }, { timeoutMs: 2_000 }))).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      delivery: 'unknown',
      cause: { code: 'CONNECTION_LOST', cause: { message: 'wire cut' } },
    });
  });
});

describe('events', () => {
  test('tell of log messages, updated resources and changed lists', async () => {
    const servers: McpServer[] = [];
    const { config } = inMemory((server) => {
      servers.push(server);
      server.server.registerCapabilities({ logging: {}, resources: { subscribe: true } });
      server.registerTool('one', {}, () => text('1'));
    });
    await using client = new McpClient('memory', config);
    const logs: unknown[] = [];
    const resources: unknown[] = [];
    client.on('log', (event) => logs.push(event));
    client.on('resource', (event) => resources.push(event));
    await client.listTools();
    const [server] = servers;
    await server?.sendLoggingMessage({ level: 'warning', logger: 'core', data: { deep: [1] } });
    await server?.sendLoggingMessage({ level: 'info', data: 'plain' });
    await server?.server.sendResourceUpdated({ uri: 'memo://one' });
    const changed = client.once('catalog');
    server?.registerTool('two', {}, () => text('2'));
    expect(await changed).toEqual({
      server: 'memory',
      kind: 'tools',
      added: ['two'],
      removed: [],
      changed: [],
    });
    expect(logs).toEqual([
      { server: 'memory', level: 'warning', logger: 'core', data: { deep: [1] } },
      { server: 'memory', level: 'info', data: 'plain' },
    ]);
    expect(resources).toEqual([{ server: 'memory', uri: 'memo://one' }]);
  });

  test('go to the logger too, which may throw', async () => {
    const lines: string[] = [];
    const write = (level: string) => (message: string, fields?: object) => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
      throw new Error('disk full');
    };
    const config = absent();
    const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
    await using client = new McpClient('a', { ...config, logger, headers: { 'x-key': 'canary' } });
    await rejection(client.connect());
    expect(lines.map((line) => line.split(' {')[0])).toEqual([
      'info a is connecting',
      expect.stringMatching(/^warn a is reconnecting: Connection refused/),
    ]);
    expect(lines.join()).not.toContain('canary');
  });
});

describe('what a server says in an error', () => {
  const CANARY = 'canary-7f3a91';
  const cases: [string, Partial<ServerConfig>, string][] = [
    ['a header', { headers: { 'x-api-key': CANARY } }, CANARY],
    ['a bearer token in a header', { headers: { authorization: `Bearer ${CANARY}` } }, CANARY],
    ['a basic password in a header', { headers: { authorization: `Basic ${CANARY}` } }, CANARY],
    ['the token of a provider', { auth: fakeTokens(CANARY) }, CANARY],
    [
      'a header as a part of a longer one',
      { headers: { 'x-a': CANARY.slice(0, 8), 'x-b': CANARY } },
      CANARY.slice(8),
    ],
    ['a header, URL-encoded', { headers: { 'x-api-key': `${CANARY}/+` } }, encodeURIComponent(`${CANARY}/+`)],
  ];

  test.each(cases)('is stripped of %s, in HTTP errors', async (_what, config, secret) => {
    await using fake = fakeServer(offering(['one']));
    const body = `nobody knows ${CANARY} or ${CANARY}/+ or ${encodeURIComponent(`${CANARY}/+`)} here`;
    const { config: reach } = watched(fake, () => new Response(body, { status: 500 }));
    await using client = new McpClient('a', { ...reach, ...config } as ServerConfig);
    const error = await rejection(client.connect());
    expect((error as Error).message).toMatch(/^HTTP 500: nobody knows .*\[redacted\].* here$/);
    expect(inspect(error)).not.toContain(secret);
    expect(JSON.stringify(client.snapshot())).not.toContain(secret);
  });

  test.each(cases)('is stripped of %s, in JSON-RPC errors', async (_what, config, secret) => {
    await using fake = fakeServer(offering(['one']));
    const { config: reach } = watched(fake, ({ method, id }) => {
      const message = `nobody knows ${CANARY} or ${CANARY}/+ or ${encodeURIComponent(`${CANARY}/+`)}`;
      return method === 'tools/call'
        ? Response.json({ jsonrpc: '2.0', id, error: { code: -32_000, message } })
        : undefined;
    });
    await using client = new McpClient('a', { ...reach, ...config } as ServerConfig);
    const error = (await rejection(client.callTool({ name: 'one' }))) as McpFleetError;
    expect(error.message).toContain('[redacted]');
    expect(inspect(error, { depth: 10 })).not.toContain(secret);
    expect(error.stack).not.toContain(secret);
    expect(JSON.stringify(error)).not.toContain(secret);
  });

  test('is stripped before it is cut, so that no beginning of a secret is left', async () => {
    await using fake = fakeServer(offering(['one']));
    const message = `${'x'.repeat(495)}${CANARY}`;
    const { config } = watched(fake, ({ method, id }) =>
      method === 'tools/call'
        ? Response.json({ jsonrpc: '2.0', id, error: { code: -32_000, message } })
        : undefined,
    );
    await using client = new McpClient('a', { ...config, headers: { 'x-api-key': CANARY } });
    const error = (await rejection(client.callTool({ name: 'one' }))) as Error;
    expect(error.message).not.toContain('xcan');
    expect(error.message.length).toBeLessThanOrEqual(501);
  });

  test('keeps short texts, which are no secrets', async () => {
    await using fake = fakeServer(offering(['one']));
    const { config } = watched(fake, () => new Response('not 1 of us', { status: 500 }));
    await using client = new McpClient('a', { ...config, headers: { 'x-on': '1', 'x-empty': '' } });
    expect(await rejection(client.connect())).toMatchObject({ message: 'HTTP 500: not 1 of us' });
  });
});
