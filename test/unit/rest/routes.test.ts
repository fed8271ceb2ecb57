import { UnknownServerError } from 'mcp-fleet';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EVERY_ROUTE, type RestDoor, restDoor } from '../../fixtures/rest-door.js';

let door: RestDoor;
beforeEach(async () => {
  door = await restDoor({
    allowedHosts: ['fleet.internal'],
    presets: { files: { command: 'no-such-command', args: ['a'] } },
  });
});
afterEach(() => door[Symbol.asyncDispose]());

const get = (path: string) => door.ask({ method: 'GET', path });
const post = (path: string, body: unknown) => door.ask({ method: 'POST', path, body });

test.each(EVERY_ROUTE)('$method $path answers as it is described', async (request) => {
  const { status, headers } = await door.ask(request);
  expect(status).toBe(request.status ?? 200);
  expect(headers.get('cache-control')).toMatch(/^no-store/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
});

describe('servers', () => {
  const url = 'http://fleet.internal/mcp';

  test('are listed, added, shown and removed', async () => {
    expect((await post('/servers', { name: 'new', url })).json).toEqual({
      message: 'Server new was added',
      server: {
        server: 'new',
        status: 'idle',
        transport: 'http',
        circuit: 'closed',
        in_flight: 0,
        queued: 0,
        since: expect.any(String),
      },
    });
    const listed = (await get('/servers')).json.servers.map((one: { server: string }) => one.server);
    expect(listed).toEqual(['math', 'gone', 'new']);
    expect((await get('/servers/new')).json).toMatchObject({ server: 'new', status: 'idle' });
    const removed = await door.ask({ method: 'DELETE', path: '/servers/new' });
    expect(removed.json).toEqual({ message: 'Server new was removed' });
    expect((await get('/servers/new')).status).toBe(404);
    expect((await door.ask({ method: 'DELETE', path: '/servers/new' })).status).toBe(404);
  });

  test('a name in use is a conflict', async () => {
    const { status, json } = await post('/servers', { name: 'math', url });
    expect([status, json.code, json.path]).toEqual([409, 'NAME_IN_USE', 'name']);
  });

  test('more than maxServers are not added', async () => {
    await using small = await restDoor({ allowedHosts: ['fleet.internal'], maxServers: 3 });
    const add = (name: string) => small.ask({ method: 'POST', path: '/servers', body: { name, url } });
    expect((await add('third')).status).toBe(201);
    const { status, json } = await add('fourth');
    expect([status, json.code]).toEqual([409, 'TOO_MANY_SERVERS']);
    await small.ask({ method: 'DELETE', path: '/servers/third' });
    expect((await add('fourth')).status).toBe(201);
  });

  test('every field goes where it belongs', async () => {
    const add = vi.spyOn(door.manager, 'addServer');
    await post('/servers', {
      name: 'full',
      url,
      type: 'sse',
      timeout: 2.5,
      headers: [{ key: 'X-Team', value: 'billing' }],
      oauth2_token_url: 'https://1.1.1.1/token',
      oauth2_client_id: 'client',
      oauth2_client_secret: 'secret',
      oauth2_scopes: 'read write',
    });
    const [name, config] = add.mock.calls[0] ?? [];
    expect(name).toBe('full');
    expect(config).toMatchObject({
      url,
      type: 'sse',
      callTimeoutMs: 2_500,
      headers: { 'X-Team': 'billing' },
    });
    expect(config).toHaveProperty('auth.getToken');
  });

  test('a preset is the way to a process', async () => {
    const add = vi.spyOn(door.manager, 'addServer');
    expect((await post('/servers', { name: 'local', preset: 'files' })).status).toBe(201);
    expect(add.mock.calls[0]).toEqual(['local', { command: 'no-such-command', args: ['a'] }]);
    for (const preset of ['file', '__proto__', 'constructor', 'toString']) {
      expect((await post('/servers', { name: 'other', preset })).json).toMatchObject({
        status: 400,
        path: 'preset',
      });
    }
  });

  test('their status can be probed', async () => {
    const before = (await get('/servers/status')).json;
    expect([before.status, before.servers.math.status]).toEqual(['idle', 'idle']);
    const after = (await get('/servers/status?probe=true')).json;
    expect(after.status).toBe('degraded');
    expect(after.servers.math).toMatchObject({ status: 'ready', server_info: { name: 'fake-server' } });
    expect(after.servers.gone.last_error.code).toBe('CONNECT_FAILED');
  });

  test.each<[fault: object, path: string, detail: RegExp]>([
    [{ url }, 'name', /not empty/],
    [{ name: 'x' }, 'url', /not empty/],
    [{ name: 'x', url: 7 }, 'url', /not empty/],
    [{ name: 'x', url: 'nowhere' }, 'url', /absolute URL/],
    [{ name: 'x', url: 'ftp://8.8.8.8/' }, 'url', /http:\/\/ or https:\/\//],
    [{ name: 'x', url: 'http://10.0.0.1/' }, 'url', /public address or an allowed host/],
    [{ name: 'x', url, type: 'stdio' }, 'type', /one of auto, http, sse, ws/],
    [{ name: 'x', url, timeout: 0 }, 'timeout', /seconds above 0/],
    [{ name: 'x', url, heders: {} }, 'heders', /did you mean headers\?/],
    [{ name: 'x', url, command: 'sh' }, 'command', /added by preset/],
    [{ name: 'x', preset: 'files', env: {} }, 'env', /added by preset/],
    [{ name: 'x', preset: 'files', args: ['b'] }, 'args', /added by preset/],
    [{ name: 'a__b', url }, 'name', /without __/],
    [{ name: 'x', url, headers: { a: 1 } }, 'headers.a', /string/],
    [
      {
        name: 'x',
        url,
        headers: [
          { key: 'a', value: 'b' },
          { key: 'A', value: 'c' },
        ],
      },
      'headers.1.key',
      /second time/,
    ],
    [{ name: 'x', url, headers: { 'Content-Length': '1' } }, 'headers.Content-Length', /set by the library/],
    [{ name: 'x', url, headers: { a: 'b\r\nc: d' } }, 'headers.a', /visible ASCII/],
    [{ name: 'x', url, oauth2_token: 'a b' }, 'oauth2_token', /./],
    [
      { name: 'x', url, oauth2_token: 'a', oauth2_client_id: 'b' },
      'oauth2_client_id',
      /together with oauth2_token/,
    ],
    [
      { name: 'x', url, oauth2_token: 'a', headers: { authorization: 'b' } },
      'headers.authorization',
      /both set it/,
    ],
    [{ name: 'x', url, oauth2_client_id: 'a' }, 'oauth2_client_secret', /is needed with oauth2_client_id/],
    [{ name: 'x', url, oauth2_client_id: 'a', oauth2_client_secret: 'b' }, 'oauth2_token_url', /missing/],
    [
      {
        name: 'x',
        url,
        oauth2_client_id: 'a',
        oauth2_client_secret: 'b',
        oauth2_token_url: 'http://8.8.8.8/',
      },
      'oauth2_token_url',
      /in the clear/,
    ],
  ])('%j is refused at %s', async (body, path, detail) => {
    const { status, json } = await post('/servers', body);
    expect(status).toBe(400);
    expect(json.path).toBe(path);
    expect(json.detail).toMatch(detail);
    expect(json.detail).toContain(path);
    expect(door.manager.clients.has('x')).toBe(false);
  });
});

describe('tools', () => {
  test('are listed by server; one that is sick hides no other', async () => {
    const { tools, errors } = (await get('/tools')).json;
    expect(Object.keys(tools)).toEqual(['math']);
    expect(tools.math.map((tool: { name: string }) => tool.name)).toEqual(['add', 'fail', 'wait', 'show']);
    expect(tools.math[0]).toHaveProperty('inputSchema.required', ['a', 'b']);
    expect(tools.math[0]).not.toHaveProperty('toolName');
    expect(errors.gone).toMatchObject({ status: 503, code: 'CONNECT_FAILED', server_name: 'gone' });
    expect((await get('/tools?server_name=math')).json.errors).toEqual({});
  });

  test('of an unknown server are not found', async () => {
    expect((await get('/tools?server_name=mat')).json).toMatchObject({
      status: 404,
      code: 'UNKNOWN_SERVER',
      detail: expect.stringContaining('math'),
    });
  });

  test('are called', async () => {
    const call = { server_name: 'math', tool_name: 'add', arguments: { a: 1, b: 2 } };
    expect((await post('/tools/call', call)).json).toEqual({
      success: true,
      data: { content: [{ type: 'text', text: '3' }] },
      server_name: 'math',
    });
  });

  test('that fail say so in the result', async () => {
    const { status, json } = await post('/tools/call', { server_name: 'math', tool_name: 'fail' });
    expect(status).toBe(200);
    expect(json).toMatchObject({ success: false, data: { isError: true }, server_name: 'math' });
  });

  test('are called side by side, with outcomes in order', async () => {
    const call = (tool_name: string, server_name = 'math') => ({ server_name, tool_name });
    const calls = [
      call('fail'),
      call('no-such-tool'),
      call('add', 'gone'),
      call('show'),
      call('x', 'nobody'),
    ];
    const { json } = await post('/tools/batch', { calls });
    const outcomes = json.results.map((one: { error?: { code: string } }) => one.error?.code ?? 'answered');
    expect(outcomes).toEqual(['answered', 'UNKNOWN_TOOL', 'CONNECT_FAILED', 'answered', 'UNKNOWN_SERVER']);
    expect(json.results.map((one: { success: boolean }) => one.success)).toEqual([
      false,
      false,
      false,
      true,
      false,
    ]);
    expect((await post('/tools/batch', { calls: [] })).json.path).toBe('calls');
    expect((await post('/tools/batch', { calls: Array(101).fill(call('add')) })).status).toBe(400);
    expect((await post('/tools/batch', { calls: [{ ...call('add'), argument: {} }] })).json).toMatchObject({
      path: 'calls.0.argument',
      detail: expect.stringContaining('did you mean arguments?'),
    });
  });

  test('an aborted request aborts its call', async () => {
    const client = new AbortController();
    const ended = door.manager.once('call');
    await door.manager.client('math').listTools();
    await ended;
    const call = { method: 'POST', path: '/tools/call', body: { server_name: 'math', tool_name: 'wait' } };
    const answer = door.ask({ ...call, signal: client.signal });
    const aborted = door.manager.once('call');
    await vi.waitFor(() => expect(door.math.calls).toHaveLength(1));
    client.abort();
    expect(await aborted).toMatchObject({ outcome: 'aborted', name: 'wait' });
    expect((await answer).status).toBe(499);
  });
});

describe('resources and prompts', () => {
  test('are listed, read and got', async () => {
    expect((await get('/resources?server_name=math')).json.resources.math).toMatchObject([
      { uri: 'memo://pi' },
    ]);
    expect((await get('/resources/templates?server_name=math')).json).toEqual({
      resource_templates: { math: [] },
      errors: {},
    });
    expect((await get('/prompts?server_name=math')).json.prompts.math).toMatchObject([{ name: 'explain' }]);
    const resource = { server_name: 'math', resource_uri: 'memo://pi' };
    expect((await post('/resources/read', resource)).json).toEqual({
      success: true,
      data: { contents: [{ uri: 'memo://pi', text: '3.14' }] },
      server_name: 'math',
    });
    const prompt = { server_name: 'math', prompt_name: 'explain' };
    expect((await post('/prompts/get', prompt)).json).toMatchObject({ success: true, server_name: 'math' });
  });

  test('that a server does not know are the fault of the caller', async () => {
    const resource = await post('/resources/read', { server_name: 'math', resource_uri: 'memo://e' });
    expect([400, 404]).toContain(resource.status);
    const prompt = await post('/prompts/get', { server_name: 'math', prompt_name: 'no' });
    expect([prompt.status, prompt.json.code, prompt.json.delivery]).toEqual([
      400,
      'REMOTE_ERROR',
      'answered',
    ]);
  });
});

test('tokens are refreshed, of all servers or of one', async () => {
  const all = { message: '1 token was refreshed', refreshed: ['math'], errors: {} };
  expect((await post('/oauth/refresh', {})).json).toEqual(all);
  expect((await door.ask({ method: 'POST', path: '/oauth/refresh' })).json).toEqual(all);
  expect((await post('/oauth/refresh', { server_name: 'gone' })).json.refreshed).toEqual([]);
  expect((await post('/oauth/refresh', { server_name: 'nobody' })).status).toBe(404);
});

describe('a list of which only a part could be read', () => {
  test.each([
    ['/tools', 'listTools', 'tools'],
    ['/resources', 'listResources', 'resources'],
    ['/resources/templates', 'listResourceTemplates', 'resourceTemplates'],
    ['/prompts', 'listPrompts', 'prompts'],
  ] as const)('says so: %s', async (path, list, key) => {
    const report = { [key]: [], failed: [], truncated: ['math'] };
    vi.spyOn(door.manager, list).mockResolvedValue(report as never);
    expect(await get(path)).toMatchObject({ status: 200, json: { truncated: ['math'] } });
  });
});

describe('health', () => {
  test('is fine while any server is of use, and tells nothing else', async () => {
    expect(await get('/health')).toMatchObject({ status: 200, json: { status: 'idle' } });
    await door.manager.connect();
    const { status, json, headers } = await get('/health');
    expect([status, json]).toEqual([200, { status: 'degraded' }]);
    expect(await get('/health?strict=false')).toMatchObject({ status: 200, json: { status: 'degraded' } });
    expect(await get('/health?strict=true')).toMatchObject({ status: 503, json: { status: 'degraded' } });
    expect(await get('/health?strict=yes')).toMatchObject({ status: 400, json: { path: 'strict' } });
    expect(headers.get('content-type')).toBe('application/json');
    await door.manager.close();
    expect(await get('/health')).toMatchObject({ status: 503, json: { status: 'closed' } });
  });

  test('is there for everybody', async () => {
    await using closed = await restDoor({ authorize: () => false });
    expect((await closed.ask({ method: 'GET', path: '/health' })).status).toBe(200);
  });
});

describe('paths', () => {
  test.each([
    ['/servers/m%61th', 200],
    ['/serv%65rs', 200],
    ['/servers/math/', 404],
    ['/servers/m%2561th', 404],
    ['/servers/..%2fservers', 404],
    ['/servers/%2e%2e/servers', 200],
    ['/servers/math%00', 404],
    ['/servers/%zz', 400],
    ['/servers/%ff', 400],
    ['/tools?server_name=%ff', 400],
    ['/tools?server_name=m%61th', 200],
    ['/tools?server_name=m%2561th', 404],
    ['/tools?server_name=math&server_name=gone', 400],
    ['/tools?server_name=', 400],
    ['/tools?servername=math', 400],
    ['/servers?x', 400],
    ['/health?x=1', 400],
    ['/docs/x', 404],
    ['//servers', 404],
    ['/Servers', 404],
    ['/servers/math/tools', 404],
    ['/__proto__', 404],
  ])('GET %s is %d', async (path, status) => expect((await get(path)).status).toBe(status));

  test.each([
    ['', '/', '/docs'],
    ['', '/docs/', '/docs'],
    ['/mcp', '/mcp', '/mcp/docs'],
    ['/mcp', '/mcp/', '/mcp/docs'],
    ['/mcp', '/mcp/docs/', '/mcp/docs'],
  ])('with the base path %j, %s leads to %s', async (basePath, path, to) => {
    await using mounted = await restDoor({ basePath, authorize: () => false });
    const { status, headers } = await mounted.handler(new Request(`http://localhost${path}`));
    expect([status, headers.get('location')]).toEqual([302, to]);
    expect((await mounted.handler(new Request(`http://localhost${to}`))).status).toBe(200);
  });

  test('a base path is taken off where it is there', async () => {
    await using mounted = await restDoor({ basePath: '/api/mcp' });
    const statusOf = async (path: string) =>
      (await mounted.handler(new Request(`http://localhost${path}`))).status;
    expect(await statusOf('/api/mcp/servers')).toBe(200);
    expect(await statusOf('/servers')).toBe(200);
    expect(await statusOf('/api/mcpx/servers')).toBe(404);
    expect(await statusOf('/api/servers')).toBe(404);
    expect(await statusOf('/api/mcp/api/mcp/servers')).toBe(404);
  });
});

describe('methods', () => {
  test.each([
    ['PUT', '/servers', 'GET, POST, HEAD, OPTIONS'],
    ['DELETE', '/servers', 'GET, POST, HEAD, OPTIONS'],
    ['PATCH', '/servers/math', 'GET, DELETE, HEAD, OPTIONS'],
    ['GET', '/tools/call', 'POST, OPTIONS'],
    ['HEAD', '/tools/call', 'POST, OPTIONS'],
    ['POST', '/health', 'GET, HEAD, OPTIONS'],
    ['PROPFIND', '/events', 'GET, HEAD, OPTIONS'],
  ])('%s %s is 405 and allows %s', async (method, path, allow) => {
    const { status, headers } = await door.ask({ method, path });
    expect([status, headers.get('allow')]).toEqual([405, allow]);
  });

  test('HEAD is GET without a body, for a stream too', async () => {
    for (const path of ['/servers', '/events', '/docs']) {
      const response = await door.handler(new Request(`http://localhost${path}`, { method: 'HEAD' }));
      expect([response.status, response.body]).toEqual([200, null]);
    }
  });

  test('OPTIONS says what is allowed', async () => {
    const { status, headers } = await door.ask({ method: 'OPTIONS', path: '/servers' });
    expect([status, headers.get('allow')]).toEqual([204, 'GET, POST, HEAD, OPTIONS']);
  });
});

test('a manager that is closed is unavailable', async () => {
  await door.manager.close();
  const { status, json, headers } = await get('/tools');
  expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'CLOSED', '1']);
});

test('what nobody expected is told without a word of it', async () => {
  vi.spyOn(door.manager, 'snapshot').mockImplementation(() => {
    throw new Error('a-secret in a message');
  });
  const { status, text } = await get('/servers');
  expect(status).toBe(500);
  expect(text).not.toContain('a-secret');
  expect(() => door.manager.client('x')).toThrow(UnknownServerError);
});
