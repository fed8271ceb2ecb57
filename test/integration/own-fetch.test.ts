import { clientCredentials, McpManager } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, beforeAll, expect, test } from 'vitest';

const mcp = fakeServer((server) => {
  server.registerTool('hello', {}, () => ({ content: [{ type: 'text', text: 'hello' }] }));
});
const issuer = 'https://issuer.example.com/tenant';
const tokenRequests: Record<string, string>[] = [];

const network = setupServer(
  http.get('https://issuer.example.com/.well-known/oauth-authorization-server/tenant', () =>
    HttpResponse.json({ issuer, token_endpoint: `${issuer}/token` }),
  ),
  http.post(`${issuer}/token`, async ({ request }) => {
    tokenRequests.push(Object.fromEntries(new URLSearchParams(await request.text())));
    return HttpResponse.json({ access_token: 'from-msw', token_type: 'bearer', expires_in: 3_600 });
  }),
  http.all('https://mcp.example.com/mcp', ({ request }) => {
    if (request.headers.get('authorization') !== 'Bearer from-msw')
      return new HttpResponse(null, { status: 401 });
    return mcp.fetch(request);
  }),
);

beforeAll(() => network.listen({ onUnhandledRequest: 'error' }));
afterAll(async () => {
  network.close();
  await mcp[Symbol.asyncDispose]();
});

test('with the global fetch, discovery, token, initialization and call can all be mocked at the boundary', async () => {
  await using manager = new McpManager({
    fetch: globalThis.fetch,
    servers: {
      mocked: {
        url: 'https://mcp.example.com/mcp',
        auth: clientCredentials({ issuer, clientId: 'gateway', clientSecret: 's3cret', scopes: ['tools'] }),
      },
    },
  });
  const result = await manager.callTool({ name: 'mocked__hello' });
  expect(result.content).toEqual([{ type: 'text', text: 'hello' }]);
  expect(mcp.calls).toMatchObject([{ tool: 'hello', authorization: 'Bearer from-msw' }]);
  expect(tokenRequests).toEqual([
    {
      grant_type: 'client_credentials',
      client_id: 'gateway',
      client_secret: 's3cret',
      scope: 'tools',
      resource: 'https://mcp.example.com/mcp',
    },
  ]);
});
