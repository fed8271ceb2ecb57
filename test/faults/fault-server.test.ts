import { describe, expect, test } from 'vitest';
import { faultServer } from './fault-server.js';
import { call, clientOf, eventually, KINDS, warm } from './harness.js';
import { Ledger } from './ledger.js';

describe('the fault server, while nothing goes wrong', () => {
  test.each(['json', 'sse'] as const)('executes and answers with %s, and records it', async (answers) => {
    await using server = await faultServer({ answers, stream: 'open' });
    const client = clientOf({ url: server.url });
    const ledger = new Ledger();
    await warm(client, server);
    for (const kind of KINDS) await ledger.run(kind, (nonce) => call(client, kind, nonce));
    await ledger.run('read', (nonce) => client.getPrompt('ask', { nonce }));
    expect(ledger.reconcile(server.executions)).toMatchObject({ ok: 4 });
    expect(server.initializes).toBe(1);
    expect(server.sessions.size).toBe(1);
    await client.close();
    expect(server.sessions.size).toBe(0);
    await eventually(() => expect(server.openSockets).toBe(0));
  });
});

test('an execution is recorded also when its answer never leaves', async () => {
  await using server = await faultServer();
  await using client = clientOf({ url: server.url });
  await warm(client, server);
  const ledger = new Ledger();
  server.inject({ when: 'after', what: 'reset' }, { on: 'tools/call' });
  server.inject({ when: 'before', what: 'reset' }, { on: 'tools/call' });
  await ledger.run('tool', (nonce) => call(client, 'tool', nonce));
  expect([...server.executions.values()]).toEqual([1]);
  await ledger.run('tool', (nonce) => call(client, 'tool', nonce));
  expect([...server.executions.values()]).toEqual([1]);
  expect(server.faultsMet).toBe(2);
  ledger.reconcile(server.executions);
});
