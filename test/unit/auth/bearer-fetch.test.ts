import { describe, expect, test, vi } from 'vitest';
import { withBearer } from '../../../src/auth/bearer-fetch.js';
import type { HttpRequest } from '../../../src/net/http.js';
import { numberedTokens, SERVER_URL, sourceOf } from './contexts.js';

const HOUR = 3_600_000;

describe('requests to the origin', () => {
  test('carry the token, and keep what else they have', async () => {
    const { fetch, sent } = bearerFetch(() => new Response('ok'));
    const signal = new AbortController().signal;
    const response = await fetch(SERVER_URL, {
      method: 'POST',
      headers: { accept: 'text/html' },
      body: '{}',
      signal,
    });
    expect(await response.text()).toBe('ok');
    expect(sent).toEqual([
      {
        method: 'POST',
        headers: { accept: 'text/html', authorization: 'Bearer token-1' },
        body: '{}',
        signal,
      },
    ]);
  });

  test('carry no second authorization', async () => {
    const { fetch, sent } = bearerFetch(() => new Response());
    await fetch(SERVER_URL, { headers: { Authorization: 'Basic x' } });
    expect(sent[0]?.headers).toEqual({ authorization: 'Bearer token-1' });
  });

  test('go out as they are when there is no token', async () => {
    const { fetch, sent } = bearerFetch(
      () => new Response(),
      () => undefined,
    );
    await fetch(SERVER_URL, { headers: { Authorization: 'Basic x' } });
    expect(sent).toEqual([{ headers: { Authorization: 'Basic x' } }]);
  });

  test('do not go out when no token can be had', async () => {
    const { fetch, sent } = bearerFetch(
      () => new Response(),
      () => {
        throw new Error('away');
      },
    );
    await expect(fetch(SERVER_URL)).rejects.toMatchObject({ code: 'TOKEN_FAILED', delivery: 'not-sent' });
    expect(sent).toEqual([]);
  });
});

test.each([
  'http://mcp.example.com/mcp',
  'https://mcp.example.com:8443/mcp',
  'https://evil.example.com/mcp',
  'https://mcp.example.com.evil.com/mcp',
  'https://mcp.example.com@evil.com/mcp',
])('a request to %s carries no token, whatever it answers', async (url) => {
  const { fetch, sent, questions } = bearerFetch(() => new Response(null, { status: 401 }));
  expect((await fetch(url)).status).toBe(401);
  expect(sent).toEqual([{}]);
  expect(questions).toHaveLength(0);
});

describe('a 401', () => {
  test('is answered with one request with a new token', async () => {
    const first = new Response('no', {
      status: 401,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    });
    const { fetch, sent, questions } = bearerFetch((count) => (count === 1 ? first : new Response('ok')));
    expect(await (await fetch(SERVER_URL, { method: 'POST', body: '{}' })).text()).toBe('ok');
    expect(sent.map(({ headers, body }) => [headers?.authorization, body])).toEqual([
      ['Bearer token-1', '{}'],
      ['Bearer token-2', '{}'],
    ]);
    expect(questions[1]).toMatchObject({ reason: 'rejected', challenge: { error: 'invalid_token' } });
    await expect(first.text()).rejects.toThrow();
  });

  test('to the new token, too, is final', async () => {
    const { fetch, sent } = bearerFetch((count) => new Response(`no ${count}`, { status: 401 }));
    const response = await fetch(SERVER_URL);
    expect(response.status).toBe(401);
    expect(await response.text()).toBe('no 2');
    expect(sent).toHaveLength(2);
  });

  test('is final when there is no other token', async () => {
    const { fetch, sent } = bearerFetch(
      () => new Response('no', { status: 401 }),
      () => 'same',
    );
    expect(await (await fetch(SERVER_URL)).text()).toBe('no');
    expect(sent).toHaveLength(1);
  });

  test('gives way to the reason why no new token can be had', async () => {
    const response = new Response('no', { status: 401 });
    const { fetch } = bearerFetch(
      () => response,
      (context, count) => {
        if (count > 1) throw new Error('away');
        return numberedTokens(HOUR)(context, count);
      },
    );
    await expect(fetch(SERVER_URL)).rejects.toMatchObject({ code: 'TOKEN_FAILED', delivery: 'rejected' });
    await expect(response.text()).rejects.toThrow();
  });

  test('counts differently for a token that worked before', async () => {
    let revoked = 'none';
    const { fetch, source } = bearerFetch(
      (_count, request) =>
        new Response(null, { status: request.headers?.authorization === `Bearer ${revoked}` ? 401 : 200 }),
    );
    for (const token of ['token-1', 'token-2']) {
      expect((await fetch(SERVER_URL)).status).toBe(200);
      revoked = token;
      expect((await fetch(SERVER_URL)).status).toBe(200);
    }
    expect(await source.get()).toMatchObject({ token: 'token-3' });
  });
});

describe('a 403', () => {
  const header = 'Basic realm="x", Bearer error="insufficient_scope", scope="write"';

  test('for lack of scope is answered with one request with more scopes', async () => {
    const { fetch, questions } = bearerFetch((count) =>
      count === 1
        ? new Response('no', { status: 403, headers: { 'www-authenticate': header } })
        : new Response('ok'),
    );
    expect(await (await fetch(SERVER_URL)).text()).toBe('ok');
    expect(questions[1]).toMatchObject({ reason: 'insufficient_scope', challenge: { scopes: ['write'] } });
  });

  test.each([undefined, 'Bearer error="invalid_token"'])(
    'for another reason is final: %s',
    async (challenge) => {
      const headers: Record<string, string> =
        challenge === undefined ? {} : { 'www-authenticate': challenge };
      const { fetch, sent } = bearerFetch(() => new Response('no', { status: 403, headers }));
      expect(await (await fetch(SERVER_URL)).text()).toBe('no');
      expect(sent).toHaveLength(1);
    },
  );

  test('is given back readable when more scopes cannot be had', async () => {
    const { fetch } = bearerFetch(
      () => new Response('no', { status: 403, headers: { 'www-authenticate': header } }),
      (context, count) => {
        if (count > 1) throw new Error('invalid_scope');
        return numberedTokens(HOUR)(context, count);
      },
    );
    const response = await fetch(SERVER_URL);
    expect([response.status, await response.text()]).toEqual([403, 'no']);
  });
});

test.each([200, 404, 429, 500])('HTTP %i is given back as it is', async (status) => {
  const response = new Response('text', { status });
  const { fetch, sent } = bearerFetch(() => response);
  expect(await fetch(SERVER_URL)).toBe(response);
  expect(sent).toHaveLength(1);
});

function bearerFetch(
  respond: (count: number, request: HttpRequest) => Response,
  answer: Parameters<typeof sourceOf>[0] = numberedTokens(HOUR),
) {
  const sent: HttpRequest[] = [];
  const inner = vi.fn(async (_url: string | URL, request: HttpRequest = {}) => {
    sent.push(request);
    return respond(sent.length, request);
  });
  const { source, questions } = sourceOf(answer);
  return {
    fetch: withBearer(inner, { current: async () => source }, SERVER_URL.origin),
    source,
    sent,
    questions,
  };
}
