import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { McpManager } from 'mcp-fleet';
import { runAnthropicToolUses, runOpenAIToolCalls, toAnthropicTools, toOpenAITools } from 'mcp-fleet/llm';
import { createRestHandler } from 'mcp-fleet/rest';
import { instrument } from 'mcp-fleet/telemetry';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerCheck, openApiOf } from '../fixtures/rest-door.js';
import { measurements, spans } from '../fixtures/telemetry.js';
import { stdioProgram } from '../servers/connections.js';
import { type HttpProgram, httpProgram } from '../servers/http.js';
import { NOTE } from '../servers/program.js';

const REVISIONS = { older: '2025-11-25', newer: '2026-07-28', stdio: '2026-07-28' } as const;
const names = Object.keys(REVISIONS) as (keyof typeof REVISIONS)[];

let older: HttpProgram;
let newer: HttpProgram;
let manager: McpManager;

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  [older, newer] = await Promise.all([httpProgram('older'), httpProgram('newer')]);
  manager = new McpManager({
    servers: { older: { url: older.url }, newer: { url: newer.url }, stdio: stdioProgram('newer') },
    handlers: {
      elicitation: async ({ message }) => ({
        action: 'accept',
        content: message === 'Who?' ? { name: 'Ann' } : { city: 'Bern', street: 'Hill 1' },
      }),
    },
  });
  expect((await manager.connect()).failed).toEqual([]);
});
afterAll(async () => {
  context.disable();
  await manager.close();
  await Promise.all([older.close(), newer.close()]);
});

/** The same for each server, but for its name. */
function sameForAll(seen: (server: string) => unknown): void {
  const [first, ...others] = names.map((server) => JSON.stringify(seen(server)).replaceAll(server, 'server'));
  for (const other of others) expect(JSON.parse(other)).toEqual(JSON.parse(first ?? ''));
}

/** Without what only one of the packages says: its dialect of JSON Schema, whose a result is, and how long it holds. */
function withoutExtras(value: unknown): unknown {
  const extras = ['$schema', 'ttlMs', 'cacheScope'];
  const isExtra = (key: string, inner: unknown) =>
    extras.includes(key) ||
    (key === '_meta' && JSON.stringify(inner).includes('modelcontextprotocol/serverInfo'));
  return JSON.parse(JSON.stringify(value, (key, inner) => (isExtra(key, inner) ? undefined : inner)));
}

const CALLS = [
  ['echo', { text: 'hi' }],
  ['sum', { a: 1, b: 2 }],
  ['fails', {}],
  ['place', { region: 'Zürich', floor: 3 }],
  ['asks', {}],
  ['nothing', {}],
] as const;

describe('models of each vendor', () => {
  test('see the same tools', async () => {
    const { tools } = await manager.listTools();
    const of = (server: string) => tools.filter((tool) => tool.server === server);
    for (const strict of [false, true])
      sameForAll((server) => withoutExtras(toOpenAITools(of(server), { strict })));
    sameForAll((server) => withoutExtras(toAnthropicTools(of(server))));
    expect(toAnthropicTools(of('newer'))).toHaveLength(14);
  });

  test('get the same answers', async () => {
    const openai = await Promise.all(
      names.map(async (server) => {
        const calls = CALLS.map(([name, args]) => ({
          id: `call of ${name}`,
          type: 'function' as const,
          function: { name: `${server}__${name}`, arguments: JSON.stringify(args) },
        }));
        return [server, await runOpenAIToolCalls(manager, calls)] as const;
      }),
    );
    const messages = Object.fromEntries(openai);
    sameForAll((server) => messages[server]);
    const contents = messages.newer?.map(({ content }) => content) ?? [];
    expect(contents[4]).toBe('Ann lives at Hill 1 in Bern');
    expect(contents[5]).toContain('no tool');

    const anthropic = await Promise.all(
      names.map(async (server) => {
        const uses = CALLS.map(([name, input]) => ({
          type: 'tool_use',
          id: `use of ${name}`,
          name: `${server}__${name}`,
          input,
        }));
        return [server, await runAnthropicToolUses(manager, uses)] as const;
      }),
    );
    const results = Object.fromEntries(anthropic);
    sameForAll((server) => results[server]);
    expect(results.newer?.[0]?.content.map(({ is_error }) => is_error ?? false)).toEqual([
      false,
      false,
      true,
      false,
      false,
      true,
    ]);
  });
});

test('the REST door answers the same, as its document says', async () => {
  const handler = createRestHandler(manager, { authorize: 'allow-all' });
  const check = answerCheck(await openApiOf(manager));
  const ask = async (path: string, body?: object) => {
    const method = body === undefined ? 'GET' : 'POST';
    const request = new Request(`http://localhost${path}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
    const response = await handler(request);
    const json: unknown = await response.json();
    check(method, path, response, json);
    return [response.status, json] as const;
  };
  const answers: Record<string, unknown[]> = {};
  for (const server_name of names) {
    answers[server_name] = [
      await ask(`/tools?server_name=${server_name}`),
      await ask('/tools/call', { server_name, tool_name: 'sum', arguments: { a: 1, b: 2 } }),
      await ask('/tools/call', { server_name, tool_name: 'asks' }),
      await ask('/tools/call', { server_name, tool_name: 'fails' }),
      await ask('/tools/call', { server_name, tool_name: 'none' }),
      await ask(`/resources?server_name=${server_name}`),
      await ask(`/resources/templates?server_name=${server_name}`),
      await ask('/resources/read', { server_name, resource_uri: NOTE }),
      (await ask('/resources/read', { server_name, resource_uri: 'memo://none' }))[0],
      await ask(`/prompts?server_name=${server_name}`),
      await ask('/prompts/get', { server_name, prompt_name: 'introduce' }),
    ];
  }
  sameForAll((server) => withoutExtras(answers[server]));
  const [, { servers }] = (await ask('/servers')) as [number, { servers: Record<string, unknown>[] }];
  expect(servers.map(({ protocol_version }) => protocol_version)).toEqual(Object.values(REVISIONS));
});

test('spans and measurements differ by the revision only, and the server can go on with the trace', async () => {
  const { tracer, ended } = spans();
  const { meter, value } = measurements();
  const stop = instrument(manager, { tracer, meter });
  const seen: Record<string, Record<string, unknown>> = {};
  for (const server of names) {
    await manager.callTool({ server, name: 'asks' });
    const [span] = ended().slice(-1);
    seen[server] = { ...span?.attributes };
    expect(span?.name).toBe('tools/call asks');
    expect(span?.attributes['mcp.protocol.version']).toBe(REVISIONS[server]);
    expect(await value('mcp.client.operation.duration', { 'mcp.protocol.version': REVISIONS[server] })).toBe(
      server === 'stdio' ? 2 : 1,
    );
    const { traceId, spanId } = span?.spanContext() ?? {};
    const sent = { older, newer, stdio: undefined }[server]?.requests.filter(
      ({ method, params }) =>
        method === 'tools/call' && JSON.stringify(params._meta ?? {}).includes('traceparent'),
    );
    // Each round of the newer revision belongs to the same call.
    expect(sent?.length).toBe({ older: 1, newer: 3, stdio: undefined }[server]);
    for (const { params } of sent ?? [])
      expect(params._meta).toMatchObject({ traceparent: `00-${traceId}-${spanId}-01` });
  }
  expect(ended()).toHaveLength(3);
  const [one, other] = [seen.older, seen.newer].map((attributes) => {
    const { 'mcp.protocol.version': _version, 'server.port': _port, ...same } = attributes ?? {};
    const {
      'mcp.session.id': _session,
      'mcp_fleet.server.name': _name,
      'jsonrpc.request.id': _id,
      ...rest
    } = same;
    return rest;
  });
  expect(other).toEqual(one);
  stop();
});
