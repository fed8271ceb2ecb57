// A gateway that acts for its users: each request carries the token of the user who asked.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { McpClient, type TokenProvider } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';

// A web framework would run each request in here.
const currentUser = new AsyncLocalStorage<string>();

// A stand-in for where users' tokens come from: a session store, a token exchange, a vault.
const asked: string[] = [];
async function issueFor(user: string): Promise<{ token: string; expiresAt: number }> {
  asked.push(user);
  return { token: `token-of-${user}`, expiresAt: Date.now() + 600_000 };
}

// Tokens are kept per key and never cross from one key to another. Without a user the gateway is itself:
// for connecting, health checks and what else no user asked for.
const auth: TokenProvider = {
  key: () => currentUser.getStore(),
  getToken: ({ key }) => issueFor(key ?? 'gateway'),
};

const fake = fakeServer((server) => {
  server.registerTool('whoami', {}, () => ({ content: [{ type: 'text', text: 'you' }] }));
});
const client = new McpClient('notes', { ...fake.config, auth });
await client.connect();

const users = ['ada', 'grace', 'linus'];
const requests = Array.from({ length: 30 }, (_, index) => users[index % users.length] as string);
await Promise.all(requests.map((user) => currentUser.run(user, () => client.callTool({ name: 'whoami' }))));

for (const user of users) {
  assert.equal(
    fake.calls.filter(({ authorization }) => authorization === `Bearer token-of-${user}`).length,
    10,
  );
}
// One token for each, however many calls there were at once.
assert.deepEqual(asked.sort(), ['ada', 'gateway', 'grace', 'linus']);
console.log(`${fake.calls.length} calls with ${asked.length} tokens`);

await client.close();
await fake.close();
