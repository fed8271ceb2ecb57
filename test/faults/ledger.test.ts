import { McpFleetError, OutcomeUnknownError } from 'mcp-fleet';
import { describe, expect, test } from 'vitest';
import { type CallKind, Ledger, type Outcome } from './ledger.js';

const failed = (delivery: 'not-sent' | 'rejected' | 'unknown' | 'answered' | undefined): Outcome => ({
  is: 'error',
  delivery,
  code: 'CONNECTION_LOST',
  error: new Error('lost'),
});
const ok: Outcome = { is: 'ok' };
const aborted: Outcome = { is: 'aborted' };

function reconciled(kind: CallKind, outcome: Outcome | undefined, ran: number) {
  const ledger = new Ledger();
  const entry = ledger.open(kind);
  if (outcome !== undefined) entry.outcome = outcome;
  return () => ledger.reconcile(new Map(ran === 0 ? [] : [[entry.nonce, ran]]));
}

describe('the ledger accepts', () => {
  test.each<[CallKind, Outcome, number]>([
    ['tool', ok, 1],
    ['tool', failed('unknown'), 0],
    ['tool', failed('unknown'), 1],
    ['tool', failed('not-sent'), 0],
    ['tool', failed('rejected'), 0],
    ['tool', failed('answered'), 1],
    ['tool', aborted, 0],
    ['tool', aborted, 1],
    ['idempotent', ok, 2],
    ['idempotent', failed('unknown'), 2],
    ['read', ok, 3],
    ['read', failed('unknown'), 3],
  ])('a %s call, told %j, that ran %i times', (kind, outcome, ran) => {
    expect(reconciled(kind, outcome, ran)).not.toThrow();
  });
});

describe('the ledger catches', () => {
  test.each<[string, CallKind, Outcome | undefined, number, RegExp]>([
    ['a tool call that ran twice', 'tool', ok, 2, /a tool call ran more than 1 times/],
    ['a tool call that ran twice in the dark', 'tool', failed('unknown'), 2, /ran more than 1/],
    ['a tool call that ran twice after the caller left', 'tool', aborted, 2, /ran more than 1/],
    ['an idempotent call that ran three times', 'idempotent', ok, 3, /ran more than 2/],
    ['a read that ran four times', 'read', ok, 4, /ran more than 3/],
    ['a success that never happened', 'tool', ok, 0, /ok, but it never ran/],
    ['"not-sent" that ran', 'tool', failed('not-sent'), 1, /"not-sent", but it ran/],
    ['"rejected" that ran', 'tool', failed('rejected'), 1, /"rejected", but it ran/],
    ['"not-sent" of a read that ran', 'read', failed('not-sent'), 1, /"not-sent", but it ran/],
    ['silence about the delivery', 'read', failed(undefined), 0, /does not say what is known/],
    ['a call without an outcome', 'tool', undefined, 1, /never told/],
  ])('%s', (_what, kind, outcome, ran, message) => {
    expect(reconciled(kind, outcome, ran)).toThrow(message);
  });

  test('an execution that nobody asked for', () => {
    const ledger = new Ledger();
    const { nonce } = ledger.open('tool');
    const invented = nonce.replace(/\d+$/, '99');
    expect(() => ledger.reconcile(new Map([[invented, 1]]))).toThrow(/nobody called it/);
  });

  test('and its report names each call, with what was told and how often it ran', async () => {
    const ledger = new Ledger();
    let nonce = '';
    await ledger.run('tool', async (own) => {
      nonce = own;
      throw new McpFleetError('QUEUE_FULL' as 'CLOSED', 'Too many', { delivery: 'not-sent' });
    });
    expect(() => ledger.reconcile(new Map([[nonce, 1]]))).toThrow(
      `1 of 1 calls do not add up:\n  ${nonce}: "not-sent", but it ran (told: QUEUE_FULL, not-sent, "Too many", ran: 1)`,
    );
  });
});

test('a run is summed up by outcome', async () => {
  const ledger = new Ledger();
  const ran = new Map<string, number>();
  const execute = async (nonce: string) => ran.set(nonce, 1);
  const abort = new AbortController();
  abort.abort('enough');
  await ledger.run('read', execute);
  await ledger.run('tool', execute);
  await ledger.run('tool', async (nonce) => {
    await execute(nonce);
    throw new OutcomeUnknownError('Who knows');
  });
  await ledger.run('tool', () => Promise.reject(abort.signal.reason), abort.signal);
  expect(ledger.reconcile(ran)).toEqual({
    ok: 2,
    aborted: 1,
    unknown: 1,
    'not-sent': 0,
    rejected: 0,
    answered: 0,
  });
});
