import { McpManager } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { expect, test } from 'vitest';
import { offering } from '../client/fakes.js';

const LONG = 'a_tool_whose_name_is_longer_than_what_model_providers_take_as_a_name';

test.each([
  ['by its server', { server: 'a', name: 'one' }],
  ['by its qualified name', { name: 'a__one' }],
  ['by a name that has to be looked up', undefined],
])('a call of the tick before close runs, %s', async (_how, given) => {
  await using fake = fakeServer(offering(['one', LONG]));
  const named = new McpManager({ servers: { a: fake.config } });
  const hashed = (await named.listTools()).tools.find(({ toolName }) => toolName === LONG)?.name as string;
  await named.close();
  const manager = new McpManager({ servers: { a: fake.config } });
  const call = manager.callTool(given ?? { name: hashed });
  const closed = manager.close();
  await expect(manager.callTool({ name: 'a__one' })).rejects.toMatchObject({ code: 'CLOSED' });
  expect(await call).toHaveProperty('content');
  await closed;
  expect(fake.calls).toHaveLength(1);
});
