import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RestDoor, restDoor } from '../../fixtures/rest-door.js';

const APP = 'https://app.example.com';

let door: RestDoor;
beforeEach(async () => {
  door = await restDoor({ allowedOrigins: [APP] });
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
  test.each(['http://localhost', 'http://127.0.0.1:8000', 'https://fleet.example.com'])(
    'may call at %s',
    async (at) => {
      const headers = { 'content-type': 'application/json' };
      expect((await send(`${at}/tools/call`, 'POST', headers, call)).status).toBe(200);
      expect((await send(`${at}/servers`, 'GET', {})).status).toBe(200);
    },
  );
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
