// A service that gets its tokens by the OAuth 2.0 client credentials grant.
import assert from 'node:assert/strict';
import { clientCredentials, McpManager } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';

const tokenUrl = 'https://login.example.com/oauth/token';

// Stand-ins for an authorization server and for an MCP server that takes its newest token only.
const tokenRequests: URLSearchParams[] = [];
const newestToken = () => `token-${tokenRequests.length}`;
const weather = fakeServer((server) => {
  server.registerTool('forecast', {}, () => ({ content: [{ type: 'text', text: 'Sunny' }] }));
});
async function fetch(url: string | URL, init?: RequestInit): Promise<Response> {
  if (String(url) === tokenUrl) {
    tokenRequests.push(new URLSearchParams(String(init?.body)));
    return Response.json({ access_token: newestToken(), token_type: 'Bearer', expires_in: 3600 });
  }
  const authorization = new Headers(init?.headers).get('authorization');
  if (authorization === `Bearer ${newestToken()}`) return weather.config.fetch(url, init);
  return new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer' } });
}

// What a service writes. In production `url` and `auth` are all: `fetch` only leads to the stand-ins.
const manager = new McpManager({
  servers: {
    weather: {
      url: weather.config.url,
      auth: clientCredentials({
        tokenUrl,
        clientId: 'report-service',
        clientSecret: async () => 'from-a-vault', // or a string; a function is asked with each token request
        scopes: ['weather:read'],
      }),
    },
  },
  fetch,
});
manager.on('refresh', ({ server, reason, error }) => console.log(server, reason, error?.message ?? 'ok'));

// Any number of calls share one token, which is renewed in the background before it expires.
const calls = Array.from({ length: 20 }, () => ({ name: 'weather__forecast' }));
const outcomes = await manager.callTools(calls);
assert(outcomes.every((outcome) => outcome.ok));
assert.equal(tokenRequests.length, 1);
assert.equal(tokenRequests[0]?.get('scope'), 'weather:read');
assert.equal(tokenRequests[0]?.get('resource'), weather.config.url);

// A token that the server no longer takes is replaced, and the refused request is sent once more.
tokenRequests.push(new URLSearchParams());
await manager.callTool({ name: 'weather__forecast' });
assert.equal(weather.calls.at(-1)?.authorization, 'Bearer token-3');

await manager.close();
await weather.close();
