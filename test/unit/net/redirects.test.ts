import { describe, expect, test, vi } from 'vitest';
import type { HttpFetch, HttpRequest, HttpResponse } from '../../../src/net/http.js';
import { publicUrl, sameOriginRedirects } from '../../../src/net/redirects.js';
import { type HttpStub, httpClient, httpServer, type Stub, tcpServer } from './servers.js';

const CHANGING_THE_METHOD = [301, 302, 303];
const KEEPING_THE_METHOD = [307, 308];
const CANARY = 'Bearer canary';

const post: HttpRequest = {
  method: 'POST',
  headers: { authorization: CANARY, 'content-type': 'application/json' },
  body: '{"n":1}',
};
const get: HttpRequest = { headers: { authorization: CANARY } };

/** A server that answers `/from` with a redirect, and everything else with 200. */
async function redirecting(status: number, location: string | undefined): Promise<HttpStub> {
  return httpServer((request, response) => {
    if (!request.url?.startsWith('/from')) return response.end(`arrived at ${request.url}`);
    return response.writeHead(status, location === undefined ? {} : { location }).end('moved');
  });
}

/** A place that must never hear of a request. */
function sink(): Promise<Stub> {
  return tcpServer((socket) => socket.destroy());
}

function following(fetch: HttpFetch = httpClient().fetch): HttpFetch {
  return sameOriginRedirects(fetch);
}

async function refusal(answer: Promise<HttpResponse>): Promise<Error> {
  const error: unknown = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({
    name: 'ConnectionError',
    code: 'HTTP_ERROR',
    delivery: 'unknown',
    retryable: false,
  });
  return error as Error;
}

describe.each([...CHANGING_THE_METHOD, ...KEEPING_THE_METHOD])('HTTP %i', (status) => {
  test('within the origin is followed for GET, with its headers', async () => {
    const server = await redirecting(status, '/to?x=1');
    const response = await following()(`${server.origin}/from`, get);
    expect(await response.text()).toBe('arrived at /to?x=1');
    expect(response.url).toBe(`${server.origin}/to?x=1`);
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /from',
      'GET /to?x=1',
    ]);
    expect(server.requests[1]?.headers.authorization).toBe(CANARY);
  });

  describe.each([
    ['GET', get],
    ['POST', post],
  ])('to another origin is not followed for %s', (_method, request) => {
    test.each<[string, (other: Stub) => string]>([
      ['another port', (other) => `${other.origin}/to?key=secret`],
      ['another host', (other) => `http://localhost:${other.port}/to?key=secret`],
      ['another scheme', (other) => `https://127.0.0.1:${other.port}/to?key=secret`],
      ['no scheme', (other) => `//127.0.0.1:${other.port}/to?key=secret`],
      ['userinfo', (other) => `http://user:secret@127.0.0.1:${other.port}/to`],
      ['backslashes', (other) => `\\\\127.0.0.1:${other.port}\\to`],
      ['tabs and line ends', (other) => `ht\ttp://127.0.0.1:${other.port}/to`],
    ])('named with %s', async (_how, locationAt) => {
      const elsewhere = await sink();
      const server = await redirecting(status, locationAt(elsewhere));
      const error = await refusal(following()(`${server.origin}/from`, request));
      expect(error).toMatchObject({ httpStatus: status });
      expect(error.message).toContain(`is another origin than ${server.origin}`);
      expect(error.message).not.toContain('secret');
      expect(elsewhere.connections).toBe(0);
      expect(server.requests).toHaveLength(1);
    });
  });

  test.each([
    ['another scheme on the same port', (server: Stub) => `https://${server.host}/to`],
    ['userinfo on the same origin', (server: Stub) => `http://user:secret@${server.host}/to`],
    ['a user alone', (server: Stub) => `http://user@${server.host}/to`],
    ['a password alone', (server: Stub) => `http://:secret@${server.host}/to`],
    ['a script', () => 'javascript:alert(1)'],
    ['a file', () => 'file:///etc/passwd'],
    ['data', () => 'data:text/plain,x'],
  ])('to %s is not followed', async (_what, locationAt) => {
    let location = '';
    const server = await httpServer((_request, response) => response.writeHead(status, { location }).end());
    location = locationAt(server);
    const error = await refusal(following()(`${server.origin}/from`, get));
    expect(error.message).not.toContain('secret');
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ['no Location', undefined],
    ['a Location that is no URL', 'http://:::/'],
    ['an empty port of nonsense', 'http://a:b'],
  ])('with %s is not followed', async (_what, location) => {
    const server = await redirecting(status, location);
    const error = await refusal(following()(`${server.origin}/from`, get));
    expect(error.message).toBe(`Redirect (HTTP ${status}) not followed: no usable Location`);
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ['GET', get],
    ['POST', post],
  ])(
    "is not followed for %s with redirect: 'manual', but named without its query",
    async (_method, request) => {
      const server = await redirecting(status, '/to?key=secret#part');
      const error = await refusal(following()(`${server.origin}/from`, { ...request, redirect: 'manual' }));
      expect(error.message).toBe(
        `Redirect (HTTP ${status}) not followed: ${server.origin}/to; use that URL in the configuration`,
      );
      expect(server.requests).toHaveLength(1);
    },
  );
});

test.each(KEEPING_THE_METHOD)(
  'HTTP %i within the origin is followed for POST, with headers and body',
  async (status) => {
    const server = await redirecting(status, '/to');
    const response = await following()(`${server.origin}/from`, post);
    expect(await response.text()).toBe('arrived at /to');
    expect(server.requests[1]).toMatchObject({
      method: 'POST',
      url: '/to',
      body: '{"n":1}',
      headers: { authorization: CANARY, 'content-type': 'application/json' },
    });
  },
);

test.each(CHANGING_THE_METHOD)('HTTP %i within the origin is not followed for POST', async (status) => {
  const server = await redirecting(status, '/to');
  const error = await refusal(following()(`${server.origin}/from`, post));
  expect(error).toMatchObject({
    httpStatus: status,
    message: `Redirect (HTTP ${status}) not followed: it would turn a POST into a GET`,
  });
  expect(server.requests).toHaveLength(1);
});

describe('redirects in a row', () => {
  test('are followed five times', async () => {
    const server = await httpServer((request, response) => {
      const n = Number(request.url?.slice(1));
      if (n === 5) return response.end('arrived');
      return response.writeHead(307, { location: `/${n + 1}` }).end();
    });
    const response = await following()(`${server.origin}/0`, post);
    expect(await response.text()).toBe('arrived');
    expect(server.requests.map(({ url }) => url)).toEqual(['/0', '/1', '/2', '/3', '/4', '/5']);
  });

  test('are not followed for ever', async () => {
    const server = await redirecting(307, '/from');
    const error = await refusal(following()(`${server.origin}/from`, get));
    expect(error.message).toBe('Redirect (HTTP 307) not followed: more than 5 in a row');
    expect(server.requests).toHaveLength(6);
  });

  test('are taken relative to where they come from', async () => {
    const server = await httpServer((request, response) => {
      if (request.url === '/a/b/from') return response.writeHead(308, { location: '../c/next' }).end();
      if (request.url === '/a/c/next') return response.writeHead(308, { location: './to' }).end();
      return response.end();
    });
    await following()(`${server.origin}/a/b/from`, get);
    expect(server.requests.map(({ url }) => url)).toEqual(['/a/b/from', '/a/c/next', '/a/c/to']);
  });

  test('that leave the origin at the second step are not followed there', async () => {
    const elsewhere = await sink();
    const server = await httpServer((request, response) => {
      const location = request.url === '/from' ? '/next' : `${elsewhere.origin}/to`;
      response.writeHead(307, { location }).end();
    });
    await refusal(following()(`${server.origin}/from`, post));
    expect(elsewhere.connections).toBe(0);
    expect(server.requests).toHaveLength(2);
  });
});

describe('what is no redirect', () => {
  test.each([200, 204, 300, 304, 305, 306, 400, 500])(
    'HTTP %i comes as it is, with a Location too',
    async (status) => {
      const server = await httpServer((_request, response) =>
        response.writeHead(status, { location: '/to' }).end(),
      );
      const response = await following()(server.origin, get);
      expect(response.status).toBe(status);
      expect(server.requests).toHaveLength(1);
    },
  );

  test('a failure of the fetch comes as it is', async () => {
    const failure = new Error('failed');
    await expect(following(() => Promise.reject(failure))('http://127.0.0.1/', get)).rejects.toBe(failure);
  });
});

describe('the fetch below', () => {
  test('is told to follow nothing, and gets everything else as it was given', async () => {
    const fetch = vi.fn<HttpFetch>(async () => new Response('x'));
    const { signal } = new AbortController();
    const sent = () => {};
    await following(fetch)('http://127.0.0.1/mcp', { ...post, signal, sent, redirect: 'follow' });
    await following(fetch)(new URL('http://127.0.0.1/mcp'));
    expect(fetch.mock.calls).toEqual([
      [new URL('http://127.0.0.1/mcp'), { ...post, signal, sent, redirect: 'manual' }],
      [new URL('http://127.0.0.1/mcp'), { redirect: 'manual' }],
    ]);
  });

  test('has its redirects given up, so that their connections are freed', async () => {
    const cancelled = vi.fn();
    const moved = () =>
      new Response(new ReadableStream({ cancel: cancelled }), { status: 307, headers: { location: '/to' } });
    const fetch = vi.fn<HttpFetch>(async () => new Response('x')).mockResolvedValueOnce(moved());
    await following(fetch)('http://127.0.0.1/from', get);
    expect(cancelled).toHaveBeenCalledOnce();
    fetch.mockResolvedValueOnce(moved());
    await refusal(following(fetch)('http://127.0.0.1/from', { ...get, redirect: 'manual' }));
    expect(cancelled).toHaveBeenCalledTimes(2);
  });

  test('is asked with the same signal at every step', async () => {
    const controller = new AbortController();
    const reason = { why: 'enough' };
    const server = await httpServer((request, response) => {
      if (request.url === '/from') response.writeHead(307, { location: '/hangs' }).end();
      else controller.abort(reason);
    });
    await expect(following()(`${server.origin}/from`, { ...get, signal: controller.signal })).rejects.toBe(
      reason,
    );
  });
});

test('publicUrl shows neither userinfo nor query nor fragment', () => {
  expect(publicUrl(new URL('https://user:secret@example.com:8443/a/b?key=secret#secret'))).toBe(
    'https://example.com:8443/a/b',
  );
});
