import { createServer } from 'node:http';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { describe, expect, test } from 'vitest';
import { httpPath } from '../../../src/client/http-path.js';
import { listenOnLoopback } from '../../fixtures/loopback.js';
import { refused, rejection } from './fakes.js';

const pathOver = (fetch: FetchLike) => httpPath({ fetch, connectTimeoutMs: 1_000 });

describe('the HTTP path of a server', () => {
  test("is the user's fetch where there is one, with its failures in our terms", async () => {
    const seen: unknown[] = [];
    const path = pathOver(async (url, init) => {
      seen.push([String(url), init?.method]);
      return seen.length > 1 ? refused() : new Response('fine');
    });
    const response = await path.fetch('https://mcp.test/', { method: 'POST' });
    expect(await response.text()).toBe('fine');
    expect(seen).toEqual([['https://mcp.test/', 'POST']]);
    expect(await rejection(path.fetch('https://mcp.test/'))).toMatchObject({
      code: 'CONNECT_FAILED',
      delivery: 'not-sent',
    });
    await path.close();
  });

  test('follows redirects within the origin only, whoever fetches', async () => {
    const redirect = (location: string) => new Response(null, { status: 307, headers: { location } });
    const path = pathOver(async (url) => {
      const { pathname } = new URL(url);
      if (pathname === '/here') return redirect('/there');
      if (pathname === '/away') return redirect('https://evil.test/');
      return new Response(pathname);
    });
    expect(await (await path.fetch('https://mcp.test/here')).text()).toBe('/there');
    expect(await rejection(path.fetch('https://mcp.test/away'))).toMatchObject({ code: 'HTTP_ERROR' });
  });

  test('is a client of its own otherwise, whose connections end with it', async () => {
    const server = await listenOnLoopback(
      createServer((_request, response) => {
        response.write('open');
      }),
    );
    const path = httpPath({ connectTimeoutMs: 1_000 });
    const response = await path.fetch(`http://127.0.0.1:${server.port}/`);
    const body = rejection(response.text());
    await path.close();
    expect(await body).toMatchObject({ code: 'CONNECTION_LOST' });
    await server.close();
  });

  test('that was never used closes without being loaded', async () => {
    await httpPath({ connectTimeoutMs: 1_000 }).close();
  });

  test('says who asks, unless the request does', async () => {
    const seen: unknown[] = [];
    const path = pathOver(async (_url, init) => {
      seen.push(new Headers(init?.headers).get('user-agent'));
      return new Response('fine');
    });
    await path.fetch('https://mcp.test/');
    await path.fetch('https://mcp.test/', { headers: { 'User-Agent': 'mine' } });
    expect(seen).toEqual([expect.stringMatching(/^mcp-fleet\/\d/), 'mine']);
  });
});
