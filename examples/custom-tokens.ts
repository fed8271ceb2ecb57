// Tokens from wherever they come from: a provider is an object with one method.
import assert from 'node:assert/strict';
import { McpClient, type TokenProvider } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';

// A stand-in for a secret store or a token service.
let issued = 0;
const vault = { issue: async (path: string) => ({ secret: `${path}#${++issued}`, ttlSeconds: 600 }) };

// The provider only fetches. One request at a time, caching, and renewal before `expiresAt` are the library's.
const auth: TokenProvider = {
  async getToken({ server }) {
    const { secret, ttlSeconds } = await vault.issue(`mcp/${server}`);
    return { token: secret, expiresAt: Date.now() + ttlSeconds * 1_000 };
  },
};

const fake = fakeServer((server) => {
  server.registerTool('ping', {}, () => ({ content: [{ type: 'text', text: 'pong' }] }));
});
const client = new McpClient('billing', { ...fake.config, auth });

await Promise.all([client.callTool({ name: 'ping' }), client.callTool({ name: 'ping' })]);
assert.deepEqual(
  fake.calls.map(({ authorization }) => authorization),
  ['Bearer mcp/billing#1', 'Bearer mcp/billing#1'],
);

// A new token on demand, for example after a role was granted.
await client.refreshToken();
await client.callTool({ name: 'ping' });
assert.equal(fake.calls.at(-1)?.authorization, 'Bearer mcp/billing#2');
console.log(client.snapshot().tokenExpiresAt);

await client.close();
await fake.close();
