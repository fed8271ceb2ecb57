import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RunningCall } from '../../../src/calls/running-call.js';
import { settingsOf } from '../../../src/client/options.js';
import type { ServerDefaults } from '../../../src/client/server-config.js';
import { ServerLink } from '../../../src/client/server-link.js';
import { ServerPolicies } from '../../../src/client/server-policies.js';
import { Deadline } from '../../../src/core/deadline.js';
import { AuthError, ConnectionError, type McpFleetError, RemoteError } from '../../../src/core/errors.js';
import type { Session, SessionObserver } from '../../../src/session/session.js';
import { rejection } from './fakes.js';

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => vi.useRealTimers());

const away = () => new ConnectionError('CONNECT_FAILED', 'away', { retryable: true });
const broken = () => new ConnectionError('HTTP_ERROR', 'HTTP 500', { httpStatus: 500, delivery: 'unknown' });
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

interface FakeSession extends Session {
  lose(): void;
  closes: number;
}

/** A link to a server that the test lets come and go, and answer pings well or not. */
function link(settings: ServerDefaults = {}) {
  const server = {
    /** Why it cannot be connected to. */
    away: undefined as McpFleetError | undefined,
    /** How a ping fails. */
    pingFails: undefined as Error | undefined,
    pings: 0,
    sessions: [] as FakeSession[],
    attempts: [] as number[],
  };
  const statuses: string[] = [];
  const circuit: string[] = [];
  const misses: McpFleetError[] = [];
  const open = async ({ closed }: Pick<SessionObserver, 'closed'>): Promise<Session> => {
    server.attempts.push(performance.now());
    if (server.away !== undefined) throw server.away;
    const session = {
      closes: 0,
      async request(method: string) {
        if (method === 'ping') server.pings++;
        if (server.pingFails !== undefined) throw server.pingFails;
        return {};
      },
      async close() {
        session.closes++;
      },
      lose: () => closed(new ConnectionError('CONNECTION_LOST', 'gone', { retryable: true })),
    } as unknown as FakeSession;
    server.sessions.push(session);
    return session;
  };
  const configured = settingsOf({ url: 'https://a.test/' }, settings);
  const policies: ServerPolicies = new ServerPolicies(configured, {
    prober: () => linked,
    onOpen: (refusal) => linked.connection.dismissWaiters(refusal),
    onCircuit: ({ state, previous }) => circuit.push(`${previous} → ${state}`),
  });
  const linked: ServerLink = new ServerLink(configured, policies, {
    open,
    isOfAll: true,
    isWanted: () => true,
    failedForMs: 30_000,
    onStatus: ({ status }) => statuses.push(status),
    lastWords: () => '',
    onMiss: (error) => misses.push(error),
  });
  const made = {
    connection: linked.connection,
    request: linked.request.bind(linked),
    get circuit() {
      return policies.breaker?.state ?? 'closed';
    },
    get queued() {
      return policies.queue.waiting;
    },
    async close() {
      policies.breaker?.stop();
      await linked.close();
    },
  };
  /** Makes a request that ends as told. */
  const request = (end: unknown = 'fine', timeoutMs = 60_000) => {
    const call = new RunningCall(new Deadline({ timeoutMs }));
    return made.request(
      async () => {
        if (end instanceof Error) throw end;
        return end;
      },
      'tool',
      call,
    );
  };
  const fail = async (times: number) => {
    for (let n = 0; n < times; n++) await rejection(request(broken()));
  };
  return { made, server, statuses, circuit, misses, request, fail };
}

describe('the breaker of a link', () => {
  test('opens after failing requests, and refuses the next ones without asking', async () => {
    const { made, server, circuit, request, fail } = link();
    await request();
    await fail(5);
    expect(made.circuit).toBe('open');
    expect(circuit).toEqual(['closed → open']);
    expect(await rejection(request())).toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterMs: 5_000 });
    expect(server.pings).toBe(0);
    await made.close();
  });

  test('asks with a ping when the time is up, and lets calls through if the server answers', async () => {
    const { made, server, circuit, request, fail } = link();
    await request();
    await fail(5);
    await pass(5_000);
    expect(server.pings).toBe(1);
    expect(circuit).toEqual(['closed → open', 'open → half-open', 'half-open → closed']);
    expect(await request()).toBe('fine');
    await made.close();
  });

  test('stays open, longer, if it does not answer', async () => {
    const { made, server, circuit, request, fail } = link();
    await request();
    await fail(5);
    server.pingFails = broken();
    await pass(5_000);
    expect(circuit.at(-1)).toBe('half-open → open');
    await pass(9_999);
    expect(server.pings).toBe(1);
    server.pingFails = undefined;
    await pass(1);
    expect(made.circuit).toBe('closed');
    await made.close();
  });

  test('takes any answer to the ping for an answer', async () => {
    const { made, server, request, fail } = link();
    await request();
    await fail(5);
    server.pingFails = new RemoteError(-32_601, 'Method not found', undefined);
    await pass(5_000);
    expect(made.circuit).toBe('closed');
    await made.close();
  });

  test('opens after attempts to connect that fail, each counted once for all who wait', async () => {
    const { made, server, circuit, request } = link({ retry: false });
    server.away = away();
    const before = await Promise.all(Array.from({ length: 20 }, () => rejection(request())));
    expect(before.every((error) => (error as McpFleetError).code === 'CONNECT_FAILED')).toBe(true);
    expect(server.attempts).toHaveLength(1);
    expect(circuit).toEqual([]);
    for (let n = 0; n < 4; n++) {
      const refused = rejection(request());
      // Later attempts keep to the backoff.
      await pass(10_000);
      expect(await refused).toMatchObject({ delivery: 'not-sent' });
    }
    expect(circuit[0]).toBe('closed → open');
    await made.close();
  });

  test('connects for its ping where there is no session', async () => {
    const { made, server, request } = link({ retry: false });
    server.away = away();
    while (made.circuit === 'closed') {
      const refused = rejection(request());
      await pass(100);
      if (made.circuit === 'closed') await pass(10_000);
      await refused;
    }
    server.away = undefined;
    await pass(60_000);
    expect(made.circuit).toBe('closed');
    expect(made.connection.status).toBe('ready');
    await made.close();
  });

  test.each([
    ['a server that refuses the token', new AuthError('UNAUTHORIZED', 'HTTP 401', { delivery: 'rejected' })],
    ['a token that cannot be had', new AuthError('TOKEN_FAILED', 'no token', { delivery: 'not-sent' })],
  ])('does not stay open for %s: callers learn of that', async (_what, error) => {
    const { made, server, request, fail } = link({ healthCheck: false });
    await request();
    await fail(5);
    server.away = error;
    server.sessions[0]?.lose();
    await pass(10_000);
    expect(made.circuit).toBe('closed');
    expect(await rejection(request())).toMatchObject({ code: error.code });
    await made.close();
  });

  test('is told by a connection made in the background that there is life: it asks at once', async () => {
    const { made, server, request, fail, circuit } = link({ healthCheck: false });
    await request();
    await fail(5);
    server.sessions[0]?.lose();
    await pass(1_000);
    expect(server.sessions).toHaveLength(2);
    expect(circuit).toEqual(['closed → open', 'open → half-open', 'half-open → closed']);
    await made.close();
  });

  test('that opens tells those who wait for the server to come back', async () => {
    const { made, server, request } = link();
    await request();
    server.away = away();
    server.sessions[0]?.lose();
    const waiting = Array.from({ length: 10 }, () => rejection(request()));
    for (let n = 0; n < 60 && made.circuit === 'closed'; n++) await pass(1_000);
    expect(made.circuit).toBe('open');
    for (const error of await Promise.all(waiting))
      expect(error).toMatchObject({ code: 'CIRCUIT_OPEN', delivery: 'not-sent' });
    await made.close();
  });

  test('is not opened by a server that refuses tokens', async () => {
    const { made, request, circuit } = link();
    await request();
    for (let n = 0; n < 20; n++) await rejection(request(new AuthError('UNAUTHORIZED', 'HTTP 401')));
    expect(circuit).toEqual([]);
    await made.close();
  });

  test('is not there where it is switched off', async () => {
    const { made, request, fail } = link({ circuitBreaker: false });
    await request();
    await fail(100);
    expect(made.circuit).toBe('closed');
    expect(await request()).toBe('fine');
    await made.close();
  });
});

describe('the health check of a link', () => {
  test('finds a server that does not answer, then unhealthy, then gives its session up', async () => {
    const { made, server, statuses, misses, request } = link();
    await request();
    server.pingFails = broken();
    await pass(30_000);
    expect(made.connection).toMatchObject({ status: 'unhealthy', lastError: { code: 'HTTP_ERROR' } });
    expect(misses).toHaveLength(1);
    expect(await request()).toBe('fine');
    server.pingFails = broken();
    await pass(60_000);
    expect(server.sessions[0]?.closes).toBe(1);
    expect(statuses.slice(0, 3)).toEqual(['connecting', 'ready', 'unhealthy']);
    expect(statuses).toContain('reconnecting');
    await made.close();
  });

  test('finds it well again at the next ping that is answered', async () => {
    const { made, server, statuses, request } = link();
    await request();
    server.pingFails = broken();
    await pass(30_000);
    server.pingFails = undefined;
    await pass(30_000);
    expect(statuses).toEqual(['connecting', 'ready', 'unhealthy', 'ready']);
    expect(made.connection.lastError).toBeUndefined();
    expect(server.sessions).toHaveLength(1);
    await made.close();
  });

  test('finds it well again when a call is answered, however busy it is from then on', async () => {
    const { made, server, statuses, request } = link();
    await request();
    server.pingFails = broken();
    await pass(30_000);
    server.pingFails = undefined;
    for (let n = 0; n < 20; n++) {
      await request();
      await pass(10_000);
    }
    expect(statuses).toEqual(['connecting', 'ready', 'unhealthy', 'ready']);
    await made.close();
  });

  test('does not ping a server that answers calls', async () => {
    const { made, server, request } = link();
    for (let n = 0; n < 30; n++) {
      await request();
      await pass(10_000);
    }
    expect(server.pings).toBe(0);
    await made.close();
  });

  test('takes an answer that knows no ping for an answer', async () => {
    const { made, server, misses, request } = link();
    await request();
    server.pingFails = new RemoteError(-32_601, 'Method not found', undefined);
    await pass(90_000);
    expect(server.pings).toBe(3);
    expect(misses).toEqual([]);
    await made.close();
  });

  test('goes on with the session that follows, and ends with the link', async () => {
    const { made, server, request } = link();
    await request();
    server.sessions[0]?.lose();
    await pass(31_500);
    expect(server.sessions).toHaveLength(2);
    expect(server.pings).toBe(1);
    await made.close();
    await pass(600_000);
    expect(server.pings).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is not there where it is switched off', async () => {
    const { made, server, request } = link({ healthCheck: false });
    await request();
    await pass(600_000);
    expect(server.pings).toBe(0);
    await made.close();
  });
});

test('a link counts those who wait for their turn', async () => {
  const { made } = link({ maxConcurrency: 2, maxQueue: 3 });
  const hang = () => new Promise<never>(() => {});
  const start = () => made.request(hang, 'read', new RunningCall(new Deadline({ timeoutMs: 60_000 })));
  const calls = Array.from({ length: 6 }, start);
  const refused = await rejection(calls[5] as Promise<unknown>);
  expect(refused).toMatchObject({ code: 'QUEUE_FULL' });
  expect(made.queued).toBe(3);
  await made.close();
});
