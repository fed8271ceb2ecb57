import { McpManager, type ServerConfig, UnknownServerError } from 'mcp-fleet';
import { fakeServer, fakeTokens } from 'mcp-fleet/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { absent, countOf, offering, rejection, watched } from '../client/fakes.js';

afterEach(() => {
  vi.useRealTimers();
});

describe('connect', () => {
  test('reports who is ready and who failed, and never throws for a server', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({
      servers: {
        dead: absent(),
        well: fake.config,
        locked: watched(fake, () => new Response(null, { status: 401 })).config,
      },
    });
    const { ready, failed } = await manager.connect();
    expect(ready).toEqual(['well']);
    expect(failed).toMatchObject([
      { server: 'dead', error: { code: 'CONNECT_FAILED', server: 'dead', retryable: true } },
      { server: 'locked', error: { code: 'UNAUTHORIZED', server: 'locked', retryable: false } },
    ]);
    expect(manager.snapshot()).toMatchObject({
      status: 'degraded',
      servers: [{ status: 'reconnecting' }, { status: 'ready' }, { status: 'failed' }],
    });
  });

  test('connects only the servers of the filter', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config, b: fake.config } });
    expect(await manager.connect({ server: 'b' })).toEqual({ ready: ['b'], failed: [] });
    expect(manager.client('a').status).toBe('idle');
    expect(await rejection(manager.connect({ server: 'c' }))).toBeInstanceOf(UnknownServerError);
  });

  test('twice, at once or later, connects each server once', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config } });
    await Promise.all([manager.connect(), manager.connect(), manager.listTools()]);
    await manager.connect();
    expect(countOf(fake, 'initialize')).toBe(1);
  });

  test.each([
    [{ connectConcurrency: 3 }, 3],
    [{}, 16],
  ])('with %j connects at most %i servers at the same time', async (options, limit) => {
    await using fake = fakeServer(offering(['one']));
    let connecting = 0;
    let most = 0;
    const { config } = watched(fake, async ({ method }) => {
      if (method !== 'initialize') return undefined;
      most = Math.max(most, ++connecting);
      await new Promise((resolve) => setTimeout(resolve, 10));
      connecting--;
      return undefined;
    });
    const servers = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`s${n}`, config]));
    await using manager = new McpManager({ servers, ...options });
    expect((await manager.connect()).ready).toEqual(Object.keys(servers));
    expect(most).toBe(limit);
  });

  test('that its caller aborts rejects with the reason, and leaves the attempts alone', async () => {
    await using fake = fakeServer(offering(['one']));
    fake.inject({ kind: 'hang' }, { method: 'initialize' });
    await using manager = new McpManager({ servers: { a: fake.config } });
    const reason = new Error('enough');
    const controller = new AbortController();
    const connecting = rejection(manager.connect({ signal: controller.signal }));
    controller.abort(reason);
    expect(await connecting).toBe(reason);
    expect(manager.client('a').status).toBe('connecting');
    expect(await rejection(manager.connect({ signal: controller.signal }))).toBe(reason);
  });

  test('goes on trying in the background until the server is there', async () => {
    vi.useFakeTimers();
    await using fake = fakeServer(offering(['one']));
    fake.inject({ kind: 'refuse' }, { times: Infinity });
    const manager = new McpManager({ servers: { a: fake.config } });
    expect((await manager.connect()).ready).toEqual([]);
    expect(manager.client('a').status).toBe('reconnecting');
    await vi.advanceTimersByTimeAsync(60_000);
    const attempts = countOf(fake, 'initialize');
    expect(attempts).toBeGreaterThan(3);
    expect(attempts).toBeLessThan(60);
    expect(manager.snapshot().status).toBe('down');
    fake.heal();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(manager.client('a').status).toBe('ready');
    expect(manager.snapshot().status).toBe('ready');
    expect(manager.snapshot().servers[0]).not.toHaveProperty('lastError');
    const closing = manager.close();
    await vi.advanceTimersByTimeAsync(5_000);
    await closing;
  });
});

describe('after connect', () => {
  test('a server that is added connects at once, and its failure reaches nobody', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager();
    manager.addServer('before', fake.config);
    expect(manager.client('before').status).toBe('idle');
    await manager.connect();
    expect(manager.addServer('after', fake.config).status).toBe('connecting');
    manager.addServer('dead', absent());
    await expect.poll(() => manager.client('after').status).toBe('ready');
    await expect.poll(() => manager.client('dead').status).toBe('reconnecting');
  });

  test('a replaced server connects at once, too', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config } });
    await manager.connect();
    await manager.setServers({ a: { ...fake.config, headers: { x: '1' } } });
    await expect.poll(() => manager.client('a').status).toBe('ready');
  });
});

describe('without connect', () => {
  test('a server connects on first use, the others stay idle', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({ servers: { a: fake.config, b: fake.config } });
    await manager.callTool({ name: 'a__one' });
    expect(manager.snapshot()).toMatchObject({
      status: 'ready',
      servers: [{ status: 'ready' }, { status: 'idle' }],
    });
    manager.addServer('c', fake.config);
    expect(manager.client('c').status).toBe('idle');
  });
});

describe('ping', () => {
  test('asks every server and tells how long each took', async () => {
    await using fake = fakeServer(offering(['one']));
    await using manager = new McpManager({
      servers: { a: fake.config, dead: absent(), b: fake.config },
    });
    const { ok, failed } = await manager.ping();
    expect(ok.map(({ server }) => server)).toEqual(['a', 'b']);
    for (const { latencyMs } of ok) expect(latencyMs).toBeGreaterThanOrEqual(0);
    expect(failed).toMatchObject([{ server: 'dead', error: { code: 'CONNECT_FAILED' } }]);
    expect(await manager.ping({ server: 'b' })).toMatchObject({ ok: [{ server: 'b' }], failed: [] });
  });

  test('that is not answered in time is a failure of that server alone', async () => {
    await using fake = fakeServer(offering(['one']));
    await using hung = fakeServer(offering(['one']));
    hung.inject({ kind: 'hang' }, { method: 'ping' });
    await using manager = new McpManager({ servers: { a: fake.config, hung: hung.config } });
    await manager.connect();
    expect(await manager.ping({ timeoutMs: 200 })).toMatchObject({
      ok: [{ server: 'a' }],
      failed: [{ server: 'hung', error: { code: 'TIMEOUT' } }],
    });
  });
});

describe('refreshTokens', () => {
  test('fetches a new token wherever there is a provider, and skips the rest', async () => {
    await using fake = fakeServer(offering(['whoami']));
    const auth = fakeTokens('first', 'second');
    const dead = fakeTokens(new Error('no token'));
    const servers: Record<string, ServerConfig> = {
      a: { ...fake.config, auth },
      none: fake.config,
      dead: { ...fake.config, auth: dead },
    };
    await using manager = new McpManager({ servers });
    await manager.callTool({ name: 'a__whoami' });
    const { refreshed, failed } = await manager.refreshTokens();
    expect(refreshed).toEqual(['a']);
    expect(failed).toMatchObject([{ server: 'dead', error: { code: 'TOKEN_FAILED' } }]);
    expect(auth.contexts.map(({ reason }) => reason)).toEqual(['initial', 'forced']);
    await manager.callTool({ name: 'a__whoami' });
    expect(fake.calls.map(({ authorization }) => authorization)).toEqual(['Bearer first', 'Bearer second']);
    expect(await manager.refreshTokens({ server: 'none' })).toEqual({ refreshed: [], failed: [] });
  });
});

describe('snapshot', () => {
  test('is plain JSON, says what is known, and holds no secret', async () => {
    await using fake = fakeServer(offering(['one', 'two']));
    const expiresAt = Date.now() + 3_600_000;
    const auth = fakeTokens({ token: 'canary-token', expiresAt });
    await using manager = new McpManager({
      servers: {
        a: { ...fake.config, auth, headers: { 'x-key': 'canary-header' } },
        b: { command: 'node', args: ['canary-arg'], env: { KEY: 'canary-env' } },
        c: { type: 'sse', url: 'https://nowhere.test/?key=canary-query' },
        d: { url: 'ws://nowhere.test/' },
        e: { type: 'custom', transport: () => Promise.reject(new Error('none')) },
      },
    });
    await manager.callTool({ name: 'a__one' });
    const snapshot = manager.snapshot();
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
    expect(snapshot.servers[0]).toEqual({
      server: 'a',
      status: 'ready',
      transport: 'http',
      circuit: 'closed',
      protocolVersion: '2025-11-25',
      serverInfo: { name: 'fake-server', version: '1.0.0' },
      tools: 2,
      inFlight: 0,
      queued: 0,
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      lastOkAt: expect.stringMatching(/Z$/),
      tokenExpiresAt: new Date(expiresAt).toISOString(),
    });
    expect(snapshot.servers.slice(1)).toMatchObject([
      { server: 'b', status: 'idle', transport: 'stdio', inFlight: 0 },
      { server: 'c', transport: 'sse' },
      { server: 'd', transport: 'ws' },
      { server: 'e', transport: 'custom' },
    ]);
    expect(JSON.stringify(snapshot)).not.toContain('canary');
  });
});
