// With vitest: code that must never pay twice, against a server that misbehaves on command.
import { McpManager, OutcomeUnknownError } from 'mcp-fleet';
import { fakeServer } from 'mcp-fleet/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

// The code under test.
async function pay(manager: McpManager): Promise<string> {
  try {
    await manager.callTool({ name: 'bank__pay' });
    return 'paid';
  } catch (error) {
    return error instanceof OutcomeUnknownError ? 'ask the bank' : 'try later';
  }
}

// Second by second: between them, what is under way gets its turn.
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) await vi.advanceTimersByTimeAsync(1_000);
}

let bank: ReturnType<typeof fakeServer>;
let manager: McpManager;
beforeEach(async () => {
  bank = fakeServer((server) => {
    server.registerTool('pay', {}, () => ({ content: [{ type: 'text', text: 'thank you' }] }));
  });
  manager = new McpManager({ servers: { bank: bank.config } });
  await manager.listTools();
  vi.useFakeTimers();
});
afterEach(async () => {
  vi.useRealTimers();
  await manager.close();
  await bank.close();
});

test('a bank that is away for a moment is no matter', async () => {
  bank.inject({ kind: 'refuse' }, { method: 'tools/call', times: 2 });
  const paying = pay(manager);
  await pass(30);
  expect(await paying).toBe('paid');
  expect(bank.calls).toHaveLength(1);
});

test('an answer that got lost is not a reason to pay again', async () => {
  bank.inject({ kind: 'reset' }, { method: 'tools/call' });
  expect(await pay(manager)).toBe('ask the bank');
  expect(bank.calls).toHaveLength(1);
});

test('a bank that never answers is waited for as long as a call may take', async () => {
  bank.inject({ kind: 'hang', when: 'before' }, { method: 'tools/call' });
  const paying = pay(manager);
  await pass(62);
  expect(await paying).toBe('try later');
  expect(bank.calls).toHaveLength(0);
});
