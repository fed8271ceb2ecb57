// With Jest and CommonJS: what becomes of a call while a token expires, the server restarts, or never answers.
const { McpManager } = require('mcp-fleet');
const { fakeServer, fakeTokens } = require('mcp-fleet/testing');

const weather = fakeServer((server) => {
  server.registerTool('rain', {}, () => ({ content: [{ type: 'text', text: 'a little' }] }));
});
const ANSWER = { content: [{ type: 'text', text: 'a little' }] };

// Second by second: between them, what is under way gets its turn.
async function pass(seconds) {
  for (let second = 0; second < seconds; second++) await jest.advanceTimersByTimeAsync(1_000);
}

let manager;
let tokens;
beforeEach(async () => {
  tokens = fakeTokens('token-1', 'token-2');
  manager = new McpManager({ servers: { weather: { ...weather.config, auth: tokens } } });
  await manager.listTools();
});
afterEach(async () => {
  jest.useRealTimers();
  await manager.close();
});
afterAll(() => weather.close());

test('an expired token is replaced', async () => {
  weather.inject({ kind: 'expire-token' }, { method: 'tools/call' });
  expect(await manager.callTool({ name: 'weather__rain' })).toEqual(ANSWER);
  expect(weather.calls.at(-1).authorization).toBe('Bearer token-2');
  expect(tokens.contexts.map(({ reason }) => reason)).toEqual(['initial', 'rejected']);
});

test('a restart goes unnoticed', async () => {
  weather.restart();
  expect(await manager.callTool({ name: 'weather__rain' })).toEqual(ANSWER);
});

test('a late answer comes in its time', async () => {
  jest.useFakeTimers();
  weather.inject({ kind: 'delay', ms: 30_000 }, { method: 'tools/call' });
  const result = manager.callTool({ name: 'weather__rain' });
  await pass(32);
  expect(await result).toEqual(ANSWER);
});

test('a server that never answers ends with the time of the call', async () => {
  jest.useFakeTimers();
  weather.inject({ kind: 'hang' }, { method: 'tools/call' });
  const call = manager.callTool({ name: 'weather__rain' }, { timeoutMs: 5_000 });
  const failure = expect(call).rejects.toMatchObject({ code: 'TIMEOUT', delivery: 'unknown' });
  await pass(7);
  await failure;
});
