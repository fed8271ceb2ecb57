import { beforeAll, describe, expect, test } from 'vitest';
import { type FaultServer, faultServer } from './fault-server.js';
import { call, clientOf, eventually, inParallel, KINDS, SLACK_MS, timed } from './harness.js';
import { type CallKind, Ledger, told } from './ledger.js';
import {
  DIRECTIONS,
  type Direction,
  POINTS,
  type Point,
  TOXIC_KINDS,
  type Toxic,
  type ToxicKind,
  tcpProxy,
} from './tcp-proxy.js';
import { IS_MODERN } from './wire.js';

const CONNECT_TIMEOUT_MS = 400;
/** Toxics that delay and spoil nothing. */
const HARMLESS: ReadonlySet<string> = new Set(['latency', 'slice', 'limit']);

interface Cell {
  readonly operation: CallKind;
  readonly kind: ToxicKind;
  readonly direction: Direction;
  readonly at: Point;
}

const cells: Cell[] = KINDS.flatMap((operation) =>
  TOXIC_KINDS.flatMap((kind) =>
    DIRECTIONS.flatMap((direction) => POINTS.map((at) => ({ operation, kind, direction, at }))),
  ),
);

test('the product has at least 150 cells', () => {
  expect(cells.length).toBeGreaterThanOrEqual(150);
});

const nameOf = ({ operation, kind, direction, at }: Cell) => `${operation}: ${kind} ${direction} at ${at}`;
const results = new Map<string, { outcome: string; ms: number; strikes: number; lies: unknown }>();

// One server, and a proxy and a client for each cell. Most of the time is waiting, so the cells run side by side.
beforeAll(async () => {
  await using server = await faultServer();
  // Loads what is loaded with the first connection, which may take longer than a cell has.
  await using first = clientOf({ url: server.url });
  await first.connect();
  await inParallel(cells, 12, async (cell) => results.set(nameOf(cell), await run(cell, server)));
}, 120_000);

async function run({ operation, kind, direction, at }: Cell, server: FaultServer) {
  await using proxy = await tcpProxy(server.port);
  // Where bytes vanish, only a deadline helps.
  const connectTimeoutMs = at === 'connect' && kind === 'timeout' ? CONNECT_TIMEOUT_MS : 10_000;
  const timeoutMs = timeoutOf(kind);
  await using client = clientOf({ type: 'http', url: proxy.url }, { connectTimeoutMs, healthCheck: false });
  // A port may have served another cell before.
  const before = gets(server, proxy.port);
  const toxic: Toxic = { kind, direction, at, times: 1 };
  if (at === 'connect') proxy.toxic(toxic);
  else {
    await client.listTools();
    // The stream that every session tries to open must be out of the way.
    if (!IS_MODERN) await eventually(() => expect(gets(server, proxy.port)).toBe(before + 1));
    proxy.toxic(toxic);
  }
  const ledger = new Ledger();
  const { ms, value } = await timed(() =>
    ledger.run(operation, (nonce) => call(client, operation, nonce, { timeoutMs })),
  );
  let lies: unknown;
  try {
    ledger.reconcile(server.executions);
  } catch (error) {
    lies = error;
  }
  return { outcome: told(value), ms, strikes: proxy.strikes, lies };
}

/** The other cells need far less, but not on a busy machine. */
function timeoutOf(kind: ToxicKind): number {
  return kind === 'timeout' ? 1_000 : 20_000;
}

/** How often the stream that every session tries to open was refused, by the port in the `Host` field. */
function gets(server: FaultServer, port: number): number {
  return server.requests.filter(
    ({ method, headers }) => method === 'GET' && headers.host === `127.0.0.1:${port}`,
  ).length;
}

describe('a proxy spoils one connection', () => {
  test.each(cells.map((cell) => [nameOf(cell), cell] as const))(
    '%s',
    (name, { operation, kind, direction, at }) => {
      const { outcome, ms, strikes, lies } = results.get(name) ?? expect.fail('It was not run');
      expect(lies).toBeUndefined();
      expect(strikes).toBeGreaterThan(0);
      expect(ms).toBeLessThan(timeoutOf(kind) + SLACK_MS);
      expect(outcome).toMatch(expected(operation, kind, direction, at));
    },
  );
});

function expected(operation: CallKind, kind: ToxicKind, direction: Direction, at: Point): RegExp {
  if (HARMLESS.has(kind)) return /^ok$/;
  // The server itself answers half a request, with 400.
  if (kind === 'half-close' && direction === 'up' && (at === 'after-headers' || at === 'mid-body'))
    return /^(ok|HTTP_ERROR, unknown|OUTCOME_UNKNOWN, unknown)$/;
  // One attempt was lost, and it may be repeated.
  if (operation !== 'tool' && kind !== 'timeout') return /^ok$/;
  return /^(ok|OUTCOME_UNKNOWN, unknown|TIMEOUT, .+|CONNECT_FAILED, not-sent)$/;
}
