import { describe, expect, test, vi } from 'vitest';
import { isAlive, stdioServer } from '../fixtures/stdio-servers.js';
import { type FaultyStdio, faultyStdio, type StdioFault } from './faulty-stdio.js';
import { call, clientOf, eventually, KINDS, SLACK_MS, timed, withinMemory } from './harness.js';
import { Ledger, told } from './ledger.js';

/** No process of it is left, soon. */
async function gone(server: FaultyStdio): Promise<void> {
  await vi.waitFor(() => expect(server.pids.filter(isAlive)).toEqual([]), { timeout: 5_000 });
}

describe.concurrent('row 16: a process that ends in a call', () => {
  const endings = ['exits-before', 'exits-after', 'killed-before', 'killed-after', 'half-answer'] as const;

  test.for(endings)('(%s): a tool call is unknown at once, and never repeated', async (fault, context) => {
    await using server = await faultyStdio(fault);
    const client = clientOf(server.config);
    await client.listTools();
    const ledger = new Ledger();
    const { ms, value } = await timed(() => ledger.run('tool', (nonce) => call(client, 'tool', nonce)));
    context.expect(told(value)).toBe('OUTCOME_UNKNOWN, unknown');
    context.expect(ms).toBeLessThan(100 + SLACK_MS);
    ledger.reconcile(server.executions);
    context.expect(server.executions.size).toBe(fault.endsWith('before') ? 0 : 1);
    await client.close();
    await gone(server);
  });

  const repeatable = endings.flatMap((fault) =>
    (['read', 'idempotent'] as const).map((kind) => [fault, kind] as const),
  );
  test.for(repeatable)('(%s): a %s call is repeated on a new process', async ([fault, kind], context) => {
    await using server = await faultyStdio(fault, 'once');
    const client = clientOf(server.config);
    await client.connect();
    const ledger = new Ledger();
    context.expect(told(await ledger.run(kind, (nonce) => call(client, kind, nonce)))).toBe('ok');
    ledger.reconcile(server.executions);
    context.expect(server.pids).toHaveLength(2);
    await client.close();
    await gone(server);
  });
});

describe('row 16', () => {
  test('a process that is killed under many calls: each is told the truth, and the next work', async () => {
    await using server = await faultyStdio('hangs');
    const client = clientOf(server.config);
    await client.listTools();
    const ledger = new Ledger();
    const calls = Array.from({ length: 20 }, () =>
      ledger.run('tool', (nonce) => call(client, 'tool', nonce)),
    );
    await eventually(() => expect(server.executions.size).toBe(20));
    process.kill(server.pids[0] as number, 'SIGKILL');
    const { ms } = await timed(() => Promise.all(calls));
    expect(ms).toBeLessThan(100 + SLACK_MS);
    expect(ledger.reconcile(server.executions)).toMatchObject({ unknown: 20 });
    await client.connect();
    expect(server.pids).toHaveLength(2);
    await client.close();
    await gone(server);
  });

  test('a process that dies at each start is started again with backoff, and calls fail within their deadline', async () => {
    await using server = await faultyStdio('dies');
    const client = clientOf(server.config, { healthCheck: false });
    const ledger = new Ledger();
    const until = performance.now() + 2_500;
    while (performance.now() < until) {
      const { ms } = await timed(() =>
        ledger.run('tool', (nonce) => call(client, 'tool', nonce, { timeoutMs: 500 })),
      );
      expect(ms).toBeLessThan(500 + SLACK_MS);
    }
    expect(ledger.reconcile(server.executions)).toMatchObject({ 'not-sent': ledger.size });
    // Without a backoff it would be hundreds.
    expect(server.pids.length).toBeLessThanOrEqual(20);
    await client.close();
    await gone(server);
  });

  test('a command that does not exist is told at once, and not tried again and again', async () => {
    const client = clientOf({ command: 'no-such-command-here' });
    const ledger = new Ledger();
    const { ms } = await timed(async () => {
      for (const kind of KINDS) await ledger.run(kind, (nonce) => call(client, kind, nonce));
    });
    expect(ledger.reconcile(new Map())).toMatchObject({ 'not-sent': 3 });
    expect(ms).toBeLessThan(1_000 + SLACK_MS);
    expect(client.status).toBe('failed');
    await client.close();
  });
});

test('row 17: a process that writes 1 GB without a line break in a call: unknown, in little memory', async () => {
  await withinMemory(64 * 1_048_576, async () => {
    await using server = await faultyStdio('flood');
    const client = clientOf(server.config);
    await client.listTools();
    const ledger = new Ledger();
    const { ms, value } = await timed(() => ledger.run('tool', (nonce) => call(client, 'tool', nonce)));
    expect(told(value)).toBe('OUTCOME_UNKNOWN, unknown');
    expect(ms).toBeLessThan(1_000 + SLACK_MS);
    await client.close();
    ledger.reconcile(server.executions);
    await gone(server);
  });
});

describe.concurrent('row 17: a process that', () => {
  test.for<StdioFault>(['plain', 'banner', 'garbage', 'half-lines', 'crlf'])(
    '(%s) works',
    async (fault, context) => {
      await using server = await faultyStdio(fault);
      const client = clientOf(server.config);
      const ledger = new Ledger();
      for (const kind of KINDS) await ledger.run(kind, (nonce) => call(client, kind, nonce));
      context.expect(ledger.reconcile(server.executions)).toMatchObject({ ok: 3 });
      await client.close();
      await gone(server);
    },
  );

  test('writes 1 GB without a line break at its start works or is not connected, soon', async ({
    expect,
  }) => {
    await using server = await faultyStdio('flood-at-start');
    const client = clientOf(server.config);
    const { ms, value } = await timed(() => client.connect().catch((error: unknown) => error));
    // Its answer stands somewhere in all that.
    if (value !== undefined) expect(value).toMatchObject({ delivery: 'not-sent' });
    expect(ms).toBeLessThan(1_000 + SLACK_MS);
    await client.close();
    await gone(server);
  });

  test('closes its stdout in a call is noticed at the deadline at the latest', async ({ expect }) => {
    await using server = await faultyStdio('closes-stdout');
    const client = clientOf(server.config);
    await client.listTools();
    const ledger = new Ledger();
    const { ms, value } = await timed(() =>
      ledger.run('tool', (nonce) => call(client, 'tool', nonce, { timeoutMs: 1_000 })),
    );
    expect(told(value)).toMatch(/, unknown$/);
    expect(ms).toBeLessThan(1_000 + SLACK_MS);
    ledger.reconcile(server.executions);
    await client.close();
    await gone(server);
  });

  test.for(['stubborn', 'grandchild'] as const)(
    '(%s) leaves nothing behind within 5 s',
    async (script, { expect }) => {
      const client = clientOf(stdioServer(script));
      const pidOf = async (name: string) => {
        const { content } = await client.callTool({ name });
        return Number((content[0] as { text: string }).text);
      };
      const pids = [await pidOf('pid')];
      if (script === 'grandchild') pids.push(await pidOf('grandchild'));
      const { ms } = await timed(() => client.close());
      expect(ms).toBeLessThan(5_000 + SLACK_MS);
      await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
    },
  );

  test('is killed while a grandchild holds its stdout: the call ends at once', async ({ expect }) => {
    const client = clientOf(stdioServer('grandchild'));
    const { content } = await client.callTool({ name: 'pid' });
    const waiting = client.callTool({ name: 'wait' }).catch((error: unknown) => error);
    process.kill(Number((content[0] as { text: string }).text), 'SIGKILL');
    const { ms, value } = await timed(() => waiting);
    expect(value).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(ms).toBeLessThan(100 + SLACK_MS);
    await client.close();
  });
});
