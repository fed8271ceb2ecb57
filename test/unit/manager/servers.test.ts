import { ConfigError, McpManager, type ServerConfig, staticToken, UnknownServerError } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test } from 'vitest';
import { gate, offering, rejection, text, watched } from '../client/fakes.js';

const URL_CONFIG = { url: 'https://nowhere.test/mcp' };

describe('a new manager', () => {
  test('touches no network and has its clients in the order they were given', async () => {
    const fetched: unknown[] = [];
    const fetch = async (url: string | URL) => {
      fetched.push(url);
      throw new Error('no network');
    };
    const servers = Object.fromEntries(['zeta', 'alpha', 'mid'].map((name) => [name, URL_CONFIG]));
    await using manager = new McpManager({ servers, fetch });
    expect([...manager.clients.keys()]).toEqual(['zeta', 'alpha', 'mid']);
    expect(manager.client('mid')).toBe(manager.clients.get('mid'));
    expect(manager.client('mid').name).toBe('mid');
    expect(fetched).toEqual([]);
  });

  test('may have no servers at all', async () => {
    await using manager = new McpManager();
    expect(manager.clients.size).toBe(0);
    expect(await manager.connect()).toEqual({ ready: [], failed: [] });
    expect(await manager.listTools()).toEqual({ tools: [], failed: [] });
    expect(manager.snapshot()).toEqual({ status: 'idle', servers: [] });
  });

  const faults: [string, object, string][] = [
    ['servers that are no object', { servers: 'all' }, 'servers'],
    ['servers in an array', { servers: [URL_CONFIG] }, 'servers'],
    ['a server that is no object', { servers: { a: 'https://x' } }, 'servers.a'],
    ['a server that is null', { servers: { a: null } }, 'servers.a'],
    ['a fault in an entry', { servers: { ok: URL_CONFIG, bad: { url: 'ftp://x' } } }, 'servers.bad.url'],
    ['no concurrency', { connectConcurrency: 0 }, 'connectConcurrency'],
    ['a broken concurrency', { connectConcurrency: 1.5 }, 'connectConcurrency'],
    ['a negative wait', { drainTimeoutMs: -1 }, 'drainTimeoutMs'],
    ['an endless wait', { drainTimeoutMs: Number.POSITIVE_INFINITY }, 'drainTimeoutMs'],
    ['a default that is wrong', { callTimeoutMs: '5' }, 'callTimeoutMs'],
    ['an unknown option', { server: {} }, 'server'],
  ];
  test.each(faults)('with %s is refused, naming the place', (_what, options, path) => {
    const make = () => new McpManager(options as never);
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG', path }));
  });

  test('names the option that was probably meant', () => {
    expect(() => new McpManager({ sevrers: {} } as never)).toThrow('did you mean servers?');
    expect(() => new McpManager({ servers: { a: { ulr: 'https://x', url: 'https://x' } } } as never)).toThrow(
      'servers.a.ulr: is not an option; did you mean url?',
    );
  });
});

describe('the name of a server', () => {
  const good = ['a', 'A9', '0', 'git-hub', 'git_hub', 'a_', 'a-', 'x'.repeat(64)];
  test.each(good)('may be %s', async (name) => {
    await using manager = new McpManager({ servers: { [name]: URL_CONFIG } });
    expect(manager.client(name).name).toBe(name);
  });

  const bad = [
    '',
    '_a',
    '-a',
    'a__b',
    'a___b',
    'a b',
    'a.b',
    'a/b',
    'größe',
    'a\n',
    'x'.repeat(65),
    'constructor',
    'prototype',
    '__proto__',
  ];
  test.each(bad)('must not be %j', (name) => {
    // As JSON gives it: a key of its own, whatever its name.
    const servers = JSON.parse(`{${JSON.stringify(name)}: ${JSON.stringify(URL_CONFIG)}}`);
    expect(() => new McpManager({ servers })).toThrow(ConfigError);
    const manager = new McpManager();
    expect(() => manager.addServer(name, URL_CONFIG)).toThrow(ConfigError);
    expect(manager.clients.size).toBe(0);
  });

  test.each([undefined, null, 7, {}])('must not be %j', (name) => {
    expect(() => new McpManager().addServer(name as never, URL_CONFIG)).toThrow(ConfigError);
  });

  test('that nobody has is answered with the nearest ones', async () => {
    await using manager = new McpManager({ servers: { github: URL_CONFIG, gitlab: URL_CONFIG } });
    const error = (() => {
      try {
        return manager.client('gihtub');
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(UnknownServerError);
    expect(error).toMatchObject({ code: 'UNKNOWN_SERVER', server: 'gihtub', delivery: 'not-sent' });
    expect((error as Error).message).toBe('No server "gihtub"; nearest: github, gitlab');
    expect(() => new McpManager().client('x')).toThrow('No server "x"; none is known');
    for (const inherited of ['toString', '__proto__', 'constructor'])
      expect(() => manager.client(inherited)).toThrow(UnknownServerError);
  });
});

describe('addServer', () => {
  test('adds at the end, gives the client, and tells of it', async () => {
    await using manager = new McpManager({ servers: { a: URL_CONFIG } });
    const told: unknown[] = [];
    manager.on('servers', (diff) => told.push(diff));
    const client = manager.addServer('b', URL_CONFIG);
    expect(client).toBe(manager.client('b'));
    expect([...manager.clients.keys()]).toEqual(['a', 'b']);
    expect(told).toEqual([{ added: ['b'], updated: [], removed: [] }]);
    expect(client.status).toBe('idle');
  });

  test('refuses a name in use and keeps its server', async () => {
    await using manager = new McpManager({ servers: { a: URL_CONFIG } });
    const before = manager.client('a');
    expect(() => manager.addServer('a', URL_CONFIG)).toThrow(/servers\.a: is in use/);
    expect(manager.client('a')).toBe(before);
  });

  test('refuses a bad entry and adds nothing', async () => {
    await using manager = new McpManager();
    expect(() => manager.addServer('a', { url: 'nope' })).toThrow(
      expect.objectContaining({ path: 'servers.a.url' }),
    );
    expect(manager.clients.size).toBe(0);
  });

  test('gives the server the settings of the manager', async () => {
    await using fake = fakeServer(offering(['one']));
    const { config, requests } = watched(fake);
    await using manager = new McpManager({ clientInfo: { name: 'host', version: '7' } });
    await manager.addServer('a', config).connect();
    const initialize = requests.find(({ method }) => method === 'initialize');
    expect(JSON.parse(String(initialize?.init.body)).params.clientInfo).toEqual({
      name: 'host',
      version: '7',
    });
  });
});

describe('removeServer', () => {
  test('closes the server, tells of it, and lets the name be used again', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config, b: fake.config } });
    const client = manager.client('a');
    await manager.connect();
    const told = manager.once('servers');
    expect(await manager.removeServer('a')).toBe(true);
    expect(await told).toEqual({ added: [], updated: [], removed: ['a'] });
    expect(client.status).toBe('closed');
    expect([...manager.clients.keys()]).toEqual(['b']);
    manager.addServer('a', fake.config);
    expect([...manager.clients.keys()]).toEqual(['b', 'a']);
  });

  test('of a name that is not there is false', async () => {
    await using manager = new McpManager();
    expect(await manager.removeServer('nobody')).toBe(false);
    expect(await manager.removeServer('__proto__')).toBe(false);
  });

  test('takes the server away at once and lets its running calls end', async () => {
    const { passed, open } = gate();
    const slow = async () => {
      await passed;
      return text('done');
    };
    await using fake = fakeServer(offering(['slow'], slow));
    await using manager = new McpManager({ servers: { a: fake.config } });
    await manager.listTools();
    const call = manager.callTool({ name: 'a__slow' });
    await expect.poll(() => fake.calls.length).toBe(1);
    const removed = manager.removeServer('a');
    expect(manager.clients.size).toBe(0);
    expect(await rejection(manager.callTool({ server: 'a', name: 'slow' }))).toBeInstanceOf(
      UnknownServerError,
    );
    open();
    expect(await call).toMatchObject(text('done'));
    expect(await removed).toBe(true);
  });
});

describe('setServers', () => {
  test('adds, replaces what changed, removes, and leaves the rest connected', async () => {
    await using fake = fakeServer(offering(['one']));
    const kept = watched(fake);
    const changed = watched(fake);
    const servers = (timeoutMs: number): Record<string, ServerConfig> => ({
      kept: { ...kept.config, headers: { one: '1', two: '2' } },
      changed: { ...changed.config, callTimeoutMs: timeoutMs },
    });
    await using manager = new McpManager({ servers: { ...servers(1_000), gone: fake.config } });
    await manager.connect();
    const clients = Object.fromEntries(manager.clients);
    const told: unknown[] = [];
    manager.on('servers', (diff) => told.push(diff));

    const next: Record<string, ServerConfig> = { ...servers(2_000), fresh: fake.config };
    // Equal, though in another order and not the same object.
    next.kept = { headers: { two: '2', one: '1' }, ...kept.config };
    const diff = await manager.setServers(next);
    expect(diff).toEqual({ added: ['fresh'], updated: ['changed'], removed: ['gone'] });
    expect(told).toEqual([diff]);

    expect(manager.client('kept')).toBe(clients.kept);
    expect(manager.client('kept').status).toBe('ready');
    await manager.client('kept').ping();
    expect(kept.count('initialize')).toBe(1);
    expect(kept.requests.some(({ http }) => http === 'DELETE')).toBe(false);

    expect(manager.client('changed')).not.toBe(clients.changed);
    expect(clients.changed?.status).toBe('closed');
    expect(changed.requests.filter(({ http }) => http === 'DELETE')).toHaveLength(1);
    expect(clients.gone?.status).toBe('closed');
  });

  test('keeps the place of servers that stay, and puts new ones at the end', async () => {
    await using manager = new McpManager({ servers: { a: URL_CONFIG, b: URL_CONFIG, c: URL_CONFIG } });
    await manager.setServers({ d: URL_CONFIG, c: { ...URL_CONFIG, callTimeoutMs: 1 }, a: URL_CONFIG });
    expect([...manager.clients.keys()]).toEqual(['a', 'c', 'd']);
  });

  test('without a difference does and tells nothing', async () => {
    await using manager = new McpManager({ servers: { a: { ...URL_CONFIG, headers: { x: '1' } } } });
    const told: unknown[] = [];
    manager.on('servers', (diff) => told.push(diff));
    const client = manager.client('a');
    const same = { a: { headers: { x: '1' }, ...URL_CONFIG, callTimeoutMs: undefined } as never };
    expect(await manager.setServers(same)).toEqual({ added: [], updated: [], removed: [] });
    expect(manager.client('a')).toBe(client);
    expect(told).toEqual([]);
  });

  test('notices another URL, header, function or token provider', async () => {
    const base = { url: 'https://a.test/', headers: { x: '1' } };
    const auth = staticToken('token');
    const changes: ServerConfig[] = [
      { ...base, url: 'https://b.test/' },
      { ...base, headers: { x: '2' } },
      { ...base, fetch: async () => new Response() },
      { ...base, fetch: async () => new Response() },
      { ...base, auth },
      { ...base, auth: staticToken('other') },
    ];
    await using manager = new McpManager({ servers: { a: base } });
    for (const change of changes) {
      expect(await manager.setServers({ a: change })).toMatchObject({ updated: ['a'] });
      expect(await manager.setServers({ a: { ...change } })).toMatchObject({ updated: [] });
    }
  });

  test('changes nothing when one entry is bad', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config, b: fake.config } });
    await manager.connect();
    const before = [...manager.clients];
    for (const bad of [
      { c: fake.config, d: { url: 'nope' } },
      { c: fake.config, __: fake.config },
      { a: fake.config, b: { ...fake.config, callTimeoutMs: 0 } },
      JSON.parse('{"__proto__": {"url": "https://x"}}'),
    ]) {
      expect(await rejection(manager.setServers(bad))).toBeInstanceOf(ConfigError);
      expect([...manager.clients]).toEqual(before);
    }
    expect(before.map(([, { status }]) => status)).toEqual(['ready', 'ready']);
  });

  test('lets the running calls of a replaced server end, while new calls take the new one', async () => {
    const { passed, open } = gate();
    await using older = fakeServer(
      offering(['work'], async () => {
        await passed;
        return text('older');
      }),
    );
    await using newer = fakeServer(offering(['work'], () => text('newer')));
    await using manager = new McpManager({ servers: { a: older.config } });
    await manager.listTools();
    const running = manager.callTool({ name: 'a__work' });
    await expect.poll(() => older.calls.length).toBe(1);
    const moved = manager.once('servers');
    const changing = manager.setServers({ a: newer.config });
    expect(await moved).toEqual({ added: [], updated: ['a'], removed: [] });
    expect(await manager.callTool({ name: 'a__work' })).toMatchObject(text('newer'));
    open();
    expect(await running).toMatchObject(text('older'));
    await changing;
    expect(older.calls).toHaveLength(1);
    expect(newer.calls).toHaveLength(1);
  });

  test('removes every server when there is none', async () => {
    await using manager = new McpManager({ servers: { a: URL_CONFIG } });
    expect(await manager.setServers({})).toEqual({ added: [], updated: [], removed: ['a'] });
    expect(manager.clients.size).toBe(0);
  });
});
