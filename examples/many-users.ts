// One manager for many people: each with a token, a session and a list of tools of their own.
import assert from 'node:assert/strict';
import { McpManager, type TokenProvider } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';

// A stand-in for where users' tokens come from: a session store, a token exchange, a vault.
const asked: string[] = [];
const auth: TokenProvider = {
  async getToken({ identity }) {
    const user = identity?.key ?? 'nobody';
    asked.push(user);
    return { token: `token-of-${user}`, expiresAt: Date.now() + 600_000 };
  },
};

// An elicitation says for whom the server asks: here the person is known.
const prompted: (string | undefined)[] = [];
const fake = fakeServer((server) => {
  server.registerTool('whoami', {}, () => ({ content: [{ type: 'text', text: 'you' }] }));
  server.registerTool('confirm', {}, async () => {
    const { action } = await server.server.elicitInput({
      message: 'Really?',
      requestedSchema: { type: 'object', properties: {} },
    });
    return { content: [{ type: 'text', text: action }] };
  });
});
const manager = new McpManager({
  servers: { notes: { ...fake.config, auth } },
  handlers: {
    async elicitation(_request, { identity }) {
      prompted.push(identity?.key);
      return { action: 'accept', content: {} };
    },
  },
});

const users = ['ada', 'grace', 'linus'];
await Promise.all(
  users.map(async (user) => {
    const fleet = manager.as(user);
    await Promise.all(Array.from({ length: 10 }, () => fleet.callTool({ server: 'notes', name: 'whoami' })));
    await fleet.callTool({ server: 'notes', name: 'confirm' });
  }),
);

for (const user of users) {
  const own = fake.calls.filter(({ authorization }) => authorization === `Bearer token-of-${user}`);
  assert.equal(own.length, 11);
}
assert.deepEqual(asked.sort(), users); // one token for each, however many calls there were at once
assert.deepEqual(prompted.sort(), users);
console.log(`${fake.calls.length} calls of ${manager.snapshot().servers[0]?.identities} people`);

await manager.close();
await fake.close();
