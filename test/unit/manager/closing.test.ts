import { McpManager } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test } from 'vitest';
import { gate, hang, offering, rejection, text, watched } from '../client/fakes.js';

describe('close', () => {
  test('ends the session of every server, once, however often it is called', async () => {
    await using fake = fakeServer(offering(['one']));
    const seen = [watched(fake), watched(fake)] as const;
    const manager = new McpManager({ servers: { a: seen[0].config, b: seen[1].config } });
    await manager.connect();
    const clients = [...manager.clients.values()];
    await Promise.all([manager.close(), manager.close()]);
    await manager.close();
    for (const { requests } of seen) expect(requests.filter(({ http }) => http === 'DELETE')).toHaveLength(1);
    expect(clients.map(({ status }) => status)).toEqual(['closed', 'closed']);
    expect(manager.snapshot()).toMatchObject({
      status: 'closed',
      servers: [{ server: 'a' }, { server: 'b' }],
    });
  });

  test('of a manager that was never used touches no network', async () => {
    await using fake = fakeServer(offering(['one']));
    const { config, requests } = watched(fake);
    const manager = new McpManager({ servers: { a: config } });
    await manager.close();
    expect(requests).toEqual([]);
    expect(manager.snapshot().status).toBe('closed');
  });

  test('refuses whatever is asked from then on', async () => {
    await using fake = fakeServer(offering(['one']));
    const { config, requests } = watched(fake);
    const manager = new McpManager({ servers: { a: config } });
    await manager.listTools();
    await manager.close();
    const before = requests.length;
    const asked = {
      connect: () => manager.connect(),
      listTools: () => manager.listTools(),
      callTool: () => manager.callTool({ name: 'a__one' }),
      callToolOfServer: () => manager.callTool({ server: 'a', name: 'one' }),
      listResources: () => manager.listResources(),
      listResourceTemplates: () => manager.listResourceTemplates(),
      readResource: () => manager.readResource({ server: 'a', uri: 'x:y' }),
      subscribe: () => manager.subscribeResource({ server: 'a', uri: 'x:y' }),
      unsubscribe: () => manager.unsubscribeResource({ server: 'a', uri: 'x:y' }),
      listPrompts: () => manager.listPrompts(),
      getPrompt: () => manager.getPrompt({ server: 'a', name: 'x' }),
      ping: () => manager.ping(),
      refreshTokens: () => manager.refreshTokens(),
      setServers: () => manager.setServers({}),
      client: () => manager.client('a').listTools(),
    };
    for (const [what, ask] of Object.entries(asked))
      expect(await rejection(ask()), what).toMatchObject({ code: 'CLOSED', delivery: 'not-sent' });
    expect(() => manager.addServer('b', config)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(requests).toHaveLength(before);
    expect([...manager.clients.keys()]).toEqual(['a']);
  });

  test('waits for running calls, and refuses new ones meanwhile', async () => {
    const { passed, open } = gate();
    await using fake = fakeServer(
      offering(['slow'], async () => {
        await passed;
        return text('done');
      }),
    );
    const manager = new McpManager({ servers: { a: fake.config } });
    await manager.listTools();
    const running = manager.callTool({ name: 'a__slow' });
    await expect.poll(() => fake.calls.length).toBe(1);
    let closed = false;
    const closing = manager.close().then(() => {
      closed = true;
    });
    expect(await rejection(manager.callTool({ name: 'a__slow' }))).toMatchObject({ code: 'CLOSED' });
    expect(manager.snapshot()).toMatchObject({
      status: 'closed',
      servers: [{ inFlight: 1, status: 'ready' }],
    });
    expect(closed).toBe(false);
    open();
    expect(await running).toMatchObject(text('done'));
    await closing;
  });

  test.each([
    ['of its own', {}, { drainTimeoutMs: 30 }],
    ["of the manager's options", { drainTimeoutMs: 30 }, {}],
  ])(
    'cuts off what runs longer than a wait %s, and says what is known of it',
    async (_what, options, close) => {
      let aborted = false;
      await using fake = fakeServer(
        offering(['never'], (_name, { signal }) => {
          signal.addEventListener('abort', () => {
            aborted = true;
          });
          return new Promise(() => {});
        }),
      );
      const manager = new McpManager({ ...options, servers: { a: fake.config } });
      await manager.listTools();
      const running = rejection(manager.callTool({ name: 'a__never' }));
      await expect.poll(() => fake.calls.length).toBe(1);
      await manager.close(close);
      expect(await running).toMatchObject({ code: 'CLOSED', delivery: 'unknown', server: 'a' });
      await expect.poll(() => aborted).toBe(true);
    },
  );

  test('while connecting ends the attempt and whoever waits for it', async () => {
    await using fake = fakeServer(offering(['one']));
    let aborted = false;
    const { config, requests } = watched(fake, (request) => {
      if (request.method !== 'initialize') return undefined;
      request.init.signal?.addEventListener('abort', () => {
        aborted = true;
      });
      return hang(request);
    });
    const manager = new McpManager({ servers: { a: config }, drainTimeoutMs: 10 });
    const connecting = manager.connect();
    const calling = rejection(manager.callTool({ name: 'a__one' }));
    await expect.poll(() => requests.length).toBe(1);
    await manager.close();
    expect(await connecting).toMatchObject({
      ready: [],
      failed: [{ server: 'a', error: { code: 'CLOSED', delivery: 'not-sent' } }],
    });
    expect(await calling).toMatchObject({ code: 'CLOSED', delivery: 'not-sent' });
    expect(aborted).toBe(true);
    expect(manager.client('a').status).toBe('closed');
  });

  test('waits for servers that are being removed or replaced', async () => {
    await using fake = fakeServer(offering(['one']));
    const { passed, open } = gate();
    const { config } = watched(fake, async ({ http }) => {
      if (http === 'DELETE') await passed;
      return undefined;
    });
    const manager = new McpManager({ servers: { a: config, b: config } });
    await manager.connect();
    const clients = [...manager.clients.values()];
    const removing = manager.removeServer('a');
    const replacing = manager.setServers({});
    const closing = manager.close().then(() => clients.map(({ status }) => status));
    open();
    expect(await closing).toEqual(['closed', 'closed']);
    expect(await removing).toBe(true);
    await replacing;
  });

  test('comes by itself at the end of an `await using` block', async () => {
    await using fake = fakeServer(offering(['one']));
    const { config, requests } = watched(fake);
    let outside: McpManager;
    {
      await using manager = new McpManager({ servers: { a: config } });
      outside = manager;
      await manager.connect();
    }
    expect(outside.snapshot().status).toBe('closed');
    expect(requests.at(-1)?.http).toBe('DELETE');
  });
});
