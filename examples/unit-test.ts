// A unit test of code that calls MCP servers: no process, no port, no waiting. Works the same in vitest or Jest.
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { McpManager } from 'mcp-fleet';
import { fakeServer, fakeTokens } from 'mcp-fleet/testing';
import { z } from 'zod';

// The code under test. It is given a manager, and does not care what is behind it.
async function packingAdvice(manager: McpManager, city: string): Promise<string> {
  const result = await manager.callTool({ name: 'weather__rain', arguments: { city } });
  if (result.isError) return `Nobody knows about ${city}.`;
  const { chance } = result.structuredContent as { chance: number };
  return chance > 0.5 ? 'Take an umbrella.' : 'Take sunglasses.';
}

const chances: Record<string, number> = { Bergen: 0.9, Cairo: 0.01 };
const weather = fakeServer((server) => {
  const schemas = { inputSchema: { city: z.string() }, outputSchema: { chance: z.number() } };
  server.registerTool('rain', schemas, ({ city }) => {
    const chance = chances[city];
    if (chance === undefined) throw new Error(`Unknown city ${city}`);
    return { content: [], structuredContent: { chance } };
  });
});
after(() => weather.close());

let manager: McpManager;
beforeEach(async () => {
  await manager?.close();
  manager = new McpManager({ servers: { weather: { ...weather.config, auth: fakeTokens('secret-1') } } });
});
after(() => manager.close());

test('advises by the chance of rain', async () => {
  assert.equal(await packingAdvice(manager, 'Bergen'), 'Take an umbrella.');
  assert.equal(await packingAdvice(manager, 'Cairo'), 'Take sunglasses.');
});

test('admits that it does not know', async () => {
  assert.equal(await packingAdvice(manager, 'Atlantis'), 'Nobody knows about Atlantis.');
});

test('asks once per city, with a token', async () => {
  const before = weather.calls.length;
  await packingAdvice(manager, 'Bergen');
  assert.deepEqual(weather.calls.slice(before), [
    { tool: 'rain', arguments: { city: 'Bergen' }, authorization: 'Bearer secret-1' },
  ]);
});
