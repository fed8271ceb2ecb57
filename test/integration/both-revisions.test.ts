import { McpManager } from 'mcp-fleet';
import { runOpenAIToolCalls, toAnthropicTools, toOpenAITools } from 'mcp-fleet/llm';
import { createRestHandler } from 'mcp-fleet/rest';
import { instrument } from 'mcp-fleet/telemetry';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ModernServer, modernHttpServer } from '../fixtures/modern-server.js';
import { measurements, spans } from '../fixtures/telemetry.js';

/** The same program, as an older client and as one of 2026-07-28 meet it. */
let server: ModernServer;
let manager: McpManager;

beforeAll(async () => {
  server = await modernHttpServer({ isDual: true });
  const { url } = server;
  manager = new McpManager({
    servers: { older: { url }, newer: { url, protocol: '2026-07-28' } },
    handlers: { elicitation: async () => ({ action: 'accept', content: { name: 'Ann' } }) },
  });
  expect((await manager.connect()).failed).toEqual([]);
  expect(['older', 'newer'].map((name) => manager.client(name).protocolVersion)).toEqual([
    '2025-11-25',
    '2026-07-28',
  ]);
});
afterAll(async () => {
  await manager.close();
  await server.close();
});

/** What a test sees of either, without the name. */
function alike<Seen>(seen: (name: string) => Seen): void {
  const plain = (name: string) => JSON.parse(JSON.stringify(seen(name)).replaceAll(name, 'server'));
  expect(plain('newer')).toEqual(plain('older'));
}

test('tools are the same in every model vendor’s shape', async () => {
  const { tools } = await manager.listTools();
  expect(tools.length).toBeGreaterThan(10);
  alike((name) => tools.filter((tool) => tool.server === name));
  alike((name) => toOpenAITools(tools.filter((tool) => tool.server === name)));
  alike((name) => toAnthropicTools(tools.filter((tool) => tool.server === name)));
});

test('calls that a model makes are answered the same', async () => {
  const call = (name: string, tool: string, args: object) => ({
    id: `${name}-${tool}`,
    type: 'function' as const,
    function: { name: `${name}__${tool}`, arguments: JSON.stringify(args) },
  });
  const calls = ['older', 'newer'].flatMap((name) => [
    call(name, 'echo', { text: 'hi' }),
    call(name, 'sum', { a: 3 }),
    call(name, 'fails', {}),
  ]);
  const messages = await runOpenAIToolCalls(manager, calls);
  expect(messages).toHaveLength(6);
  alike((name) => messages.filter((message) => JSON.stringify(message).includes(name)));
});

test('the REST door says the same', async () => {
  const rest = createRestHandler(manager, { authorize: 'allow-all' });
  const send = async (path: string, body?: object) => {
    const url = `http://127.0.0.1${path}`;
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const response = await rest(new Request(url, body === undefined ? {} : init));
    expect(response.status, await response.clone().text()).toBe(200);
    return response.json();
  };
  const answers = Object.fromEntries(
    await Promise.all(
      ['older', 'newer'].map(async (server_name) => [
        server_name,
        [
          await send(`/tools?server_name=${server_name}`),
          await send('/resources/read', { server_name, resource_uri: 'file:///note' }),
          await send('/prompts/get', { server_name, prompt_name: 'greet' }),
          await send('/tools/call', { server_name, tool_name: 'sum', arguments: { a: 3 } }),
        ],
      ]),
    ),
  );
  // What only 2026-07-28 says is kept: which server it was, and how long it holds.
  const more =
    /"(ttlMs|cacheScope)":("[^"]*"|\d+),?|"_meta":\{"io\.modelcontextprotocol\/serverInfo":\{[^}]*\}\},?/g;
  alike((name) =>
    JSON.stringify(answers[name])
      .replaceAll(more, '')
      .replaceAll(/,([}\]])/g, '$1'),
  );
});

test('a span says which revision was spoken, and nothing else is different', async () => {
  const { tracer, ended } = spans();
  instrument(manager, { tracer, meter: measurements().meter });
  for (const name of ['older', 'newer'])
    await manager.callTool({ name: `${name}__echo`, arguments: { text: 'x' } });
  const attributes = (name: string) =>
    ended().find((span) => JSON.stringify(span.attributes).includes(name))?.attributes ?? {};
  expect(attributes('older')['mcp.protocol.version']).toBe('2025-11-25');
  expect(attributes('newer')['mcp.protocol.version']).toBe('2026-07-28');
  expect(Object.keys(attributes('newer')).sort()).toEqual(
    Object.keys(attributes('older'))
      .filter((key) => key !== 'mcp.session.id')
      .sort(),
  );
});
