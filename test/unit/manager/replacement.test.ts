import { McpManager, type McpManagerEvents, type ServerConfig } from 'mcp-fleet';
import { type FakeServer, fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test } from 'vitest';
import { gate, hang, offering, refused, rejection, text, textOf, watched } from '../client/fakes.js';

/** A server whose tool `who` answers its name. */
function named(name: string): FakeServer {
  return fakeServer(offering(['who'], () => text(name)));
}

async function who(manager: McpManager): Promise<string> {
  return textOf(await manager.callTool({ name: 'a__who' }));
}

/** A manager that is connected to `config` as `a`, and what it tells from then on. */
async function connected(config: ServerConfig, drainTimeoutMs = 2_000) {
  const manager = new McpManager({ servers: { a: config }, drainTimeoutMs });
  await manager.callTool({ name: 'a__who' });
  const diffs: McpManagerEvents['servers'][] = [];
  const errors: McpManagerEvents['error'][] = [];
  const statuses: string[] = [];
  manager.on('servers', (diff) => diffs.push(diff));
  manager.on('error', (event) => errors.push(event));
  manager.on('status', ({ server, status }) => statuses.push(`${server} ${status}`));
  return { manager, diffs, errors, statuses };
}

const MOVED = { added: [], updated: ['a'], removed: [] };
const NOTHING = { added: [], updated: [], removed: [] };

describe('a server whose configuration changes', () => {
  test('serves as before until the new connection stands, and its status stays ready', async () => {
    await using older = named('older');
    await using newer = named('newer');
    const { passed, open } = gate();
    const slow = watched(newer, async ({ method }) => {
      if (method === 'initialize') await passed;
      return undefined;
    });
    const { manager, statuses, diffs } = await connected(older.config);
    const changing = manager.setServers({ a: slow.config });
    await expect.poll(() => slow.count('initialize')).toBe(1);
    expect(await who(manager)).toBe('older');
    expect(diffs).toEqual([]);
    open();
    expect(await changing).toEqual(MOVED);
    expect(await who(manager)).toBe('newer');
    expect(diffs).toEqual([MOVED]);
    expect(statuses).toEqual([]);
    await manager.close();
  });

  test('that was never used is replaced without touching the network', async () => {
    await using fake = named('one');
    const { config, requests } = watched(fake);
    await using manager = new McpManager({ servers: { a: config } });
    expect(await manager.setServers({ a: { ...config, callTimeoutMs: 5 } })).toEqual(MOVED);
    expect(requests).toEqual([]);
  });

  test('goes on as it was while the new one cannot be reached, with an error event, and moves over later', async () => {
    await using older = named('older');
    await using newer = named('newer');
    let down = true;
    const { config } = watched(newer, () => (down ? refused() : undefined));
    const { manager, diffs, errors } = await connected(older.config);
    expect(await manager.setServers({ a: config })).toEqual(NOTHING);
    expect(errors).toMatchObject([{ server: 'a', during: 'config', error: { code: 'CONNECT_FAILED' } }]);
    expect(await who(manager)).toBe('older');
    // The same again is no change, and no second attempt.
    expect(await manager.setServers({ a: config })).toEqual(NOTHING);
    expect(errors).toHaveLength(1);

    down = false;
    await expect.poll(() => diffs, { timeout: 10_000 }).toEqual([MOVED]);
    expect(await who(manager)).toBe('newer');
    await manager.close();
  }, 15_000);

  test('moves over at once when the old connection is lost, too', async () => {
    const older = named('older');
    await using newer = named('newer');
    const { config } = watched(newer, refused);
    const { manager, diffs } = await connected(older.config);
    await manager.setServers({ a: config });
    const before = manager.client('a');
    await older.close();
    await rejection(manager.client('a').ping({ timeoutMs: 100 }));
    await expect.poll(() => diffs).toEqual([MOVED]);
    expect(manager.client('a')).not.toBe(before);
    await manager.close();
  });

  test('takes the new configuration although it cannot be reached where the old one did not work either', async () => {
    await using fake = named('one');
    await using manager = new McpManager({ servers: { a: watched(fake, refused).config } });
    await manager.connect();
    const before = manager.client('a');
    expect(await manager.setServers({ a: { ...watched(fake, refused).config, callTimeoutMs: 9 } })).toEqual(
      MOVED,
    );
    expect(manager.client('a')).not.toBe(before);
  });

  test('and back again gives the new connection up and keeps the old', async () => {
    await using older = named('older');
    await using newer = named('newer');
    const { config } = watched(newer, refused);
    const { manager, diffs } = await connected(older.config);
    const before = manager.client('a');
    await manager.setServers({ a: config });
    expect(await manager.setServers({ a: older.config })).toEqual(NOTHING);
    expect(manager.client('a')).toBe(before);
    expect(diffs).toEqual([]);
    await manager.close();
  });

  test('and does not answer delays the others for no longer than its connectTimeoutMs', async () => {
    await using fake = named('one');
    const { config } = watched(fake, hang);
    const { manager, errors } = await connected(fake.config);
    const servers = { a: { ...config, connectTimeoutMs: 100 }, b: fake.config };
    expect(await manager.setServers(servers)).toEqual({ added: ['b'], updated: [], removed: [] });
    expect(errors).toMatchObject([{ during: 'config', error: { code: 'TIMEOUT' } }]);
    await manager.close();
  });

  test('keeps its resource subscriptions and its log level', async () => {
    await using fake = fakeServer((server) => {
      offering(['who'])(server);
      server.server.registerCapabilities({ resources: { subscribe: true }, logging: {} });
    });
    const asked: string[] = [];
    const { config } = watched(fake, ({ method, id }) => {
      if (method !== 'resources/subscribe' && method !== 'logging/setLevel') return undefined;
      asked.push(method);
      return Response.json({ jsonrpc: '2.0', id, result: {} });
    });
    const { manager } = await connected(config);
    await manager.subscribeResource({ server: 'a', uri: 'x:y' });
    await manager.client('a').setLogLevel('warning');
    await manager.setServers({ a: { ...config, callTimeoutMs: 9_000 } });
    await expect.poll(() => asked.slice(2).sort()).toEqual(['logging/setLevel', 'resources/subscribe']);
    await manager.close();
  });

  test('tells of the calls that end on the old connection', async () => {
    const { passed, open } = gate();
    await using older = fakeServer(
      offering(['who', 'slow'], async (name) => {
        if (name === 'slow') await passed;
        return text(name);
      }),
    );
    await using newer = named('newer');
    const { manager, diffs } = await connected(older.config);
    const calls: string[] = [];
    manager.on('call', ({ name = '', outcome }) => calls.push(`${name} ${outcome}`));
    const running = manager.callTool({ name: 'a__slow' });
    await expect.poll(() => older.calls.length).toBe(2);
    const changing = manager.setServers({ a: newer.config });
    await expect.poll(() => diffs.length).toBe(1);
    open();
    await running;
    await changing;
    expect(calls).toContain('slow ok');
    await manager.close();
  });
});

describe('calls of setServers at the same time', () => {
  test('run one after the other, and the last one wins', async () => {
    await using fake = named('one');
    const { manager, diffs } = await connected(fake.config);
    const { passed, open } = gate();
    const slow = watched(fake, async ({ method }) => {
      if (method === 'initialize') await passed;
      return undefined;
    });
    const results = Promise.all([
      manager.setServers({ a: slow.config, b: fake.config }),
      manager.setServers({ c: fake.config }),
      manager.setServers({ c: fake.config, d: fake.config }),
      rejection(manager.setServers({ bad: { url: 'nope' } })),
    ]);
    await expect.poll(() => slow.count('initialize')).toBe(1);
    expect([...manager.clients.keys()]).toEqual(['a']);
    open();
    expect((await results).slice(0, 3)).toEqual([
      { added: ['b'], updated: ['a'], removed: [] },
      { added: ['c'], updated: [], removed: ['a', 'b'] },
      { added: ['d'], updated: [], removed: [] },
    ]);
    expect([...manager.clients.keys()]).toEqual(['c', 'd']);
    expect(diffs).toHaveLength(3);
    await manager.close();
  });

  test('leave alone what was added and removed while they waited', async () => {
    await using fake = named('one');
    const { manager } = await connected(fake.config);
    const { passed, open } = gate();
    const slow = watched(fake, async ({ method }) => {
      if (method === 'initialize') await passed;
      return undefined;
    });
    const changing = manager.setServers({ a: slow.config, b: fake.config });
    await expect.poll(() => slow.count('initialize')).toBe(1);
    const removing = manager.removeServer('a');
    const b = manager.addServer('b', { ...fake.config, callTimeoutMs: 7 });
    manager.addServer('c', fake.config);
    open();
    await removing;
    expect(await changing).toEqual(NOTHING);
    expect([...manager.clients.keys()]).toEqual(['b', 'c']);
    expect(manager.client('b')).toBe(b);
    await manager.close();
  });

  test('end when the manager is closed, with every connection', async () => {
    await using fake = named('one');
    const stuck = watched(fake, hang);
    const { manager } = await connected(fake.config);
    const first = rejection(manager.setServers({ a: stuck.config }));
    const second = rejection(manager.setServers({ b: fake.config }));
    await expect.poll(() => stuck.count('initialize')).toBe(1);
    await manager.close();
    expect(await first).toMatchObject({ code: 'CLOSED' });
    expect(await second).toMatchObject({ code: 'CLOSED' });
    expect([...manager.clients.keys()]).toEqual(['a']);
  });
});
