import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EVERY_ROUTE, type RestDoor, restDoor } from '../../fixtures/rest-door.js';

const APP = 'https://app.example.com';

let door: RestDoor;
beforeEach(async () => {
  door = await restDoor({ allowedOrigins: [APP], hosts: ['fleet.example.com'] });
});
afterEach(() => door[Symbol.asyncDispose]());

const call = JSON.stringify({ server_name: 'math', tool_name: 'fail' });

async function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: string,
): Promise<Response> {
  const request = new Request(url, { method, headers, ...(body !== undefined && { body }) });
  return door.handler(request);
}

describe('a program', () => {
  const program = async (door: RestDoor, at: string) => {
    const headers = { 'content-type': 'application/json' };
    const post = new Request(`${at}/tools/call`, { method: 'POST', headers, body: call });
    const answers = [await door.handler(post), await door.handler(new Request(`${at}/servers`))];
    return answers.map(({ status }) => status);
  };

  test.each(['http://localhost', 'http://127.0.0.1:8000', 'http://10.1.2.3', 'https://app.example.com'])(
    'may call at %s',
    async (at) => expect(await program(door, at)).toEqual([200, 200]),
  );

  test('may call at any name where authorize asks who it is', async () => {
    await using asking = await restDoor({ authorize: () => true });
    expect(await program(asking, 'https://fleet.example.com')).toEqual([200, 200]);
  });

  test('may call at names that are listed, and then at no others', async () => {
    for (const authorize of ['allow-all', () => true] as const) {
      await using listed = await restDoor({ authorize, hosts: ['fleet:8000', '*.example.com'] });
      for (const at of ['http://fleet:8000', 'https://fleet.example.com', 'http://[::1]:8000'])
        expect(await program(listed, at)).toEqual([200, 200]);
      for (const at of ['http://fleet', 'https://example.com', 'http://evil.example'])
        expect(await program(listed, at)).toEqual([403, 403]);
    }
  });
});

/** What a browser sends for a page whose name was made to lead here: neither Origin nor Sec-Fetch-Site. */
describe('a rebound page', () => {
  const NAMES = [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost.',
    'localhosts',
    'app.example.com.evil.example',
  ];

  test.each(NAMES)('at %s reads nothing of a door that asks nobody who he is', async (name) => {
    for (const { method, path, body } of EVERY_ROUTE) {
      const init = body === undefined ? {} : { body: JSON.stringify(body) };
      const response = await send(`http://${name}:8000${path}`, method, {}, init.body);
      expect([path, response.status]).toEqual([path, 403]);
      expect(await response.json()).toMatchObject({ code: 'HOST_NOT_ALLOWED' });
    }
    expect((await send(`http://${name}:8000/`, 'GET', {})).status).toBe(403);
    expect(door.math.calls).toEqual([]);
  });
});

describe('a page', () => {
  test.each<[origin: string, at: string, status: number]>([
    [APP, 'https://fleet.example.com', 200],
    [APP, 'http://localhost:8000', 200],
    ['http://localhost:8000', 'http://localhost:8000', 200],
    ['https://localhost:8000', 'http://localhost:8000', 200],
    ['http://127.0.0.1:8000', 'http://127.0.0.1:8000', 200],
    ['http://[::1]:8000', 'http://[::1]:8000', 200],
    ['https://evil.example', 'https://fleet.example.com', 403],
    ['https://evil.example', 'http://localhost:8000', 403],
    ['http://localhost:9000', 'http://localhost:8000', 403],
    ['http://localhost', 'http://127.0.0.1', 403],
    ['http://evil.example:8000', 'http://evil.example:8000', 403], // DNS rebinding
    ['http://app.example.com', 'https://fleet.example.com', 403],
    ['https://app.example.com.evil.example', 'https://fleet.example.com', 403],
    ['https://app.example.com:444', 'https://fleet.example.com', 403],
    ['null', 'http://localhost:8000', 403],
    ['file://', 'http://localhost:8000', 403],
    ['', 'http://localhost:8000', 403],
  ])('from %j may call at %s: %d', async (origin, at, status) => {
    const headers = { origin, 'content-type': 'application/json' };
    const response = await send(`${at}/tools/call`, 'POST', headers, call);
    expect(response.status).toBe(status);
    expect(door.math.calls).toHaveLength(status === 200 ? 1 : 0);
    expect((await send(`${at}/servers`, 'GET', { origin })).status).toBe(status);
    expect((await send(`${at}/servers`, 'OPTIONS', { origin })).status).toBe(status === 200 ? 204 : 403);
  });

  test.each<[site: string, mode: string, at: string, status: number]>([
    ['same-origin', 'cors', 'http://localhost:8000', 200],
    ['same-origin', 'cors', 'https://app.example.com', 200],
    ['none', 'navigate', 'http://127.0.0.1:8000', 200],
    ['cross-site', 'navigate', 'http://localhost:8000', 200],
    ['cross-site', 'no-cors', 'http://localhost:8000', 403],
    ['same-site', 'no-cors', 'http://localhost:8000', 403],
    ['same-origin', 'cors', 'http://evil.example:8000', 403], // DNS rebinding
    ['none', 'navigate', 'http://evil.example:8000', 403],
  ])('without Origin, Sec-Fetch-Site %s and mode %s may read at %s: %d', async (site, mode, at, status) => {
    const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode };
    expect((await send(`${at}/servers`, 'GET', headers)).status).toBe(status);
  });
});

describe('a form', () => {
  test.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain'])(
    'of type %s changes nothing',
    async (type) => {
      for (const path of ['/tools/call', '/servers', '/oauth/refresh', '/tools/batch', '/prompts/get']) {
        const response = await send(`http://localhost${path}`, 'POST', { 'content-type': type }, call);
        expect(response.status).toBe(415);
      }
      expect(door.math.calls).toEqual([]);
    },
  );
});

describe('CORS', () => {
  test('headers are for the origins of the list', async () => {
    const { headers } = await send('http://localhost/servers', 'GET', { origin: APP });
    expect(headers.get('access-control-allow-origin')).toBe(APP);
    expect(headers.get('vary')).toBe('Origin');
    expect(headers.has('access-control-allow-credentials')).toBe(false);
  });

  test('errors can be read by them too', async () => {
    const { headers, status } = await send('http://localhost/nowhere', 'GET', { origin: APP });
    expect([status, headers.get('access-control-allow-origin')]).toEqual([404, APP]);
  });

  test('a preflight is answered without asking who it is', async () => {
    await using closed = await restDoor({ allowedOrigins: [APP], authorize: () => false });
    const headers = { origin: APP, 'access-control-request-method': 'POST' };
    const request = new Request('http://localhost/tools/call', { method: 'OPTIONS', headers });
    const response = await closed.handler(request);
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-methods')).toBe('POST, OPTIONS');
    expect(response.headers.get('access-control-allow-headers')).toBe('Authorization, Content-Type');
  });

  test('is off by default', async () => {
    await using plain = await restDoor();
    const request = new Request('http://localhost/servers', { headers: { origin: 'http://localhost' } });
    const { headers } = await plain.handler(request);
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});
