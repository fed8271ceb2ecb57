import { McpClient, type ServerDefaults } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { fieldServer, json, refused } from './http-server.js';
import { DONE, INITIALIZED, resultOf } from './mcp-answers.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false };

function fieldsIn(raw: readonly string[], name: string): string[] {
  return raw.filter((_value, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === name);
}

describe('a header field', () => {
  test.each([
    ['content-type', 'Content-Type', 'application/json; charset=utf-8'],
    ['accept', 'ACCEPT', 'application/json, text/event-stream'],
    ['user-agent', 'User-Agent', 'mine/1.0'],
    ['accept-encoding', 'Accept-Encoding', 'identity'],
    ['x-tenant', 'X-Tenant', 'acme'],
  ])('%s that is configured as %s is sent once, as it is configured', async (name, configured, value) => {
    await using server = await fieldServer();
    await using client = new McpClient('field', { url: server.url, headers: { [configured]: value } }, CALM);
    await client.callTool({ name: 'work' });
    for (const { raw } of server.received) expect(fieldsIn(raw, name)).toEqual([value]);
  });

  test.each(['content-type', 'accept', 'user-agent', 'accept-encoding', 'content-length', 'host'])(
    '%s of ours is sent once',
    async (name) => {
      await using server = await fieldServer();
      await using client = new McpClient('field', { url: server.url }, CALM);
      await client.callTool({ name: 'work' });
      for (const { raw } of server.received) expect(fieldsIn(raw, name)).toHaveLength(1);
    },
  );

  test('tells servers who asks, and gateways that want to know let it through', async () => {
    await using server = await fieldServer({
      on: ({ headers }, response) =>
        !/^mcp-fleet\/\d/.test(headers['user-agent'] ?? '') && refused(response, 403, 'who?'),
    });
    await using client = new McpClient('field', { url: server.url }, CALM);
    expect(await client.callTool({ name: 'work' })).toEqual(DONE);
  });
});

describe('the cookie of a load balancer', () => {
  test.each([
    ['LB=0; Path=/; HttpOnly', 'LB=1; Path=/; HttpOnly'],
    ['route="a=b|0"; Secure; SameSite=None', 'route="a=b|1"; Secure; SameSite=None'],
  ])('(%s) leads all requests of a session to one replica', async (...cookies) => {
    const replicas = [new Set<unknown>(), new Set<unknown>()];
    let turn = 0;
    await using server = await fieldServer({
      on({ id, method, headers }, response) {
        const sent = cookies.findIndex((cookie) => headers.cookie?.includes(cookie.split(';')[0] as string));
        const at = sent === -1 ? turn++ % 2 : sent;
        response.setHeader('set-cookie', cookies[at] as string);
        if (method === 'initialize') {
          const session = `session-${turn}-${replicas[at]?.size}`;
          replicas[at]?.add(session);
          return json(response, resultOf(id, INITIALIZED), 200, { 'mcp-session-id': session });
        }
        return !replicas[at]?.has(headers['mcp-session-id']) && refused(response, 404, 'no such session');
      },
    });
    await using client = new McpClient('field', { url: server.url }, CALM);
    for (let call = 0; call < 3; call++) expect(await client.callTool({ name: 'work' })).toEqual(DONE);
    expect(server.count('initialize')).toBe(1);
  });
});
