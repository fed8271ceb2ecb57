import type { McpClient } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { type FaultServer, faultServer } from './fault-server.js';
import { type Fault, status } from './faults.js';
import { call, clientOf, eventually, KINDS, warm } from './harness.js';
import { Ledger, told } from './ledger.js';
import { FIRST, IS_MODERN } from './wire.js';

/** What may always be repeated. */
const OPERATIONS: Record<string, (client: McpClient) => Promise<unknown>> = {
  [IS_MODERN ? FIRST : 'ping']: (client) => client.ping(),
  'tools/list': (client) => client.listTools({ fresh: true }),
  'resources/list': (client) => client.listResources(),
  'resources/templates/list': (client) => client.listResourceTemplates(),
  'prompts/list': (client) => client.listPrompts(),
  'resources/read': (client) => client.readResource('nonce://x'),
  'prompts/get': (client) => client.getPrompt('ask', { nonce: 'x' }),
  'completion/complete': (client) =>
    client.complete({ ref: { type: 'ref/prompt', name: 'ask' }, argument: { name: 'nonce', value: '' } }),
  ...(!IS_MODERN && {
    'resources/subscribe': (client) => client.subscribeResource('nonce://x'),
    'resources/unsubscribe': (client) => client.unsubscribeResource('nonce://x'),
    'logging/setLevel': (client) => client.setLogLevel('error'),
  }),
};

const RESET: Fault = { when: 'before', what: 'reset' };

describe('what changes nothing is repeated', () => {
  const faults: Record<string, Fault> = {
    'a lost connection (unknown)': RESET,
    '500 (unknown)': status(500),
    '429 (rejected)': status(429),
    '421 (rejected)': status(421),
  };
  const cells = Object.keys(OPERATIONS).flatMap((method) =>
    Object.keys(faults).map((fault) => [method, fault] as const),
  );
  test.each(cells)('%s after %s', async (method, fault) => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    server.requests.length = 0;
    server.inject(faults[fault] as Fault, { on: method });
    await OPERATIONS[method]?.(client);
    expect(server.requestsOf(method)).toHaveLength(2);
  });

  test.each(Object.keys(faults))(`${FIRST} after %s`, async (fault) => {
    await using server = await faultServer();
    await using client = clientOf({ type: 'http', url: server.url });
    server.inject(faults[fault] as Fault, { on: FIRST });
    const ledger = new Ledger();
    // A call that needs the connection gets it.
    expect(told(await ledger.run('tool', (nonce) => call(client, 'tool', nonce)))).toBe('ok');
    ledger.reconcile(server.executions);
    expect(server.requestsOf(FIRST)).toHaveLength(2);
  });
});

/** What a tool call is told that meets the fault as often as it asks, and how often it asked. */
async function toldOf(fault: Fault, times: number, act?: (server: FaultServer) => void) {
  await using server = await faultServer();
  await using client = clientOf({ url: server.url }, { retry: { baseDelayMs: 1 } });
  await warm(client, server);
  server.inject(fault, { times });
  act?.(server);
  const ledger = new Ledger();
  const outcome = await ledger.run('tool', (nonce) => call(client, 'tool', nonce));
  ledger.reconcile(server.executions);
  return { outcome: told(outcome), asked: server.requestsOf('tools/call').length };
}

describe('a tool call that the server refused', () => {
  test.each([421, 429])('with %i is repeated, within the attempts', async (code) => {
    expect(await toldOf(status(code), 1)).toEqual({ outcome: 'ok', asked: 2 });
    const code3 = await toldOf(status(code), 9);
    expect(code3.outcome).toMatch(/^(HTTP_ERROR|RATE_LIMITED), rejected$/);
    expect(code3.asked).toBe(3);
  });

  test('with 403 for its scope is rejected; with 403 alone nobody knows; neither is repeated', async () => {
    const scope = status(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="write"' });
    expect(await toldOf(scope, 9)).toEqual({ outcome: 'FORBIDDEN, rejected', asked: 1 });
    const { outcome, asked } = await toldOf(status(403), 9);
    expect(outcome).toMatch(/^(FORBIDDEN|OUTCOME_UNKNOWN), unknown$/);
    expect(asked).toBe(1);
  });

  test('with 401 and no provider to ask is rejected, once', async () => {
    expect(await toldOf(status(401, { 'www-authenticate': 'Bearer' }), 9)).toEqual({
      outcome: 'UNAUTHORIZED, rejected',
      asked: 1,
    });
  });

  test.each([400, 405, 406, 408, 409, 410, 413, 415, 422, 425, 500, 501, 502, 503, 504, 507])(
    'with %i may have run, and is not repeated',
    async (code) => {
      const { outcome, asked } = await toldOf(status(code, {}, 'after'), 9);
      expect(outcome).toBe('OUTCOME_UNKNOWN, unknown');
      expect(asked).toBe(1);
    },
  );

  test.each([301, 302, 303, 307, 308])('with a redirect (%i) is not sent on', async (code) => {
    const { outcome, asked } = await toldOf(status(code, { location: '/mcp' }), 9);
    expect(outcome).toMatch(/, (unknown|rejected)$/);
    expect(asked).toBe(1);
  });

  const answered = (code: number, http = 200): Fault => ({
    when: 'after',
    what: 'respond',
    response: ({ id }) => ({
      status: http,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id, error: { code, message: 'no' } }),
    }),
  });

  test.each([-32_700, -32_600, -32_601, -32_602, -32_603, -32_000, 1, 404])(
    'with JSON-RPC %i was answered, may have run, and is not repeated',
    async (code) => {
      expect(await toldOf(answered(code), 9)).toEqual({ outcome: 'REMOTE_ERROR, answered', asked: 1 });
      expect(await toldOf(answered(code, 400), 9)).toEqual({ outcome: 'REMOTE_ERROR, answered', asked: 1 });
    },
  );
});

describe('a call that has not left', () => {
  test.each(KINDS)('is not-sent: a %s call whose caller had given up before', async (kind) => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    const { length } = server.requests;
    const reason = new Error('never mind');
    const signal = AbortSignal.abort(reason);
    await expect(call(client, kind, 'x', { signal })).rejects.toBe(reason);
    expect(server.requests).toHaveLength(length);
  });

  test('is not-sent when its deadline passes while it connects', async () => {
    await using server = await faultServer();
    server.inject({ when: 'before', what: 'hang' }, { on: FIRST, times: 9 });
    await using client = clientOf({ url: server.url });
    const ledger = new Ledger();
    const outcome = await ledger.run('tool', (nonce) => call(client, 'tool', nonce, { timeoutMs: 200 }));
    expect(told(outcome)).toBe('TIMEOUT, not-sent');
    ledger.reconcile(server.executions);
  });
});

test('retries off: what fails, fails at once, with the truth', async () => {
  await using server = await faultServer();
  await using client = clientOf({ url: server.url }, { retry: false });
  await warm(client, server);
  const ledger = new Ledger();
  for (const kind of KINDS) {
    server.inject({ when: 'after', what: 'reset' });
    await ledger.run(kind, (nonce) => call(client, kind, nonce));
  }
  expect(ledger.reconcile(server.executions, { readAttempts: 1, idempotentAttempts: 1 })).toMatchObject({
    unknown: 3,
  });
  await eventually(() => expect(server.unanswered).toBe(0));
});
