import { AsyncLocalStorage } from 'node:async_hooks';
import {
  ConfigError,
  McpClient,
  type McpFleetError,
  McpManager,
  type ServerDefaults,
  staticToken,
} from 'mcp-fleet';
import { createRestHandler } from 'mcp-fleet/rest';
import { describe, expect, test, vi } from 'vitest';
import { fieldServer } from './http-server.js';
import { DONE, eventOf } from './mcp-answers.js';
import { rawWebSocketServer } from './web-socket-server.js';

const CALM: ServerDefaults = { retry: false, healthCheck: false, circuitBreaker: false };
/** Connections that one server may make this process hold beyond those of its calls. */
const FEW = 64;

describe('a server that answers no POST of its own requests and of cancellations', () => {
  test.each(['ping', 'roots/list', 'of/others', 'sampling/createMessage'])(
    'and asks %s three thousand times, holds few connections',
    async (method) => {
      const params = method === 'sampling/createMessage' ? { messages: [], maxTokens: 1 } : {};
      const requests = Array.from({ length: 3_000 }, (_, id) =>
        eventOf({ jsonrpc: '2.0', id: `p${id}`, method, params }),
      );
      let most = 0;
      await using server = await fieldServer({
        get(response) {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write(requests.join(''));
        },
        // Answers come without a method, and are left waiting.
        on({ method: asked }) {
          most = Math.max(most, server.openConnections);
          return asked === undefined;
        },
      });
      const handlers = {
        sampling: async () => ({
          model: 'm',
          role: 'assistant' as const,
          content: { type: 'text' as const, text: '' },
        }),
      };
      await using client = new McpClient('field', { url: server.url, handlers }, CALM);
      await client.connect();
      await vi.waitFor(() => expect(server.received.some((rpc) => rpc.method === undefined)).toBe(true));
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(most).toBeLessThan(FEW);
      expect(await client.callTool({ name: 'work' }, { timeoutMs: 10_000 })).toEqual(DONE);
    },
  );

  test('and lets hundreds of calls time out, gets their connections back', async () => {
    await using server = await fieldServer({
      on: ({ method, params }) =>
        (method === 'tools/call' && params.arguments?.slow === true) || method === 'notifications/cancelled',
    });
    await using client = new McpClient('field', { url: server.url }, CALM);
    await client.listTools();
    for (let round = 0; round < 4; round++) {
      await Promise.all(
        Array.from({ length: 50 }, () =>
          client.callTool({ name: 'work', arguments: { slow: true } }, { timeoutMs: 50 }).catch(() => {}),
        ),
      );
    }
    await vi.waitFor(() => expect(server.openConnections).toBeLessThan(FEW), {
      timeout: 20_000,
      interval: 200,
    });
    expect(await client.callTool({ name: 'work' })).toEqual(DONE);
  }, 60_000);
});

describe('tokens of callers over WebSocket, whose handshake is for all', () => {
  const user = new AsyncLocalStorage<string>();

  test('are refused where they are asked for in the context of a caller', async () => {
    const use = () =>
      new McpClient('field', { url: 'ws://127.0.0.1:9/', auth: staticToken(() => user.getStore() ?? '') });
    expect(use).toThrow(ConfigError);
  });

  test('are refused where a provider answers with text alone', async () => {
    await using server = await rawWebSocketServer();
    const auth = { getToken: async () => user.getStore() ?? 'service' };
    await using client = new McpClient('field', { url: server.url, auth }, CALM);
    const outcome = await user.run('alice', () =>
      client.callTool({ name: 'work' }).catch((error: McpFleetError) => error),
    );
    expect(outcome).toMatchObject({ delivery: 'not-sent' });
    expect(server.received).toEqual([]);
  });
});

test('who may read one server learns nothing of the names of others', async () => {
  await using server = await fieldServer();
  await using manager = new McpManager({ servers: { mine: { url: server.url } }, ...CALM });
  const door = createRestHandler(manager, { authorize: (_request, { server: name }) => name === 'mine' });
  const events = await door(new Request('http://localhost/events?server_name=mine'));
  const reader = (events.body as ReadableStream<Uint8Array>).getReader();
  let told = '';
  const reading = (async () => {
    for (let read = await reader.read(); !read.done; read = await reader.read())
      told += new TextDecoder().decode(read.value);
  })();
  await manager.setServers({ mine: { url: `${server.url}?v=2` }, 'secret-project-x': { url: server.url } });
  await manager.removeServer('mine');
  for (const path of ['/servers/mine', '/servers/secret-project-y', '/servers/secret-project-x'])
    told += await (await door(new Request(`http://localhost${path}`)))
      .text()
      .then((text) => text.replace(path, ''));
  await reader.cancel();
  await reading;
  expect(told).toContain('mine');
  expect(told).not.toContain('secret-project-x');
});
