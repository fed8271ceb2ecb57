import { afterEach, describe, expect, test, vi } from 'vitest';
import { faultServer } from './fault-server.js';
import { DOUBLE_ANSWERS, ODD_ANSWERS, status, UNUSABLE_ANSWERS } from './faults.js';
import { call, clientOf, eventually, KINDS, SLACK_MS, timed, warm, withinMemory } from './harness.js';
import { type CallKind, Ledger, type Outcome, told } from './ledger.js';
import { TOOLS, type ToolPages } from './mcp-core.js';
import { VirtualServer } from './virtual-server.js';

afterEach(() => {
  vi.useRealTimers();
});

// ── Row 11 ────────────────────────────────────────────────────────────────────

const YEAR_S = 31_536_000;
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toUTCString();

describe.each([429, 503] as const)('row 11: %i with Retry-After', (code) => {
  /** On a virtual clock: one refusal, then all is well. */
  async function afterRefusal(kind: CallKind, retryAfter: () => string | undefined) {
    const server = new VirtualServer();
    await using warmUp = clientOf({ url: server.url, fetch: server.fetch });
    await warmUp.listTools();

    vi.useFakeTimers({ now: 1_800_000_000_000 });
    const client = clientOf({ url: server.url, fetch: server.fetch }, { healthCheck: false });
    await client.listTools();
    let refusals = 0;
    const attempts: number[] = [];
    server.script = ({ rpc, at }) => {
      if (rpc.method !== 'tools/call' && rpc.method !== 'resources/read') return undefined;
      attempts.push(at);
      if (++refusals > 1) return undefined;
      const field = retryAfter();
      return new Response('later', {
        status: code,
        headers: field === undefined ? {} : { 'retry-after': field },
      });
    };
    const ledger = new Ledger();
    const startedAt = Date.now();
    let outcome: Outcome | undefined;
    let endedAt = 0;
    void ledger
      .run(kind, (nonce) => call(client, kind, nonce))
      .then((how) => {
        outcome = how;
        endedAt = Date.now();
      });
    for (let second = 0; second < 70 && outcome === undefined; second++)
      await vi.advanceTimersByTimeAsync(1_000);
    ledger.reconcile(server.executions);
    const { circuit } = client.snapshot() as unknown as { circuit: string };
    const closed = client.close();
    await vi.advanceTimersByTimeAsync(15_000);
    await closed;
    const error = outcome?.is === 'error' ? (outcome.error as { retryAfterMs?: number }) : undefined;
    const waitedMs = (attempts[1] ?? Number.NaN) - (attempts[0] as number);
    return {
      outcome: told(outcome),
      error,
      waitedMs,
      tookMs: endedAt - startedAt,
      circuit,
      attempts: attempts.length,
    };
  }

  /** A tool call that was refused with 503 may have run all the same. */
  const repeated = (kind: CallKind) => code === 429 || kind !== 'tool';

  test.each(KINDS)('in seconds, of a %s call, is kept', async (kind) => {
    const { outcome, waitedMs, attempts } = await afterRefusal(kind, () => '7');
    expect(attempts).toBe(repeated(kind) ? 2 : 1);
    expect(outcome).toBe(repeated(kind) ? 'ok' : 'OUTCOME_UNKNOWN, unknown');
    if (!repeated(kind)) return;
    expect(waitedMs).toBeGreaterThanOrEqual(7_000);
    expect(waitedMs).toBeLessThan(15_000);
  });

  test('as a date is kept', async () => {
    const { outcome, waitedMs } = await afterRefusal('read', () => inSeconds(20));
    expect(outcome).toBe('ok');
    // Dates have whole seconds.
    expect(waitedMs).toBeGreaterThan(18_000);
    expect(waitedMs).toBeLessThan(30_000);
  });

  test.each(['soon', '-5', '1e9', '', '12 parsecs', 'Mon, 99 Foo 2026'])(
    'that is junk (%j) is none',
    async (junk) => {
      const { outcome, waitedMs } = await afterRefusal('read', () => junk);
      expect(outcome).toBe('ok');
      expect(waitedMs).toBeLessThan(1_000);
    },
  );

  test('that is absent is none', async () => {
    const { outcome, waitedMs } = await afterRefusal('read', () => undefined);
    expect(outcome).toBe('ok');
    expect(waitedMs).toBeLessThan(1_000);
  });

  test.each([() => String(YEAR_S), () => inSeconds(YEAR_S), () => '61'])(
    'beyond the deadline fails at once and says how long (%#)',
    async (retryAfter) => {
      for (const kind of KINDS) {
        const { outcome, error, tookMs, attempts } = await afterRefusal(kind, retryAfter);
        const delivery = code === 429 ? 'rejected' : 'unknown';
        expect(outcome).toMatch(new RegExp(`^(RATE_LIMITED|HTTP_ERROR|OUTCOME_UNKNOWN), ${delivery}$`));
        expect(error?.retryAfterMs).toBeGreaterThan(60_000);
        expect(tookMs).toBeLessThanOrEqual(1_000);
        expect(attempts).toBe(1);
      }
    },
  );
});

test('row 11: however many 429 there are, the circuit stays closed', async () => {
  await using server = await faultServer();
  await using client = clientOf({ url: server.url }, { retry: false });
  await warm(client, server);
  const states: unknown[] = [];
  (client as unknown as { on(name: string, listener: (event: { state: unknown }) => void): void }).on(
    'circuit',
    ({ state }) => states.push(state),
  );
  server.inject(status(429), { times: 30 });
  const ledger = new Ledger();
  for (let index = 0; index < 30; index++) {
    const kind = KINDS[index % 3] as CallKind;
    await ledger.run(kind, (nonce) => call(client, kind, nonce));
  }
  expect(ledger.reconcile(server.executions)).toMatchObject({ rejected: 30 });
  expect(states).toEqual([]);
  expect(client.snapshot()).toMatchObject({ circuit: 'closed' });
});

// ── Row 12 ────────────────────────────────────────────────────────────────────

describe.each([500, 502, 503, 504] as const)('row 12: HTTP %i', (code) => {
  test.each(['before', 'after'] as const)(
    '%s the execution: reads are repeated, tool calls unknown',
    async (when) => {
      await using server = await faultServer();
      await using client = clientOf({ url: server.url });
      await warm(client, server);
      const ledger = new Ledger();
      const outcomes: Record<string, string> = {};
      for (const kind of KINDS) {
        server.inject(status(code, {}, when));
        outcomes[kind] = told(await ledger.run(kind, (nonce) => call(client, kind, nonce)));
      }
      expect(outcomes).toEqual({ read: 'ok', tool: 'OUTCOME_UNKNOWN, unknown', idempotent: 'ok' });
      ledger.reconcile(server.executions);
      expect([...server.executions.values()].sort()).toEqual(when === 'before' ? [1, 1] : [1, 2, 2]);
    },
  );
});

test('row 12: reads against a server that only fails use no more than the budget', async () => {
  await using server = await faultServer();
  await using client = clientOf({ url: server.url }, { circuitBreaker: false, retry: { baseDelayMs: 1 } });
  await warm(client, server);
  server.faultFor = ({ rpc }) => (rpc.method === 'resources/read' ? status(500) : undefined);
  const ledger = new Ledger();
  for (let index = 0; index < 200; index++) await ledger.run('read', (nonce) => call(client, 'read', nonce));
  expect(ledger.reconcile(server.executions)).toMatchObject({ unknown: 200 });
  expect(server.requestsOf('resources/read').length).toBeLessThanOrEqual(1.1 * 200 + 10);
});

// ── Row 14 ────────────────────────────────────────────────────────────────────

const HUNDRED_MB = 100 * 1_048_576;

describe('row 14: 100 MB', () => {
  test.each([
    ['json', 'RESPONSE_TOO_LARGE'],
    ['sse', 'RESPONSE_TOO_LARGE'],
    ['gzip', 'RESPONSE_TOO_LARGE'],
    ['error', 'HTTP_ERROR'],
  ] as const)('as %s are a typed error, soon, and in little memory', async (as, code) => {
    await using server = await faultServer();
    await using client = clientOf({ url: server.url }, { retry: false });
    await warm(client, server);
    const ledger = new Ledger();
    // Loads and compiles what an ordinary answer does not need.
    server.inject({ when: 'after', what: 'flood', as, bytes: 12_000_000 });
    await ledger.run('tool', (nonce) => call(client, 'tool', nonce));

    await withinMemory(64 * 1_048_576, async () => {
      for (const kind of ['tool', 'read'] as const) {
        const written = server.bytesWritten;
        server.inject({ when: 'after', what: 'flood', as, bytes: HUNDRED_MB });
        const { ms, value } = await timed(() => ledger.run(kind, (nonce) => call(client, kind, nonce)));
        expect(ms).toBeLessThan(2_000 + SLACK_MS);
        expect(value).toMatchObject({ is: 'error', delivery: 'unknown' });
        const { error } = value as { error: { code: string; message: string; cause?: { code?: string } } };
        expect(kind === 'tool' ? error.cause?.code : error.code).toBe(code);
        expect(error.message.length).toBeLessThan(800);
        await eventually(() => expect(server.unanswered).toBe(0));
        // What lies in the buffers of the system is not read either.
        expect(server.bytesWritten - written).toBeLessThan(40 * 1_048_576);
      }
    });
    expect(told(await ledger.run('read', (nonce) => call(client, 'read', nonce)))).toBe('ok');
    ledger.reconcile(server.executions);
  });
});

// ── Row 15 ────────────────────────────────────────────────────────────────────

describe('row 15: an answer that cannot be used', () => {
  test.each(Object.keys(UNUSABLE_ANSWERS) as (keyof typeof UNUSABLE_ANSWERS)[])(
    '(%s) is a typed error at once, for every kind of call',
    async (name) => {
      await using server = await faultServer();
      await using client = clientOf(
        { url: server.url },
        { retry: { baseDelayMs: 1 }, circuitBreaker: false },
      );
      await warm(client, server);
      const ledger = new Ledger();
      for (const kind of KINDS) {
        server.inject(UNUSABLE_ANSWERS[name], { times: 3 });
        const { ms, value } = await timed(() => ledger.run(kind, (nonce) => call(client, kind, nonce)));
        expect(ms).toBeLessThan(1_000 + SLACK_MS);
        expect(value.is).toBe('error');
        // "answered": there is one, and it is no result.
        expect(told(value)).toMatch(/, (unknown|answered)$/);
        server.heal();
      }
      ledger.reconcile(server.executions);
      await eventually(() => expect(server.unanswered).toBe(0));
      expect(told(await ledger.run('tool', (nonce) => call(client, 'tool', nonce)))).toBe('ok');
    },
  );

  test.each(Object.keys(ODD_ANSWERS) as (keyof typeof ODD_ANSWERS)[])(
    'with %s is an answer all the same',
    async (name) => {
      await using server = await faultServer();
      await using client = clientOf({ url: server.url });
      await warm(client, server);
      const ledger = new Ledger();
      server.inject(ODD_ANSWERS[name], { times: 3 });
      for (const kind of KINDS) await ledger.run(kind, (nonce) => call(client, kind, nonce));
      const once = { readAttempts: 1, idempotentAttempts: 1 };
      expect(ledger.reconcile(server.executions, once)).toMatchObject({ ok: 3 });
    },
  );

  test.each(Object.keys(DOUBLE_ANSWERS) as (keyof typeof DOUBLE_ANSWERS)[])(
    'given twice, %s, is one answer, and harms no other call',
    async (name) => {
      await using server = await faultServer();
      await using client = clientOf({ url: server.url });
      await warm(client, server);
      const ledger = new Ledger();
      server.inject(DOUBLE_ANSWERS[name], { times: 9 });
      const kinds = [...KINDS, ...KINDS, ...KINDS];
      await Promise.all(kinds.map((kind) => ledger.run(kind, (nonce) => call(client, kind, nonce))));
      expect(ledger.reconcile(server.executions, { readAttempts: 1, idempotentAttempts: 1 })).toMatchObject({
        ok: 9,
      });
    },
  );
});

// ── Row 20 ────────────────────────────────────────────────────────────────────

describe('row 20: a list of tools', () => {
  const page = (name: string, nextCursor?: string): ReturnType<ToolPages> => ({
    tools: [{ name, inputSchema: { type: 'object' } }],
    ...(nextCursor !== undefined && { nextCursor }),
  });

  test.each<[string, ToolPages, number]>([
    ['whose cursor loops', () => page('a', 'again'), 3],
    ['whose cursors go in a circle', (cursor) => page('a', cursor === '1' ? '2' : '1'), 4],
    ['of ever more pages', (cursor) => page(`t${cursor ?? 0}`, String(Number(cursor ?? 0) + 1)), 10_000],
  ])('%s is cut, reported and bounded', async (_what, pages, most) => {
    await using server = await faultServer();
    server.core.toolPages = pages;
    await using client = clientOf({ url: server.url });
    const reported = client.once('error');
    expect((await client.listTools()).length).toBeGreaterThan(0);
    const { during, error } = await reported;
    expect([during, error.code]).toEqual(['catalog', 'PROTOCOL_ERROR']);
    expect(client.snapshot().truncated).toEqual(['tools']);
    expect(server.requestsOf('tools/list').length).toBeLessThanOrEqual(most);
    // Tools can be called all the same.
    const ledger = new Ledger();
    expect(told(await ledger.run('tool', (nonce) => call(client, 'tool', nonce)))).toBe('ok');
    ledger.reconcile(server.executions);
  });

  test.each([
    ['without a name', { inputSchema: { type: 'object' } }],
    ['that is null', null],
    ['whose schema is a text', { name: 'bad', inputSchema: 'object' }],
    [
      'whose schema is huge',
      { name: 'bad', inputSchema: { type: 'object', description: 'x'.repeat(300_000) } },
    ],
  ])('with one %s has all the others, and the bad one is told', async (_what, bad) => {
    await using server = await faultServer();
    server.core.toolPages = () => ({ tools: [TOOLS[0], bad, TOOLS[1], TOOLS[2]] });
    await using client = clientOf({ url: server.url });
    const errors: unknown[] = [];
    client.on('error', ({ during, error }) => errors.push([during, error.code]));
    const tools = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['charge', 'lookup', 'put']);
    expect(errors).toEqual([['catalog', 'PROTOCOL_ERROR']]);
  });

  test('whose output schema would block the thread for ever blocks nothing', async () => {
    await using server = await faultServer();
    const hostile = { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } };
    server.core.toolPages = () => ({ tools: [{ ...TOOLS[0], outputSchema: hostile }] });
    await using client = clientOf({ url: server.url });
    await warm(client, server);
    server.inject({
      when: 'after',
      what: 'respond',
      response: (answer) => ({
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          ...answer,
          result: { content: [], structuredContent: { a: `${'a'.repeat(40)}!` } },
        }),
      }),
    });
    const ledger = new Ledger();
    const { ms } = await timed(() => ledger.run('tool', (nonce) => call(client, 'tool', nonce)));
    expect(ms).toBeLessThan(1_000 + SLACK_MS);
    expect(ledger.reconcile(server.executions)).toMatchObject({ ok: 1 });
  });

  test('of more than 20,000 tools is bounded', async () => {
    await using server = await faultServer();
    server.core.toolPages = () => ({
      tools: Array.from({ length: 21_000 }, (_, index) => ({
        name: `t${index}`,
        inputSchema: { type: 'object' },
      })),
    });
    await using client = clientOf({ url: server.url });
    expect(await client.listTools()).toHaveLength(20_000);
    expect(client.snapshot().truncated).toEqual(['tools']);
  });
});
