import { McpClient, type McpFleetError, type ServerConfig } from 'mcp-fleet';
import { type Fault as FakeFault, fakeServer } from 'mcp-fleet/testing';
import { describe, expect, test, vi } from 'vitest';
import { faultServer } from '../faults/fault-server.js';
import { type Fault as SocketFault, status, UNUSABLE_ANSWERS } from '../faults/faults.js';
import { offering, rejection, tool } from '../unit/client/fakes.js';

const SETTINGS = {
  retry: false,
  circuitBreaker: false,
  healthCheck: false,
  maxResponseBytes: 100_000,
} as const;

/** A fault of the fake server, and the same one of a server with sockets. */
const PAIRS: [FakeFault, SocketFault][] = [
  [{ kind: 'reset' }, { when: 'after', what: 'reset' }],
  [
    { kind: 'reset', when: 'before' },
    { when: 'before', what: 'reset' },
  ],
  [{ kind: 'hang' }, { when: 'after', what: 'hang' }],
  [
    { kind: 'hang', when: 'before' },
    { when: 'before', what: 'hang' },
  ],
  [
    { kind: 'delay', ms: 10_000 },
    { when: 'after', what: 'delay', ms: 10_000 },
  ],
  [{ kind: 'end-stream' }, { when: 'after', what: 'end-stream', how: 'clean' }],
  [
    { kind: 'end-stream', when: 'before' },
    { when: 'before', what: 'end-stream', how: 'clean' },
  ],
  [{ kind: 'malformed' }, UNUSABLE_ANSWERS['malformed JSON']],
  [{ kind: 'wrong-id' }, UNUSABLE_ANSWERS['the answer to another id']],
  [
    { kind: 'oversize', bytes: 1_048_576 },
    { when: 'after', what: 'flood', as: 'sse', bytes: 1_048_576 },
  ],
  [{ kind: 'expire-token' }, status(401, { 'www-authenticate': 'Bearer error="invalid_token"' })],
  [{ kind: 'status', status: 429, headers: { 'retry-after': '7' } }, status(429, { 'retry-after': '7' })],
  [{ kind: 'status', status: 403 }, status(403)],
  [{ kind: 'status', status: 421 }, status(421)],
  [{ kind: 'status', status: 500 }, status(500)],
  [{ kind: 'status', status: 503, when: 'after' }, status(503, {}, 'after')],
];

/** What the library tells of a call, without the words of the servers. */
function told(error: unknown) {
  const { name, code, delivery, retryable, retryAfterMs, cause } = error as McpFleetError;
  return { name, code, delivery, retryable, retryAfterMs, cause: (cause as McpFleetError | undefined)?.code };
}

async function callOn(config: ServerConfig, arrange: () => void | Promise<void>): Promise<unknown> {
  await using client = new McpClient('server', config, SETTINGS);
  await client.listTools();
  await arrange();
  const call = { name: 'charge', arguments: { nonce: 'x' } };
  return told(await rejection(client.callTool(call, { timeoutMs: 700 })));
}

const PROTOCOLS = ['2025-11-25', '2026-07-28'] as const;

describe.each(PROTOCOLS)(
  'a fault of the fake server of %s is told like that of a server with sockets',
  (protocol) => {
    test.each(PAIRS)('%j', async (fakeFault, socketFault) => {
      await using fake = fakeServer(offering([tool('charge')]), { protocol });
      await using server = await faultServer({ answers: 'sse' });
      const [inProcess, overSockets] = await Promise.all([
        callOn(fake.config, () => fake.inject(fakeFault, { method: 'tools/call' })),
        callOn({ url: server.url }, () => server.inject(socketFault, { on: 'tools/call' })),
      ]);
      expect(inProcess).toEqual(overSockets);
      expect(fake.calls).toHaveLength(server.executions.get('x') ?? 0);
    });

    test('refuse', async () => {
      await using fake = fakeServer(offering([tool('charge')]), { protocol });
      await using server = await faultServer({ answers: 'sse' });
      const inProcess = await callOn(fake.config, () =>
        // Also to the attempt to connect again that follows.
        fake.inject({ kind: 'refuse' }, { times: Infinity }),
      );
      const overSockets = await callOn({ url: server.url }, async () => {
        await server.refuse();
        // The client has to notice that the connection it keeps is gone.
        await vi.waitFor(() => expect(server.openSockets).toBe(0));
        await new Promise((resolve) => setTimeout(resolve, 50));
      });
      expect(inProcess).toEqual(overSockets);
      expect(inProcess).toMatchObject({ code: 'CONNECT_FAILED', delivery: 'not-sent' });
      expect(fake.calls).toEqual([]);
    });
  },
);
