import { createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { McpFleetError, McpManager, type ServerConfig, type TokenProvider } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { afterAll, expect, test } from 'vitest';
import { bearerToken } from '../fixtures/bearer.js';
// @ts-expect-error It is plain JavaScript: processes run it, too.
import { CAPABILITIES, offerToUsers } from '../fixtures/identity-program.mjs';
import { listenOnLoopback } from '../fixtures/loopback.js';
import { mcpWebSocketServer } from '../fixtures/web-socket-server.js';

/** What is done, in which order, is drawn from it: `FLEET_SEED=7 npx vitest run …` does the same again. */
const SEED = Number(process.env.FLEET_SEED ?? Math.floor(Math.random() * 1e9));
const LEAST_OBSERVATIONS = 100_000;
const PARALLEL = 32;
const IDENTITIES = 50;

let observations = 0;
const crossings: string[] = [];

afterAll(() => console.info(`seed ${SEED}: ${observations} observations, ${crossings.length} crossings`));

/** Whatever reaches one names nobody else. */
function observe(owner: string | undefined, seen: unknown, what: string): void {
  observations++;
  const shown = typeof seen === 'string' ? seen : (JSON.stringify(seen) ?? '');
  for (const [name] of shown.matchAll(/user-\d+/g))
    if (name !== owner)
      crossings.push(`seed ${SEED}: ${what} of ${owner} names ${name}: ${shown.slice(0, 300)}`);
}

/** The whole of an error: what it and its causes say. */
function words(error: unknown): string {
  let shown = '';
  for (let at = error; at instanceof Error; at = at.cause) shown += ` ${at.name} ${at.message}`;
  return shown;
}

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Extra {
  requestInfo?: { headers: Record<string, string | string[] | undefined> };
}
const userOf = ({ requestInfo }: Extra) => bearerToken(requestInfo?.headers ?? {})?.replace('token-of-', '');
const program = (user: (extra: Extra) => string | undefined = userOf) => {
  const server = new Server({ name: 'identity', version: '1' }, { capabilities: CAPABILITIES });
  offerToUsers(server, user);
  return server;
};

interface Wire extends AsyncDisposable {
  config: ServerConfig;
  /** Breaks connections, where there are any. */
  drop?(): void;
}

const auth: TokenProvider = {
  async getToken({ identity }) {
    await turn();
    return { token: `token-of-${identity?.key ?? 'nobody'}`, expiresAt: Date.now() + 3_600_000 };
  },
};

const WIRES: Record<string, () => Promise<Wire>> = {
  async 'HTTP of 2025-11-25'() {
    const sessions = new Map<string, StreamableHTTPServerTransport>();
    const server = createServer(async (request, response) => {
      const known = sessions.get(String(request.headers['mcp-session-id']));
      if (known !== undefined) return known.handleRequest(request, response);
      if (request.headers['mcp-session-id'] !== undefined) return response.writeHead(404).end();
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => crypto.randomUUID(),
        onsessioninitialized: (id) => void sessions.set(id, transport),
      });
      await program().connect(transport as Transport);
      return transport.handleRequest(request, response);
    });
    const loopback = await listenOnLoopback(server);
    const config = { type: 'http', url: `http://127.0.0.1:${loopback.port}/mcp`, auth } as const;
    return { config, drop: loopback.dropConnections, [Symbol.asyncDispose]: loopback.close };
  },
  async 'HTTP of 2026-07-28'() {
    const fake = fakeServer(
      (server) => {
        server.server.registerCapabilities({ ...CAPABILITIES, resources: {} });
        offerToUsers(server.server, userOf);
      },
      { protocol: '2026-07-28' },
    );
    return { config: { ...fake.config, auth }, [Symbol.asyncDispose]: () => fake.close() };
  },
  async 'HTTP with SSE'() {
    const sessions = new Map<string, SSEServerTransport>();
    const server = createServer(async (request, response) => {
      const url = new URL(request.url ?? '', 'http://localhost');
      if (request.method === 'POST')
        return (
          sessions.get(url.searchParams.get('sessionId') ?? '')?.handlePostMessage(request, response) ??
          response.writeHead(404).end()
        );
      const transport = new SSEServerTransport('/messages', response);
      sessions.set(transport.sessionId, transport);
      response.on('close', () => sessions.delete(transport.sessionId));
      await program().connect(transport);
    });
    const loopback = await listenOnLoopback(server);
    const config = { type: 'sse', url: `http://127.0.0.1:${loopback.port}/sse`, auth } as const;
    return { config, drop: loopback.dropConnections, [Symbol.asyncDispose]: loopback.close };
  },
  async WebSocket() {
    const server = await mcpWebSocketServer({ serve: (transport) => void program().connect(transport) });
    const drop = () => server.dropConnections();
    return { config: { url: server.url, auth }, drop, [Symbol.asyncDispose]: () => server.close() };
  },
  async stdio() {
    const config: ServerConfig = {
      command: process.execPath,
      args: ['test/fixtures/stdio/identity.mjs'],
      env: async ({ identity }) => {
        await turn();
        return { USER_KEY: identity?.key ?? 'nobody' };
      },
    };
    return { config, [Symbol.asyncDispose]: async () => {} };
  },
};

/** Processes are dear: fewer of them. */
const PLAN = Object.keys(WIRES).map((wire) => ({
  wire,
  identities: wire === 'stdio' ? 10 : IDENTITIES,
  steps: wire === 'stdio' ? 6_000 : 11_000,
}));

test.each(PLAN)('nothing of one identity reaches another over $wire', async ({ wire, identities, steps }) => {
  await using server = await (WIRES[wire] as () => Promise<Wire>)();
  await using manager = new McpManager({
    servers: { a: server.config, b: server.config },
    cache: { toolTtlMs: 60_000, resourceTtlMs: 60_000 },
    trustAnnotations: true,
    maxIdentities: identities,
    callTimeoutMs: 5_000,
    circuitBreaker: false,
    handlers: {
      async elicitation({ message }, { identity }) {
        observe(identity?.key, { message, identity }, 'a question');
        await turn();
        return { action: 'accept', content: { name: identity?.key ?? 'nobody' } };
      },
    },
  });
  for (const name of ['status', 'refresh', 'catalog', 'call', 'resource', 'log', 'error'] as const)
    manager.on(name, (event) => {
      // What its caller asked for is not told by anybody else.
      const asked = 'name' in event && event.name?.startsWith('tool_of_') ? event.name : ' ';
      const told = (seen: string) => seen.replaceAll(asked, '');
      observe(event.identity, told(JSON.stringify(event)), `an event ${name}`);
      if ('error' in event)
        observe(event.identity, told(words(event.error)), `the error of an event ${name}`);
    });

  const draw = random(SEED);
  const pick = <Value>(values: readonly Value[]): Value =>
    values[Math.floor(draw() * values.length)] as Value;
  const keys = Array.from({ length: identities }, (_, n) => `user-${n}`);
  const sessions = new Map<string, string>();
  const hasSessions = wire !== 'HTTP of 2026-07-28';
  const step = async (): Promise<void> => {
    const key = pick(keys);
    const other = pick(keys.filter((one) => one !== key));
    const name = pick(['a', 'b']);
    const fleet = manager.as({ key, claims: { secret: `claim of ${key}` } });
    const call = (tool: string) => fleet.callTool({ server: name, name: tool });
    const operations: Record<string, () => Promise<unknown>> = {
      'listed tools': () => fleet.listTools(),
      'listed resources': () => fleet.listResources(),
      'listed prompts': () => fleet.listPrompts({ server: name }),
      'a prompt': () => fleet.getPrompt({ server: name, name: 'hello' }),
      'a call': async () => {
        const result = await call('whoami');
        const [, session] = /session=([\w-]+)/.exec(JSON.stringify(result)) ?? [];
        if (session !== undefined) {
          observe(sessions.get(session) ?? key, key, 'a session');
          sessions.set(session, key);
        }
        return result;
      },
      'a remembered result': () => call('remembered'),
      'a resource': () => fleet.readResource({ server: name, uri: 'note://mine' }),
      'an answer to a question': () => call('ask'),
      'a call that logs': () => call('say'),
      'an error': () => call('fail'),
      'the tool of another': () => call(`tool_of_${other}`),
      'a snapshot': async () => fleet.snapshot(),
      'known tools': async () => fleet.knownTools,
      'a token': () => fleet.refreshTokens({ server: name }),
      'a ping': () => fleet.ping({ server: name }),
      ...(hasSessions && {
        'a subscription': async () => {
          await fleet.subscribeResource({ server: name, uri: `note://${key}` });
          return call('touch');
        },
      }),
    };
    const what = pick(Object.keys(operations));
    try {
      observe(key, await (operations[what] as () => Promise<unknown>)(), what);
      done++;
    } catch (error) {
      if (!(error instanceof McpFleetError)) throw error;
      // It names the tool that was asked for, and nothing else of the other.
      observe(key, words(error).replaceAll(`tool_of_${other}`, ''), `the error of ${what}`);
    }
  };
  let done = 0;
  let left = steps;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      if (left === Math.floor(steps / 2)) server.drop?.();
      await step();
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  expect(crossings).toEqual([]);
  // All but those that are to fail, and the few that a broken connection ends.
  expect(done).toBeGreaterThan(0.8 * steps);
});

test(`and that in ${LEAST_OBSERVATIONS.toLocaleString('en')} observations`, () => {
  expect(observations).toBeGreaterThanOrEqual(LEAST_OBSERVATIONS);
});
