import { type Identity, McpManager } from 'mcp-fleet';
import { createRestHandler, type RestHandlerOptions } from 'mcp-fleet/rest';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { EVERY_ROUTE, type RestDoor, type RestRequest, restDoor } from '../../fixtures/rest-door.js';

let door: RestDoor | undefined;
afterEach(() => door?.[Symbol.asyncDispose]());

type Identify = NonNullable<RestHandlerOptions['identify']>;

const byHeader: Identify = ({ headers }) => headers.get('x-user') ?? undefined;
const open = EVERY_ROUTE.filter(({ path }) => path === '/health' || path === '/docs');
const guarded = EVERY_ROUTE.filter((one) => !open.includes(one));

/** A door whose server `own` is told who is asking; `asked` holds their keys. */
async function ownDoor(
  options: Partial<RestHandlerOptions>,
): Promise<{ door: RestDoor; asked: Set<string> }> {
  const asked = new Set<string>();
  const made = await restDoor(options);
  const { config } = made.math;
  made.manager.addServer('own', {
    ...config,
    headers: ({ identity }) => ({ 'x-user': identity?.key ?? 'nobody' }),
    auth: { getToken: async ({ identity }) => ({ token: `token-of-${identity?.key}` }) },
    fetch: (url, init) => {
      const headers = new Headers(init?.headers);
      asked.add(`${headers.get('x-user')} with ${headers.get('authorization')}`);
      return config.fetch(url, init);
    },
  });
  door = made;
  return { door: made, asked };
}

const ASKING: readonly RestRequest[] = [
  { method: 'GET', path: '/servers/status?probe=true' },
  { method: 'GET', path: '/tools?server_name=own' },
  { method: 'POST', path: '/tools/call', body: { server_name: 'own', tool_name: 'fail' } },
  { method: 'POST', path: '/tools/batch', body: { calls: [{ server_name: 'own', tool_name: 'fail' }] } },
  { method: 'GET', path: '/resources?server_name=own' },
  { method: 'GET', path: '/resources/templates?server_name=own' },
  { method: 'POST', path: '/resources/read', body: { server_name: 'own', resource_uri: 'memo://pi' } },
  { method: 'GET', path: '/prompts?server_name=own' },
  { method: 'POST', path: '/prompts/get', body: { server_name: 'own', prompt_name: 'explain' } },
];

describe.each(ASKING)('$method $path', (request) => {
  test('asks on behalf of the caller', async () => {
    const { door, asked } = await ownDoor({ identify: byHeader });
    const headers = { 'x-user': 'alice' };
    expect((await door.ask({ ...request, headers })).status).toBe(200);
    expect([...asked]).toEqual(['alice with Bearer token-of-alice']);
  });

  test('asks for nobody in particular where the caller is nobody', async () => {
    const { door, asked } = await ownDoor({ identify: byHeader });
    expect((await door.ask(request)).status).toBe(200);
    expect([...asked]).toEqual(['nobody with Bearer token-of-undefined']);
  });
});

test('POST /oauth/refresh fetches the token of the caller', async () => {
  const { door } = await ownDoor({ identify: byHeader });
  const refreshed = new Set<string | undefined>();
  door.manager.on('refresh', ({ server, identity }) => {
    if (server === 'own') refreshed.add(identity);
  });
  const request = { method: 'POST', path: '/oauth/refresh', body: { server_name: 'own' } };
  const { json } = await door.ask({ ...request, headers: { 'x-user': 'alice' } });
  expect(json.refreshed).toEqual(['own']);
  expect([...refreshed]).toEqual(['alice']);
});

test('claims reach what asks for tokens', async () => {
  const seen: Identity[] = [];
  door = await restDoor({
    identify: async ({ headers }) => ({ key: 'alice', claims: { token: headers.get('authorization') } }),
  });
  door.manager.addServer('own', {
    ...door.math.config,
    auth: {
      getToken: async ({ identity }) => {
        if (identity !== undefined) seen.push(identity);
        return { token: 'a-token' };
      },
    },
  });
  const headers = { authorization: 'Bearer of-alice' };
  expect((await door.ask({ method: 'GET', path: '/tools?server_name=own', headers })).status).toBe(200);
  expect(seen[0]).toEqual({ key: 'alice', claims: { token: 'Bearer of-alice' } });
});

test('callers see the state of their own', async () => {
  const { door } = await ownDoor({ identify: byHeader });
  await door.manager.client('own').callTool({ name: 'fail' }, { identity: 'alice' });
  const seenBy = async (path: string, user?: string) =>
    (await door.ask({ method: 'GET', path, headers: user === undefined ? {} : { 'x-user': user } })).json;
  expect(await seenBy('/servers/own', 'alice')).toMatchObject({ identity: 'alice', status: 'ready' });
  expect(await seenBy('/servers/own', 'bob')).toMatchObject({ identity: 'bob', status: 'idle' });
  const nobody = await seenBy('/servers/own');
  expect(nobody).toMatchObject({ status: 'ready', identities: 1 });
  expect(nobody).not.toHaveProperty('identity');
  const { servers } = await seenBy('/servers', 'alice');
  expect(servers.find(({ server }: { server: string }) => server === 'own').status).toBe('ready');
  expect((await seenBy('/servers/status', 'alice')).servers.own.status).toBe('ready');
  expect((await seenBy('/servers/status', 'bob')).servers.own.status).toBe('idle');
  expect(await seenBy('/servers/owm', 'alice')).toMatchObject({ code: 'UNKNOWN_SERVER', status: 404 });
});

test('who adds a server sees it as their own', async () => {
  door = await restDoor({ identify: byHeader });
  const body = { name: 'more', url: 'https://8.8.8.8/mcp' };
  const headers = { 'x-user': 'alice' };
  const { status, json } = await door.ask({ method: 'POST', path: '/servers', body, headers });
  expect([status, json.server.server]).toEqual([201, 'more']);
});

const SECRET = 'a-secret-of-the-caller';

describe.each<[string, number, string, Identify]>([
  ['a throw', 401, 'UNAUTHENTICATED', () => thrown()],
  ['a rejection', 401, 'UNAUTHENTICATED', async () => thrown()],
  ['no answer', 403, 'PERMISSION_DENIED', () => new Promise(() => {})],
  ['an empty key', 500, 'INTERNAL', () => ''],
  ['a long key', 500, 'INTERNAL', () => SECRET.repeat(50)],
  ['null', 500, 'INTERNAL', () => null as never],
  ['a number', 500, 'INTERNAL', async () => 7 as never],
  ['another member', 500, 'INTERNAL', () => ({ key: 'alice', [SECRET]: SECRET }) as never],
  ['claims that are none', 500, 'INTERNAL', () => ({ key: 'alice', claims: SECRET }) as never],
  [
    'a member that throws',
    500,
    'INTERNAL',
    () =>
      ({
        get key() {
          return thrown();
        },
      }) as never,
  ],
])('%s is %d', (_what, status, code, identify) => {
  test.each(guarded)('for $method $path, and nothing happens', async (request) => {
    door = await restDoor({ identify, authorizeTimeoutMs: 20 });
    const { manager, math } = door;
    const error = vi.fn();
    manager.on('error', error);
    const spies = [
      vi.spyOn(manager, 'addServer'),
      vi.spyOn(manager, 'removeServer'),
      vi.spyOn(manager, 'refreshTokens'),
      vi.spyOn(manager, 'snapshot'),
      vi.spyOn(manager, 'on'),
    ];
    const answer = await door.ask(request);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(answer.text).not.toContain(SECRET);
    expect(answer.text).not.toContain('alice');
    for (const spy of [...spies, error]) expect(spy).not.toHaveBeenCalled();
    expect(math.calls).toEqual([]);
  });
});

describe('identify', () => {
  test.each(guarded)('is asked once for $method $path, after authorize', async (request) => {
    const asked: string[] = [];
    door = await restDoor({
      authorize: () => asked.push('authorize') > 0,
      identify: () => {
        asked.push('identify');
        return 'alice';
      },
    });
    expect((await door.ask(request)).status).toBe(request.status ?? 200);
    expect(asked.filter((what) => what === 'identify')).toHaveLength(1);
    expect(asked.at(-1)).toBe('identify');
  });

  test.each(open)('is not asked for $path', async (request) => {
    const identify = vi.fn(byHeader);
    door = await restDoor({ identify });
    await door.ask(request);
    expect(identify).not.toHaveBeenCalled();
  });

  test.each(guarded)('is not asked for $method $path that is not allowed', async (request) => {
    const identify = vi.fn(byHeader);
    const { server_name: server } = (request.body ?? {}) as { server_name?: string };
    door = await restDoor({
      authorize: (_request, action) => action.server !== (server ?? action.server),
      identify,
    });
    expect((await door.ask(request)).status).toBe(403);
    expect(identify).not.toHaveBeenCalled();
  });

  test('is a function', () => {
    const make = (identify: unknown) =>
      createRestHandler(new McpManager(), { authorize: 'allow-all', identify: identify as Identify });
    expect(() => make('alice')).toThrow(
      expect.objectContaining({ path: 'identify', code: 'INVALID_CONFIG' }),
    );
    expect(() => make(undefined)).not.toThrow();
  });
});

test('a door needs a whole manager', () => {
  const fleet = new McpManager().as('alice');
  expect(() => createRestHandler(fleet as McpManager, { authorize: 'allow-all' })).toThrow(
    expect.objectContaining({ path: 'manager' }),
  );
});

describe('GET /events', () => {
  /** Whose calls a reader hears, until the server `end` comes. */
  async function heardBy(
    from: RestDoor,
    user: string | undefined,
    query = '',
  ): Promise<() => Promise<unknown[]>> {
    const headers: Record<string, string> = user === undefined ? {} : { 'x-user': user };
    const response = await from.handler(new Request(`http://localhost/events${query}`, { headers }));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    return async () => {
      let text = '';
      while (!text.includes('event: servers')) text += new TextDecoder().decode((await reader.read()).value);
      await reader.cancel();
      const frames = [...text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)];
      const told = frames.map(([, name, data = '']) => ({ name, data: JSON.parse(data) }));
      const owners = told.map(({ data }) => data.identity);
      const calls = told.filter(({ name, data }) => name === 'call' && data.method === 'tools/call');
      return [calls.map(({ data }) => data.identity), [...new Set(owners)].sort()];
    };
  }

  async function heard(from: RestDoor, user: string | undefined, query = ''): Promise<unknown[]> {
    const finish = await heardBy(from, user, query);
    const client = from.manager.client('own');
    for (const identity of ['alice', 'bob']) await client.callTool({ name: 'fail' }, { identity });
    await client.callTool({ name: 'fail' });
    await from.manager.removeServer('own');
    return finish();
  }

  test.each<[who: string | undefined, calls: unknown[], owners: unknown[]]>([
    ['alice', ['alice', undefined], ['alice', undefined]],
    ['bob', ['bob', undefined], ['bob', undefined]],
    ['carol', [undefined], [undefined]],
    [undefined, [undefined], [undefined]],
  ])('shows %s what is theirs and what is nobody’s', async (user, calls, owners) => {
    const { door } = await ownDoor({ identify: byHeader });
    expect(await heard(door, user)).toEqual([calls, owners]);
  });

  test('shows no more of one server', async () => {
    const { door } = await ownDoor({ identify: byHeader });
    const [calls] = await heard(door, 'alice', '?server_name=own');
    expect(calls).toEqual(['alice', undefined]);
  });

  test('shows all where nobody is asked who they are', async () => {
    const { door } = await ownDoor({});
    expect(await heard(door, 'alice')).toEqual([
      ['alice', 'bob', undefined],
      ['alice', 'bob', undefined],
    ]);
  });

  test('writes an event once for all that hear it', async () => {
    const { door } = await ownDoor({ identify: byHeader });
    const finish = [await heardBy(door, 'alice'), await heardBy(door, 'alice'), await heardBy(door, 'bob')];
    const written = vi.spyOn(TextEncoder.prototype, 'encode');
    door.manager.addServer('more', { url: 'https://more.example/mcp' });
    expect(written.mock.calls.filter(([text]) => text?.startsWith('event: servers'))).toHaveLength(1);
    written.mockRestore();
    for (const one of finish) await one();
  });
});

function thrown(): never {
  throw new Error(SECRET);
}
