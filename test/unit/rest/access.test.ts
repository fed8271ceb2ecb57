import { ConfigError, McpManager } from 'mcp-fleet';
import { createRestHandler, type RestAction, type RestHandlerOptions } from 'mcp-fleet/rest';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { EVERY_ROUTE, type RestDoor, type RestRequest, restDoor } from '../../fixtures/rest-door.js';

let door: RestDoor | undefined;
afterEach(() => door?.[Symbol.asyncDispose]());

const guarded = EVERY_ROUTE.filter(({ path }) => path !== '/health' && path !== '/docs');
const hang = () => new Promise<boolean>(() => {});

describe('options', () => {
  const manager = new McpManager();
  const make = (options: unknown, given: unknown = manager) =>
    createRestHandler(given as McpManager, options as RestHandlerOptions);

  test.each([
    ['authorize', {}],
    ['authorize', { authorize: true }],
    ['authorize', { authorize: 'allow' }],
    ['authorise', { authorize: 'allow-all', authorise: () => true }],
    ['basePath', { authorize: 'allow-all', basePath: 'mcp' }],
    ['basePath', { authorize: 'allow-all', basePath: '/mcp/' }],
    ['maxBodyBytes', { authorize: 'allow-all', maxBodyBytes: 0 }],
    ['maxServers', { authorize: 'allow-all', maxServers: 0 }],
    ['bodyTimeoutMs', { authorize: 'allow-all', bodyTimeoutMs: -1 }],
    ['hosts.0', { authorize: 'allow-all', hosts: ['https://a.example'] }],
    ['allowedHosts.0', { authorize: 'allow-all', allowedHosts: ['http://a.example'] }],
    ['allowedOrigins.0', { authorize: 'allow-all', allowedOrigins: ['https://a.example/'] }],
    ['allowedOrigins.0', { authorize: 'allow-all', allowedOrigins: ['*'] }],
    ['presets.files.comand', { authorize: 'allow-all', presets: { files: { comand: 'x' } } }],
  ])('%s is wrong in %j', (path, options) => {
    expect(() => make(options)).toThrow(expect.objectContaining({ path, code: 'INVALID_CONFIG' }));
  });

  test('are needed, and a manager too', () => {
    expect(() => make(undefined)).toThrow(ConfigError);
    expect(() => make({ authorize: 'allow-all' }, {})).toThrow(expect.objectContaining({ path: 'manager' }));
  });
});

describe.each<[verdict: string, status: number, authorize: RestHandlerOptions['authorize']]>([
  ['false', 403, () => false],
  ['a promise of false', 403, async () => false],
  ['something that is not true', 403, () => 'yes' as unknown as boolean],
  ['a throw', 401, () => thrown()],
  ['a rejection', 401, async () => thrown()],
  ['no answer', 403, hang],
])('%s is %d', (_verdict, status, authorize) => {
  test.each(guarded)('for $method $path, and nothing happens', async (request) => {
    door = await restDoor({ authorize, authorizeTimeoutMs: 20 });
    const spies = [
      vi.spyOn(door.manager, 'addServer'),
      vi.spyOn(door.manager, 'removeServer'),
      vi.spyOn(door.manager, 'refreshTokens'),
      vi.spyOn(door.manager, 'snapshot'),
      vi.spyOn(door.manager, 'on'),
    ];
    const answer = await door.ask(request);
    expect(answer.status).toBe(status);
    expect(answer.json.code).toBe(status === 401 ? 'UNAUTHENTICATED' : 'PERMISSION_DENIED');
    expect(answer.text).not.toContain('why');
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    expect(door.math.calls).toEqual([]);
    expect(door.manager.client('math').status).toBe('idle');
  });
});

test.each(guarded)('true lets $method $path in', async (request) => {
  door = await restDoor({ authorize: async () => true });
  expect((await door.ask(request)).status).toBe(request.status ?? 200);
});

describe('the names of other servers', () => {
  const onlyGone: RestHandlerOptions['authorize'] = (_request, { server }) => server === 'gone';

  test.each([
    ['GET', '/servers/gone', undefined],
    ['GET', '/tools?server_name=gone', undefined],
    ['GET', '/events?server_name=gone', undefined],
    ['DELETE', '/servers/gone', undefined],
  ])('are not the hint of %s %s for who may not read them', async (method, path, body) => {
    door = await restDoor({ authorize: onlyGone });
    await door.manager.removeServer('gone');
    const { status, json } = await door.ask({ method, path, body });
    expect([status, json.detail]).toEqual([404, 'No server "gone"']);
  });

  test('are one for who may', async () => {
    door = await restDoor({ authorize: () => true });
    const { json } = await door.ask({ method: 'GET', path: '/servers/mat' });
    expect(json.detail).toContain('nearest: math');
  });

  test('are none of the results of a batch', async () => {
    door = await restDoor({ authorize: (_request, { server }) => server === undefined || server === 'mat' });
    const calls = [{ server_name: 'mat', tool_name: 'add' }];
    const { json } = await door.ask({ method: 'POST', path: '/tools/batch', body: { calls } });
    expect(json.results).toMatchObject([{ success: false, error: { detail: 'No server "mat"' } }]);
  });
});

describe('what authorize is told', () => {
  async function toldOf(request: RestRequest): Promise<RestAction[]> {
    const actions: RestAction[] = [];
    door = await restDoor({
      authorize: (_request, action) => {
        actions.push(action);
        return true;
      },
    });
    await door.ask(request);
    return actions;
  }
  const pick = (method: string, path: string) =>
    EVERY_ROUTE.find((one) => one.method === method && one.path === path) as RestRequest;

  test.each<[RestRequest, RestAction[]]>([
    [pick('GET', '/servers'), [{ kind: 'read' }]],
    [pick('GET', '/tools?server_name=math'), [{ kind: 'read', server: 'math' }]],
    [pick('GET', '/servers/math'), [{ kind: 'read', server: 'math' }]],
    [pick('DELETE', '/servers/math'), [{ kind: 'admin', server: 'math' }]],
    [pick('POST', '/servers'), [{ kind: 'admin' }, { kind: 'admin', server: 'more' }]],
    [pick('POST', '/tools/call'), [{ kind: 'call' }, { kind: 'call', server: 'math', tool: 'add' }]],
    [pick('POST', '/resources/read'), [{ kind: 'call' }, { kind: 'call', server: 'math' }]],
    [pick('POST', '/prompts/get'), [{ kind: 'call' }, { kind: 'call', server: 'math' }]],
    [pick('POST', '/oauth/refresh'), [{ kind: 'admin' }]],
    [pick('GET', '/events'), [{ kind: 'read' }]],
    [pick('GET', '/health'), []],
    [pick('GET', '/docs'), []],
  ])('%j', async (request, actions) => expect(await toldOf(request)).toEqual(actions));

  test('of a batch each tool once, and one that is not allowed keeps all from running', async () => {
    const call = (tool_name: string, args = {}) => ({ server_name: 'math', tool_name, arguments: args });
    const calls = [call('add', { a: 1, b: 2 }), call('fail'), call('fail')];
    const batch = { method: 'POST', path: '/tools/batch', body: { calls } };
    expect(await toldOf(batch)).toEqual([
      { kind: 'call' },
      { kind: 'call', server: 'math', tool: 'add' },
      { kind: 'call', server: 'math', tool: 'fail' },
    ]);
    door = await restDoor({ authorize: (_request, { tool }) => tool !== 'fail' });
    expect((await door.ask(batch)).status).toBe(403);
    expect(door.math.calls).toEqual([]);
  });
});

test('authorize runs before the body is read', async () => {
  let read = false;
  const body = new ReadableStream(
    {
      pull(stream) {
        read = true;
        stream.close();
      },
    },
    { highWaterMark: 0 },
  );
  door = await restDoor({ authorize: () => false });
  const headers = { 'content-type': 'application/json' };
  const request = new Request('http://localhost/tools/call', {
    method: 'POST',
    headers,
    body,
    duplex: 'half',
  });
  expect((await door.handler(request)).status).toBe(403);
  expect(read).toBe(false);
});

test('authorize may read the body of a clone', async () => {
  const seen: string[] = [];
  door = await restDoor({
    authorize: async (request) => {
      if (!request.bodyUsed)
        seen.push(
          await request
            .clone()
            .text()
            .catch(() => ''),
        );
      return true;
    },
  });
  const { status } = await door.ask({
    method: 'POST',
    path: '/oauth/refresh',
    body: { server_name: 'math' },
  });
  expect([status, seen[0]]).toEqual([200, '{"server_name":"math"}']);
});

test("nothing of the caller's headers goes on to an MCP server", async () => {
  const forwarded: string[] = [];
  door = await restDoor();
  const { math, manager } = door;
  const { fetch } = math.config;
  manager.addServer('watched', {
    url: math.config.url,
    fetch: (url, init) => {
      forwarded.push(JSON.stringify([...new Headers(init?.headers)]));
      return fetch(url, init);
    },
  });
  const headers = {
    authorization: 'Bearer the-callers',
    cookie: 'session=the-callers',
    'x-caller': 'the-callers',
  };
  const body = { server_name: 'watched', tool_name: 'fail' };
  expect((await door.ask({ method: 'POST', path: '/tools/call', body, headers })).status).toBe(200);
  expect(forwarded.length).toBeGreaterThan(1);
  expect(forwarded.join()).not.toContain('the-callers');
});

function thrown(): never {
  throw new Error('why: a-secret');
}
