import { AsyncLocalStorage } from 'node:async_hooks';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import {
  AuthError,
  type CallInterceptor,
  ConfigError,
  clientCredentials,
  type Identity,
  McpClient,
  type McpClientEvents,
  McpFleetError,
  type SettingsContext,
  type TokenContext,
  type TokenProvider,
} from 'mcp-fleet';
import { type FakeServer, fakeServer, fakeTokens } from 'mcp-fleet/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import '../../../src/client/identities.js';
import '../../../src/client/settings-question.js';
import '../../../src/session/open.js';
import '../../../src/session/transports/streamable-http.js';
import { pass, soon, turns } from './faked-time.js';
import { countOf, gate, rejection, text, textOf, tool, watched } from './fakes.js';

/** What a request says of who sends it. */
interface Sender {
  requestInfo?: { headers: Record<string, unknown> };
}

/** By a header field or by the token: what the server takes the caller for. */
function userOf({ requestInfo }: Sender): string {
  const { 'x-user': user, authorization } = requestInfo?.headers ?? {};
  return String(user ?? authorization ?? 'nobody').replace('Bearer token of ', '');
}

type Run = (name: string, user: string) => CallToolResult | Promise<CallToolResult>;

/** For `fakeServer`: each user has a tool of their own beside `whoami`, and reads what is theirs. */
function perUser(run: Run = (_name, user) => text(user)) {
  return ({ server }: McpServer): void => {
    server.registerCapabilities({ tools: { listChanged: true }, resources: { subscribe: true } });
    server.setRequestHandler(ListToolsRequestSchema, (_request, sender) => ({
      tools: ['whoami', `of-${userOf(sender)}`].map((name) => tool(name)),
    }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }, sender) => run(params.name, userOf(sender)));
    server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }, sender) => ({
      contents: [{ uri, text: userOf(sender) }],
    }));
    server.setRequestHandler(SubscribeRequestSchema, () => ({}));
    server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
  };
}

const served = (run?: Run) => fakeServer(perUser(run), { protocol: '2025-11-25' });

/** A static function of header fields, as a host would write it. */
const headers = ({ identity }: SettingsContext) => ({ 'x-user': identity?.key ?? 'nobody' });

const sessions = (fake: FakeServer) => countOf(fake, 'initialize');

/** Whose sessions were ended, in order. */
const ended = ({ requests }: FakeServer) =>
  requests.filter(({ http }) => http === 'DELETE').map((request) => request.headers['x-user']);

const WHOAMI = { name: 'whoami' };

async function whoami(client: McpClient, identity?: Identity | string): Promise<string> {
  return textOf(await client.callTool(WHOAMI, identity === undefined ? {} : { identity }));
}

const keys = (count: number) => Array.from({ length: count }, (_, n) => `user-${n}`);

/** A provider, and what it was asked. */
function provider(answer: (context: TokenContext) => Awaited<ReturnType<TokenProvider['getToken']>>) {
  const contexts: TokenContext[] = [];
  return {
    contexts,
    async getToken(context: TokenContext) {
      contexts.push(context);
      return answer(context);
    },
  };
}

const tokenOf = ({ identity }: TokenContext) => ({ token: `token-of-${identity?.key}` });

describe('identities of one server', () => {
  test('share one session where nothing differs between them', async () => {
    await using fake = served();
    await using client = new McpClient('a', fake.config);
    await Promise.all([...keys(20), undefined].map((key) => whoami(client, key)));
    expect(sessions(fake)).toBe(1);
    expect(client.snapshot().identities).toBeUndefined();
    expect(client.as('user-1').snapshot()).toEqual(client.snapshot());
  });

  test('share one session where header fields are the same for all', async () => {
    await using fake = served();
    await using client = new McpClient('a', { ...fake.config, headers: { 'x-user': 'all' } });
    expect(await Promise.all(keys(3).map((key) => whoami(client, key)))).toEqual(['all', 'all', 'all']);
    expect(sessions(fake)).toBe(1);
  });

  test('share the token of client credentials', async () => {
    await using fake = served();
    let issued = 0;
    const fetch = async (url: string | URL, init?: RequestInit): Promise<Response> => {
      if (!String(url).startsWith('https://login.test/')) return fake.config.fetch(url, init);
      return Response.json({ access_token: `token-${++issued}`, token_type: 'Bearer', expires_in: 3_600 });
    };
    const auth = clientCredentials({
      clientId: 'a',
      clientSecret: 'b',
      tokenUrl: 'https://login.test/token',
    });
    await using client = new McpClient('a', { ...fake.config, fetch, auth });
    await Promise.all(keys(20).map((key) => whoami(client, key)));
    expect([issued, sessions(fake)]).toEqual([1, 1]);
  });

  test('share one token and one session where the provider does not look for whom it is asked', async () => {
    await using fake = served();
    const auth = fakeTokens('one-for-all');
    await using client = new McpClient('a', { ...fake.config, auth });
    await Promise.all(keys(20).map((key) => whoami(client, key)));
    expect(sessions(fake)).toBe(1);
    expect(auth.contexts).toHaveLength(1);
    expect(client.snapshot().identities).toBeUndefined();
    // Those who act for nobody share it, too.
    await whoami(client);
    expect(sessions(fake)).toBe(1);
    expect(auth.contexts).toHaveLength(1);
  });

  test('have a token and a session each where the provider looks', async () => {
    await using fake = served();
    const auth = provider(tokenOf);
    await using client = new McpClient('a', { ...fake.config, auth });
    await Promise.all([...keys(5), ...keys(5)].map((key) => whoami(client, key)));
    expect(sessions(fake)).toBe(5);
    expect(auth.contexts.map(({ identity }) => identity?.key).sort()).toEqual(keys(5));
    expect(client.snapshot().identities).toBe(5);
    const tokens = new Set(
      fake.requests
        .filter(({ method }) => method === 'tools/call')
        .map((request) => request.headers.authorization),
    );
    expect([...tokens].sort()).toEqual(keys(5).map((key) => `Bearer token-of-${key}`));
  });

  test.each([
    ['a plain string', 'plain'],
    ['no token', undefined],
  ])('have a session each where the provider answers with %s', async (_what, answer) => {
    await using fake = served();
    const auth = provider(() => answer);
    await using client = new McpClient('a', { ...fake.config, auth });
    await Promise.all(keys(3).map((key) => whoami(client, key)));
    expect(sessions(fake)).toBe(3);
    expect(client.snapshot().identities).toBe(3);
  });

  test('have header fields of their own where a function gives them', async () => {
    await using fake = served();
    const asked: SettingsContext[] = [];
    await using client = new McpClient('a', {
      ...fake.config,
      headers(context) {
        asked.push(context);
        return headers(context);
      },
    });
    expect(await Promise.all([...keys(3), undefined].map((key) => whoami(client, key)))).toEqual([
      ...keys(3),
      'nobody',
    ]);
    expect(sessions(fake)).toBe(4);
    for (const { server, url, signal } of asked) {
      expect(server).toBe('a');
      expect(String(url)).toBe(fake.config.url);
      expect(signal).toBeInstanceOf(AbortSignal);
    }
    expect(new Set(asked.map(({ identity }) => identity?.key))).toEqual(new Set([...keys(3), undefined]));
    expect(asked.filter((context) => 'identity' in context && context.identity === undefined)).toEqual([]);
    // Every request has its own, the end of the session included.
    expect(asked).toHaveLength(fake.requests.length);
    await client.close();
    expect(ended(fake).sort()).toEqual(['nobody', ...keys(3)]);
  });

  test('have answers of their own from a server without sessions, too', async () => {
    await using fake = fakeServer(perUser(), { protocol: '2026-07-28' });
    await using client = new McpClient('a', { ...fake.config, headers });
    expect(await Promise.all(['alice', 'bob'].map((key) => whoami(client, key)))).toEqual(['alice', 'bob']);
    expect((await client.as('bob').listTools()).map(({ name }) => name)).toEqual(['whoami', 'of-bob']);
    expect((await client.as('alice').listTools()).map(({ name }) => name)).toEqual(['whoami', 'of-alice']);
  });

  test('share what they are configured to share', async () => {
    await using fake = served();
    const auth = provider(() => ({ token: 'all' }));
    await using client = new McpClient('a', { ...fake.config, auth, headers, scope: 'shared' });
    expect(await Promise.all(keys(3).map((key) => whoami(client, key)))).toEqual([
      'nobody',
      'nobody',
      'nobody',
    ]);
    expect(sessions(fake)).toBe(1);
    expect(auth.contexts.map(({ identity }) => identity)).toEqual([undefined]);
  });

  test('have what they are configured to have', async () => {
    await using fake = served();
    await using client = new McpClient('a', { ...fake.config, scope: 'identity' });
    await Promise.all(keys(3).map((key) => whoami(client, key)));
    expect(sessions(fake)).toBe(3);
    expect(client.snapshot().identities).toBe(3);
  });

  test('take the scope from the defaults of all servers, and a server overrides it', async () => {
    await using fake = served();
    await using own = new McpClient('a', fake.config, { scope: 'identity' });
    await using shared = new McpClient('b', { ...fake.config, scope: 'shared' }, { scope: 'identity' });
    await Promise.all(keys(3).flatMap((key) => [whoami(own, key), whoami(shared, key)]));
    expect(sessions(fake)).toBe(4);
  });
});

describe('the identity of a call', () => {
  test('comes before the key of the provider', async () => {
    await using fake = served();
    const key = vi.fn(() => 'key of the provider');
    const auth = { ...provider(tokenOf), key };
    await using client = new McpClient('a', { ...fake.config, auth });
    await Promise.all(['alice', 'bob'].map((each) => whoami(client, each)));
    expect(key).not.toHaveBeenCalled();
    expect(auth.contexts.map((context) => [context.key, context.identity?.key])).toEqual([
      ['alice', 'alice'],
      ['bob', 'bob'],
    ]);
    await whoami(client);
    expect(key).toHaveBeenCalled();
    expect(auth.contexts.at(-1)).toMatchObject({ key: 'key of the provider' });
    expect(auth.contexts.at(-1)).not.toHaveProperty('identity');
  });

  test('brings claims for the length of the call, and nobody has them later', async () => {
    await using fake = served();
    const seen: unknown[] = [];
    const auth = provider(({ identity, reason }) => {
      seen.push([reason, identity]);
      return { token: `token ${seen.length}`.replace(' ', '-') };
    });
    const given: unknown[] = [];
    await using client = new McpClient('a', {
      ...fake.config,
      auth,
      headers({ identity }) {
        given.push(identity);
        return {};
      },
    });
    const claims = { tenant: 'T', token: 'their own' };
    await whoami(client, { key: 'alice', claims });
    expect(seen).toEqual([['initial', { key: 'alice', claims }]]);
    expect(given.length).toBeGreaterThan(1);
    expect(given[0]).toEqual({ key: 'alice', claims });
    await client.refreshToken({ identity: 'alice' });
    expect(seen[1]).toEqual(['forced', { key: 'alice' }]);
    await client.as({ key: 'alice', claims: { tenant: 'U' } }).refreshToken();
    expect(seen[2]).toEqual(['forced', { key: 'alice', claims: { tenant: 'U' } }]);
    expect(sessions(fake)).toBe(1);
  });

  test('keeps the claims of one identity from all others', async () => {
    await using fake = served();
    const given: [string | undefined, unknown][] = [];
    await using client = new McpClient('a', {
      ...fake.config,
      headers({ identity }) {
        given.push([identity?.key, identity?.claims]);
        return {};
      },
    });
    await Promise.all(keys(10).map((key) => whoami(client, { key, claims: { of: key } })));
    for (const [key, claims] of given) if (claims !== undefined) expect(claims).toEqual({ of: key });
  });

  test('has lists of its own', async () => {
    await using fake = served();
    await using client = new McpClient('a', { ...fake.config, headers });
    for (const view of [client.as('alice'), client.as('bob')]) {
      const names = (await view.listTools()).map(({ name }) => name);
      expect(names).toEqual(['whoami', `of-${view.identity?.key}`]);
      // It is known now.
      expect(await view.listTools()).toBe(await client.listTools({ identity: view.identity?.key as string }));
    }
    expect(countOf(fake, 'tools/list')).toBe(2);
    expect(client.knownTools).toEqual([]);
    expect((await client.listTools()).map(({ name }) => name)).toEqual(['whoami', 'of-nobody']);
    expect(client.as('alice').snapshot().tools).toBe(2);
    expect(await rejection(client.callTool({ name: 'of-bob' }, { identity: 'alice' }))).toMatchObject({
      code: 'UNKNOWN_TOOL',
    });
    expect(textOf(await client.as('bob').callTool({ name: 'of-bob' }))).toBe('bob');
  });

  test('has results of its own', async () => {
    await using fake = served();
    await using client = new McpClient('a', { ...fake.config, headers, cache: { resourceTtlMs: 60_000 } });
    for (let n = 0; n < 2; n++) {
      for (const key of ['alice', 'bob']) {
        const { contents } = await client.as(key).readResource('a:1');
        expect(contents).toEqual([{ uri: 'a:1', text: key }]);
      }
    }
    expect(countOf(fake, 'resources/read')).toBe(2);
  });

  test('is told to the handlers of what the server asks on its connection', async () => {
    await using fake = served();
    const asked: unknown[] = [];
    const roots = async ({ server, identity }: { server: string; identity?: Identity }) => {
      asked.push([server, identity?.key]);
      return [];
    };
    await using client = new McpClient('a', { ...fake.config, headers, handlers: { roots } });
    for (const key of ['alice', 'bob', undefined]) {
      await whoami(client, key);
      // It asks who connected last.
      await fake.listRoots();
    }
    expect(asked).toEqual([
      ['a', 'alice'],
      ['a', 'bob'],
      ['a', undefined],
    ]);
  });

  test('is in the events of its call, of its connection and of its lists', async () => {
    await using fake = served();
    const events: [string, string, string | undefined][] = [];
    const auth = provider(tokenOf);
    await using client = new McpClient('a', { ...fake.config, auth, headers });
    for (const name of ['call', 'status', 'refresh', 'resource'] as const)
      client.on(name, (event) => events.push([name, event.server, event.identity]));
    const alice = client.as('alice');
    await alice.subscribeResource('a:1');
    await fake.notifyResourceUpdated('a:1');
    await vi.waitFor(() => expect(events).toContainEqual(['resource', 'a', 'alice']));
    expect(new Set(events.map(String))).toEqual(
      new Set(['status,a,alice', 'refresh,a,alice', 'call,a,alice', 'resource,a,alice']),
    );
    events.length = 0;
    await whoami(client);
    expect(new Set(events.map(String))).toEqual(new Set(['status,a,', 'refresh,a,', 'call,a,']));
  });

  test('is in the event of its call where all share one connection, too', async () => {
    await using fake = served();
    await using client = new McpClient('a', fake.config);
    const calls: McpClientEvents['call'][] = [];
    const statuses: McpClientEvents['status'][] = [];
    client.on('call', (event) => calls.push(event));
    client.on('status', (event) => statuses.push(event));
    await whoami(client, 'alice');
    expect(calls).toMatchObject([{ server: 'a', identity: 'alice', outcome: 'ok' }]);
    for (const status of statuses) expect(status).not.toHaveProperty('identity');
  });

  test('sees its own connection, and the client sees how many there are', async () => {
    await using fake = served();
    await using client = new McpClient('a', { ...fake.config, headers });
    expect(client.as('alice').snapshot()).toMatchObject({ server: 'a', identity: 'alice', status: 'idle' });
    expect(client.status).toBe('idle');
    await client.as('alice').connect();
    expect(client.as('alice').snapshot()).toMatchObject({
      identity: 'alice',
      status: 'ready',
      protocolVersion: '2025-11-25',
    });
    expect(client.as('alice').snapshot()).not.toHaveProperty('identities');
    expect(client.as('bob').snapshot()).toMatchObject({ identity: 'bob', status: 'idle' });
    expect(client.status).toBe('ready');
    expect(client.snapshot()).toMatchObject({ status: 'ready', identities: 1 });
    expect(client.snapshot()).not.toHaveProperty('identity');
    expect(sessions(fake)).toBe(1);
  });

  test('has one connection, however many calls begin at once', async () => {
    await using fake = served();
    await using client = new McpClient('a', { ...fake.config, headers });
    const alice = client.as('alice');
    await Promise.all([alice.connect(), alice.ping(), alice.listTools(), alice.callTool(WHOAMI)]);
    expect(sessions(fake)).toBe(1);
  });

  test.each([
    ['an empty text', '', 'options.identity'],
    ['a key that is too long', 'x'.repeat(257), 'options.identity'],
    ['null', null, 'options.identity'],
    ['a number', 7, 'options.identity'],
    ['a list', ['alice'], 'options.identity'],
    ['an object without a key', {}, 'options.identity.key'],
    ['an empty key', { key: '' }, 'options.identity.key'],
    ['claims that are no object', { key: 'alice', claims: 'x' }, 'options.identity.claims'],
    ['a member that there is not', { key: 'alice', tenant: 'x' }, 'options.identity.tenant'],
  ])('is checked before anything is sent: %s', async (_what, given, path) => {
    await using fake = served();
    await using client = new McpClient('a', { ...fake.config, headers });
    const identity = given as unknown as string;
    for (const call of [
      () => client.callTool(WHOAMI, { identity }),
      () => client.listTools({ identity }),
      () => client.listTools({ identity, fresh: true }),
      () => client.readResource('a:1', { identity }),
      () => client.ping({ identity }),
      () => client.connect({ identity }),
      () => client.refreshToken({ identity }),
    ]) {
      const error = await rejection(call());
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({ code: 'INVALID_CONFIG', path });
    }
    expect(() => client.as(identity)).toThrow(ConfigError);
    expect(fake.requests).toEqual([]);
    expect(client.snapshot().identities).toBeUndefined();
  });
});

describe('identities that are too many', () => {
  test('make room: the session of the one used longest ago is ended, and its next call opens another', async () => {
    await using fake = served();
    await using client = new McpClient('a', { ...fake.config, headers, maxIdentities: 2 });
    for (const key of ['a', 'b', 'a', 'c']) await whoami(client, key);
    await vi.waitFor(() => expect(ended(fake)).toEqual(['b']));
    expect(client.snapshot().identities).toBe(2);
    expect(client.as('b').snapshot().status).toBe('idle');
    expect(sessions(fake)).toBe(3);
    expect(await whoami(client, 'b')).toBe('b');
    expect(sessions(fake)).toBe(4);
    await vi.waitFor(() => expect(ended(fake)).toEqual(['b', 'a']));
    expect(client.snapshot().identities).toBe(2);
  });

  test('spare one that is busy', async () => {
    const door = gate();
    await using fake = served(async (_name, user) => {
      if (user === 'a') await door.passed;
      return text(user);
    });
    await using client = new McpClient('a', { ...fake.config, headers, maxIdentities: 2 });
    const busy = whoami(client, 'a');
    await vi.waitFor(() => expect(fake.calls).toHaveLength(1));
    await whoami(client, 'b');
    await whoami(client, 'c');
    await vi.waitFor(() => expect(ended(fake)).toEqual(['b']));
    door.open();
    expect(await busy).toBe('a');
    expect(await whoami(client, 'a')).toBe('a');
    expect(sessions(fake)).toBe(3);
  });

  test('let the calls under way end where all are busy', async () => {
    const door = gate();
    await using fake = served(async (_name, user) => {
      if (user !== 'c') await door.passed;
      return text(user);
    });
    await using client = new McpClient('a', { ...fake.config, headers, maxIdentities: 2 });
    const busy = ['a', 'b'].map((key) => whoami(client, key));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(2));
    expect(await whoami(client, 'c')).toBe('c');
    expect(ended(fake)).toEqual([]);
    expect(client.snapshot().identities).toBe(2);
    door.open();
    expect(await Promise.all(busy)).toEqual(['a', 'b']);
    await vi.waitFor(() => expect(ended(fake)).toEqual(['a']));
  });

  test('of whom one has a subscription keep it as long as there is another to make room', async () => {
    await using fake = served();
    await using client = new McpClient('a', { ...fake.config, headers, maxIdentities: 2 });
    await client.as('a').subscribeResource('a:1');
    await whoami(client, 'b');
    await whoami(client, 'c');
    await vi.waitFor(() => expect(ended(fake)).toHaveLength(1));
    expect(ended(fake)).toEqual(['b']);
  });
});

test('interceptors are told on whose behalf a call is made', async () => {
  await using fake = served();
  const seen: (string | undefined)[] = [];
  const interceptor: CallInterceptor = (next) => (call) => {
    seen.push(call.identity);
    return next(call);
  };
  await using client = new McpClient('a', { ...fake.config, interceptors: [interceptor] });
  await client.callTool(WHOAMI);
  await client.callTool(WHOAMI, { identity: 'alice' });
  expect(seen).toEqual([undefined, 'alice']);
});

describe('the end of a client', () => {
  test('ends the sessions of all identities, and of those that make room', async () => {
    await using fake = served();
    const client = new McpClient('a', { ...fake.config, headers, maxIdentities: 4 });
    await Promise.all([...keys(3), undefined].map((key) => whoami(client, key)));
    await client.close();
    expect(ended(fake).sort()).toEqual(['nobody', ...keys(3)]);
    expect(client.status).toBe('closed');
  });

  test('waits for the calls of identities as long as it is told to', async () => {
    const door = gate();
    await using fake = served(async (_name, user) => {
      await door.passed;
      return text(user);
    });
    const client = new McpClient('a', { ...fake.config, headers });
    const calls = keys(2).map((key) => whoami(client, key));
    await vi.waitFor(() => expect(fake.calls).toHaveLength(2));
    const closed = client.close();
    door.open();
    expect(await Promise.all(calls)).toEqual(keys(2));
    await closed;
    expect(ended(fake).sort()).toEqual(keys(2));
  });

  test('is told to an identity as to everybody, whatever it asks', async () => {
    await using fake = served();
    const client = new McpClient('a', { ...fake.config, headers });
    await whoami(client, 'alice');
    await client.close();
    const before = fake.requests.length;
    for (const key of ['alice', 'bob']) {
      const view = client.as(key);
      for (const call of [
        () => view.callTool(WHOAMI),
        () => view.listTools(),
        () => view.readResource('a:1'),
        () => view.ping(),
        () => view.refreshToken(),
        () => view.connect(),
      ]) {
        const error = await rejection(call());
        expect(error).toBeInstanceOf(McpFleetError);
        expect(error).toMatchObject({ code: 'CLOSED', server: 'a', delivery: 'not-sent' });
      }
    }
    expect(fake.requests).toHaveLength(before);
  });

  test('that comes before the first call of an identity opens nothing', async () => {
    await using fake = served();
    const client = new McpClient('a', { ...fake.config, headers });
    const connecting = rejection(client.connect({ identity: 'alice' }));
    await client.close();
    expect(await connecting).toMatchObject({ code: 'CLOSED', server: 'a', delivery: 'not-sent' });
    expect(sessions(fake)).toBe(ended(fake).length);
    expect(client.as('alice').snapshot().status).not.toBe('ready');
  });
});

describe('the client that takes the place of another', () => {
  test('goes on with the subscriptions of identities, whoever names them', async () => {
    await using fake = served();
    const user = new AsyncLocalStorage<string>();
    const auth = { ...provider(({ key }) => ({ token: `token-of-${key}` })), key: () => user.getStore() };
    await using before = new McpClient('a', { ...fake.config, auth });
    await user.run('ada', () => before.subscribeResource('a:1'));
    await before.as('grace').subscribeResource('a:2');
    await before.as('linus').ping();
    await using after = new McpClient('a', { ...fake.config, auth });
    const asked = auth.contexts.length;
    after.inherit(before);
    await vi.waitFor(() => expect(countOf(fake, 'resources/subscribe')).toBe(4));
    const told = auth.contexts.slice(asked).map(({ key, identity }) => [key, identity?.key]);
    expect(told.sort()).toEqual([
      ['ada', undefined],
      ['grace', 'grace'],
    ]);
    expect(after.snapshot().identities).toBe(2);
  });

  test('and is closed at once leaves nothing behind', async () => {
    await using fake = served();
    await using before = new McpClient('a', { ...fake.config, headers });
    await before.as('grace').subscribeResource('a:1');
    const after = new McpClient('a', { ...fake.config, headers });
    after.inherit(before);
    // A rejection that nobody handles would end this test run.
    await after.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(sessions(fake)).toBe(1);
  });
});

test('a function that never answers holds up no attempt to connect', async () => {
  await using client = new McpClient('a', {
    url: 'ws://127.0.0.1:9/mcp',
    headers: () => new Promise<never>(() => {}),
    connectTimeoutMs: 50,
  });
  const alice = client.as('alice');
  expect(await rejection(alice.connect())).toMatchObject({ code: 'TIMEOUT', delivery: 'not-sent' });
  expect(alice.snapshot().status).not.toBe('connecting');
});

describe('a function for header fields', () => {
  const SECRET = 'secret-0123456789';

  test.each([
    ['throws', () => Promise.reject(new Error(SECRET)), 'The function headers threw Error'],
    [
      'throws at once',
      () => {
        throw new TypeError(SECRET);
      },
      'The function headers threw TypeError',
    ],
    ['answers with nothing', () => undefined, 'expected an object of strings'],
    ['answers with a text', () => SECRET, 'expected an object of strings'],
    ['answers with a list', () => [SECRET], 'expected an object of strings'],
    ['answers with a number', () => ({ 'x-user': 7 }), 'expected a string, got a value of type number'],
    ['answers with a line break', () => ({ 'x-user': `${SECRET}\n` }), 'headers.x-user'],
    ['answers with a name that is none', () => ({ [`x ${SECRET}`]: 'x' }), 'headers[0]'],
    [
      'answers with a field of the protocol',
      () => ({ 'mcp-session-id': SECRET }),
      'headers.mcp-session-id: is set by the library itself',
    ],
    ['answers with the host', () => ({ Host: SECRET }), 'headers.Host: is set by the library itself'],
  ])('that %s fails the call of that identity alone', async (_what, give, message) => {
    await using fake = served();
    const circuit = vi.fn();
    await using client = new McpClient('a', {
      ...fake.config,
      retry: false,
      circuitBreaker: { consecutiveFailures: 1 },
      headers: (context) =>
        context.identity?.key === 'bad' ? (give() as Record<string, string>) : headers(context),
    });
    client.on('circuit', circuit);
    const error = (await rejection(client.callTool(WHOAMI, { identity: 'bad' }))) as AuthError;
    expect(error).toBeInstanceOf(AuthError);
    expect(error).toMatchObject({ code: 'TOKEN_FAILED', server: 'a', delivery: 'not-sent' });
    expect(error.message).toContain(message);
    expect(error.message + JSON.stringify(error)).not.toContain(SECRET);
    expect(fake.requests).toEqual([]);
    expect(client.snapshot()).toMatchObject({ status: 'idle', circuit: 'closed' });
    expect(await whoami(client, 'good')).toBe('good');
    expect(circuit).not.toHaveBeenCalled();
  });

  test('is asked for each request, and no message repeats what it gives', async () => {
    let n = 0;
    await using fake = served(() => {
      throw new Error(`I was told ${fake.requests.at(-1)?.headers.authorization}`);
    });
    await using client = new McpClient('a', {
      ...fake.config,
      headers: () => ({ authorization: `Bearer ${SECRET}-${++n}` }),
    });
    const alice = client.as('alice');
    await alice.ping();
    await alice.ping();
    const sent = fake.requests.map((request) => request.headers.authorization);
    expect(sent.length).toBeGreaterThan(3);
    expect(new Set(sent).size).toBe(sent.length);
    const error = (await rejection(alice.callTool(WHOAMI))) as McpFleetError;
    expect(error.message).toContain('I was told');
    expect(error.message).not.toContain(SECRET);
  });
});

describe('over time', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  });
  afterEach(() => vi.useRealTimers());

  const statusOf = (client: McpClient, key: string) => client.as(key).snapshot().status;

  describe('an identity that is not used', () => {
    test('gives its connection up, knows its lists all the same, and connects again when it calls', async () => {
      await using fake = served();
      await using client = new McpClient('a', { ...fake.config, headers, identityIdleMs: 10_000 });
      const events: string[] = [];
      client.on('status', ({ identity, status }) => events.push(`${identity} ${status}`));
      const tools = await soon(client.as('alice').listTools());
      await pass(9_000);
      expect(await soon(whoami(client, 'alice'))).toBe('alice');
      // Counted from the end of the last call.
      await pass(9_500);
      expect(ended(fake)).toEqual([]);
      expect(statusOf(client, 'alice')).toBe('ready');
      await pass(1_500);
      expect(ended(fake)).toEqual(['alice']);
      expect(statusOf(client, 'alice')).toBe('idle');
      expect(events).toEqual(['alice connecting', 'alice ready', 'alice idle']);
      expect(client.snapshot()).toMatchObject({ status: 'idle', identities: 1 });

      const before = fake.requests.length;
      expect(await soon(client.as('alice').listTools())).toBe(tools);
      expect(client.as('alice').snapshot().tools).toBe(2);
      expect(fake.requests).toHaveLength(before);

      expect(await soon(whoami(client, 'alice'))).toBe('alice');
      expect(sessions(fake)).toBe(2);
      expect(countOf(fake, 'tools/list')).toBe(1);
    });

    test('keeps the connections of others and of nobody', async () => {
      await using fake = served();
      await using client = new McpClient('a', { ...fake.config, headers, identityIdleMs: 10_000 });
      for (const key of ['alice', 'bob', undefined]) await soon(whoami(client, key));
      for (let n = 0; n < 4; n++) {
        await pass(5_000);
        await soon(whoami(client, 'bob'));
      }
      expect(ended(fake)).toEqual(['alice']);
      expect(statusOf(client, 'bob')).toBe('ready');
      expect(client.status).toBe('ready');
      await pass(60_000);
      expect(ended(fake)).toEqual(['alice', 'bob']);
      expect(client.status).toBe('ready');
    });

    test('is not given up while a call of it runs', async () => {
      const door = gate();
      await using fake = served(async (_name, user) => {
        await door.passed;
        return text(user);
      });
      await using client = new McpClient('a', { ...fake.config, headers, identityIdleMs: 1_000 });
      const call = whoami(client, 'alice');
      await pass(20_000);
      expect(ended(fake)).toEqual([]);
      door.open();
      expect(await soon(call)).toBe('alice');
      await pass(2_000);
      expect(ended(fake)).toEqual(['alice']);
    });

    test('with a subscription stays connected until that is ended', async () => {
      await using fake = served();
      await using client = new McpClient('a', { ...fake.config, headers, identityIdleMs: 10_000 });
      const updates: McpClientEvents['resource'][] = [];
      client.on('resource', (event) => updates.push(event));
      await soon(client.as('alice').subscribeResource('a:1'));
      await pass(120_000);
      expect(ended(fake)).toEqual([]);
      await fake.notifyResourceUpdated('a:1');
      await turns(10);
      expect(updates).toEqual([{ server: 'a', identity: 'alice', uri: 'a:1' }]);
      await soon(client.as('alice').unsubscribeResource('a:1'));
      await pass(12_000);
      expect(ended(fake)).toEqual(['alice']);
    });

    test('with a subscription comes back by itself when its connection is lost; another one waits for a call', async () => {
      await using fake = served();
      await using client = new McpClient('a', { ...fake.config, headers });
      await soon(client.as('alice').subscribeResource('a:1'));
      await soon(whoami(client, 'bob'));
      fake.restart();
      await pass(10_000);
      expect(statusOf(client, 'alice')).toBe('ready');
      expect(countOf(fake, 'resources/subscribe')).toBe(2);
      expect(await soon(whoami(client, 'bob'))).toBe('bob');
    });

    test('whose caller went while it connected gives the connection up all the same', async () => {
      await using fake = served();
      const seen = watched(fake, async ({ method }) => {
        if (method === 'initialize') await new Promise((resolve) => setTimeout(resolve, 3_000));
        return undefined;
      });
      await using client = new McpClient('a', { ...seen.config, headers, identityIdleMs: 1_000 });
      const call = rejection(client.callTool(WHOAMI, { identity: 'alice', timeoutMs: 500 }));
      expect(await soon(call)).toMatchObject({ code: 'TIMEOUT' });
      await pass(20_000);
      expect(statusOf(client, 'alice')).not.toBe('ready');
      expect(ended(fake)).toHaveLength(sessions(fake));
    });

    test('leaves no timer when the client is closed', async () => {
      await using fake = served();
      const client = new McpClient('a', { ...fake.config, headers });
      for (const key of keys(3)) await soon(whoami(client, key));
      await soon(client.close());
      expect(vi.getTimerCount()).toBe(0);
    });
  });

  describe('the failure of one identity', () => {
    test('that the server refuses is its own, and it may try again after a second', async () => {
      await using fake = served();
      let refuses = true;
      const seen = watched(fake, (request) =>
        refuses && request.headers['x-user'] === 'bad' ? new Response('no', { status: 401 }) : undefined,
      );
      await using client = new McpClient('a', { ...seen.config, headers, retry: false });
      const circuit = vi.fn();
      client.on('circuit', circuit);
      await soon(whoami(client, 'good'));
      await soon(whoami(client));
      for (let n = 0; n < 10; n++) {
        const error = await soon(rejection(whoami(client, 'bad')));
        expect(error).toBeInstanceOf(AuthError);
        expect(error).toMatchObject({ server: 'a' });
        await pass(1_100);
      }
      expect(client.as('bad').snapshot()).toMatchObject({
        status: 'failed',
        circuit: 'closed',
        lastError: { code: expect.any(String), message: expect.stringContaining('401') },
      });
      expect(client.snapshot()).toMatchObject({ status: 'ready', circuit: 'closed' });
      expect(client.snapshot()).not.toHaveProperty('lastError');
      expect(client.lastError).toBeUndefined();
      expect(statusOf(client, 'good')).toBe('ready');
      expect(circuit).not.toHaveBeenCalled();
      refuses = false;
      await pass(1_100);
      expect(await soon(whoami(client, 'bad'))).toBe('bad');
      expect(client.as('bad').snapshot()).not.toHaveProperty('lastError');
    });

    test('is told at once for a second, without another request', async () => {
      await using fake = served();
      const seen = watched(fake, () => new Response('no', { status: 401 }));
      await using client = new McpClient('a', { ...seen.config, headers, retry: false });
      await soon(rejection(whoami(client, 'bad')));
      const before = seen.requests.length;
      expect(await soon(rejection(whoami(client, 'bad')))).toBeInstanceOf(AuthError);
      expect(seen.requests).toHaveLength(before);
      await pass(1_100);
      await soon(rejection(whoami(client, 'bad')));
      expect(seen.requests.length).toBeGreaterThan(before);
    });

    test.each([
      ['for a moment', new Error('no token')],
      ['until a person helps', new AuthError('TOKEN_FAILED', 'sign in first', { retryable: false })],
    ])('that no token can be had %s is its own, and it may try again soon', async (_what, failure) => {
      await using fake = served();
      let fails = true;
      const auth = provider((context) => {
        if (context.identity?.key === 'bad' && fails) throw failure;
        return tokenOf(context);
      });
      await using client = new McpClient('a', { ...fake.config, auth, headers, retry: false });
      await soon(whoami(client, 'good'));
      const error = (await soon(rejection(whoami(client, 'bad')))) as AuthError;
      expect(error).toMatchObject({ code: 'TOKEN_FAILED', server: 'a', delivery: 'not-sent' });
      expect(client.as('bad').snapshot()).toMatchObject({
        circuit: 'closed',
        lastError: { code: 'TOKEN_FAILED' },
      });
      expect(client.snapshot()).toMatchObject({ status: 'ready', circuit: 'closed' });
      expect(client.snapshot()).not.toHaveProperty('lastError');
      fails = false;
      await pass(1_100);
      expect(await soon(whoami(client, 'bad'))).toBe('bad');
    });

    test('whose function for header fields answers junk is over as soon as it answers well', async () => {
      await using fake = served();
      let fails = true;
      await using client = new McpClient('a', {
        ...fake.config,
        retry: false,
        headers: (context) => (fails ? ({ 'x-user': 7 } as never) : headers(context)),
      });
      expect(await soon(rejection(whoami(client, 'bad')))).toMatchObject({ code: 'TOKEN_FAILED' });
      expect(client.as('bad').snapshot()).toMatchObject({
        status: 'failed',
        lastError: { code: 'TOKEN_FAILED' },
      });
      fails = false;
      await pass(1_100);
      expect(await soon(whoami(client, 'bad'))).toBe('bad');
    });

    test('to get the first token is told to that identity alone', async () => {
      await using fake = served();
      const auth: TokenProvider = {
        async getToken({ identity }) {
          if (identity?.key === 'alice') throw new Error('alice has to sign in');
          return { token: `token-of-${identity?.key}`, expiresAt: Date.now() + 3_600_000 };
        },
      };
      await using client = new McpClient('a', { ...fake.config, auth, retry: false });
      const alice = rejection(whoami(client, 'alice'));
      const others = Promise.all(keys(5).map((key) => whoami(client, key)));
      expect(await soon(alice)).toMatchObject({ code: 'TOKEN_FAILED' });
      await soon(others);
      expect(sessions(fake)).toBe(5);
    });

    test('that comes first does not decide whether identities share a session', async () => {
      await using fake = served();
      const auth = fakeTokens(new Error('not yet'), 'one-for-all');
      await using client = new McpClient('a', { ...fake.config, auth, retry: false });
      expect(await soon(rejection(whoami(client, 'alice')))).toMatchObject({
        code: 'TOKEN_FAILED',
        server: 'a',
        delivery: 'not-sent',
      });
      await pass(1_100);
      await soon(Promise.all(keys(5).map((key) => whoami(client, key))));
      expect(sessions(fake)).toBe(1);
      expect(auth.contexts).toHaveLength(2);
      expect(client.snapshot().identities).toBeUndefined();
    });
  });

  describe('the circuit breaker', () => {
    /** A server that answers 503 while it is ill. */
    function ailing() {
      const fake = served();
      const state = { ill: false };
      const seen = watched(fake, ({ http, method }) =>
        state.ill && http === 'POST' && method !== 'initialize'
          ? new Response('x', { status: 503 })
          : undefined,
      );
      return { fake, state, ...seen };
    }

    test("is the server's: failures of several identities open it for all, and a probe closes it", async () => {
      const { fake, state, config, requests, count } = ailing();
      await using client = new McpClient('a', { ...config, headers, retry: false });
      const events: McpClientEvents['circuit'][] = [];
      client.on('circuit', (event) => events.push(event));
      for (const key of keys(6)) await soon(whoami(client, key));
      state.ill = true;
      for (const key of keys(5)) {
        expect(client.snapshot().circuit).toBe('closed');
        expect(await soon(rejection(whoami(client, key)))).toBeInstanceOf(McpFleetError);
      }
      expect(client.snapshot().circuit).toBe('open');
      expect(client.as('user-5').snapshot().circuit).toBe('open');
      const before = requests.length;
      for (const key of ['user-5', 'somebody new', undefined])
        expect(
          await rejection(client.callTool(WHOAMI, key === undefined ? {} : { identity: key })),
        ).toMatchObject({
          code: 'CIRCUIT_OPEN',
          server: 'a',
          delivery: 'not-sent',
          retryable: true,
        });
      expect(requests).toHaveLength(before);
      state.ill = false;
      await pass(6_001);
      expect(client.snapshot().circuit).toBe('closed');
      expect(count('ping')).toBe(1);
      expect(events).toEqual([
        { server: 'a', state: 'open', previous: 'closed' },
        { server: 'a', state: 'half-open', previous: 'open' },
        { server: 'a', state: 'closed', previous: 'half-open' },
      ]);
      expect(await soon(whoami(client, 'somebody new'))).toBe('somebody new');
      await fake.close();
    });

    test('tells one identity nothing of what failed for another', async () => {
      const { fake, state, config } = ailing();
      await using client = new McpClient('a', { ...config, headers, retry: false });
      await soon(whoami(client, 'alice'));
      state.ill = true;
      for (let n = 0; n < 5; n++) await soon(rejection(whoami(client, 'alice')));
      const refusal = (await rejection(client.callTool(WHOAMI, { identity: 'bob' }))) as McpFleetError;
      expect(refusal.code).toBe('CIRCUIT_OPEN');
      expect(refusal.message).not.toContain('503');
      expect(refusal.cause).toBeUndefined();
      await fake.close();
    });

    test('stays open when the identity that failed last has made room', async () => {
      const { fake, state, config } = ailing();
      await using client = new McpClient('a', { ...config, headers, retry: false, maxIdentities: 1 });
      await soon(whoami(client, 'alice'));
      state.ill = true;
      for (let n = 0; n < 5; n++) await soon(rejection(whoami(client, 'alice')));
      expect(client.snapshot().circuit).toBe('open');
      // Somebody else takes the place: what the probe would ask over is closed.
      await soon(rejection(whoami(client, 'bob')));
      expect(statusOf(client, 'alice')).toBe('idle');
      const states: string[] = [];
      client.on('circuit', ({ state: now }) => states.push(now));
      await pass(30_000);
      expect(states).not.toContain('closed');
      state.ill = false;
      await pass(80_000);
      expect(client.snapshot().circuit).toBe('closed');
      await fake.close();
    });

    test('opens no connection for a probe that then stays for ever', async () => {
      const { fake, state, config } = ailing();
      await using client = new McpClient('a', { ...config, headers, retry: false, identityIdleMs: 1_000 });
      await soon(whoami(client, 'alice'));
      state.ill = true;
      for (let n = 0; n < 5; n++) await soon(rejection(whoami(client, 'alice')));
      await pass(3_000);
      expect(ended(fake)).toEqual(['alice']);
      state.ill = false;
      await pass(60_000);
      expect(client.snapshot().circuit).toBe('closed');
      expect(statusOf(client, 'alice')).toBe('idle');
      expect(ended(fake)).toHaveLength(sessions(fake));
      await fake.close();
    });
  });

  describe('the queue', () => {
    test('lets identities take turns, also where they share a connection', async () => {
      const doors: (() => void)[] = [];
      await using fake = served(async (name) => {
        await new Promise<void>((resolve) => doors.push(resolve));
        return text(name);
      });
      await using client = new McpClient('a', { ...fake.config, maxConcurrency: 1 });
      await soon(client.listTools());
      const order: string[] = [];
      const calls = ['a1', 'a2', 'a3', 'b1'].map(async (name) => {
        await client.callTool(WHOAMI, { identity: name.slice(0, 1) });
        order.push(name);
      });
      for (let n = 0; n < 4; n++) {
        await turns(20);
        doors[n]?.();
      }
      await soon(Promise.all(calls));
      // The first one found a free place.
      expect(order).toEqual(['a1', 'a2', 'b1', 'a3']);
    });
  });
});
