import { type Delivery, McpFleetError } from 'mcp-fleet';

/** What may be repeated: reads always, idempotent tool calls once, other tool calls never. */
export type CallKind = 'read' | 'tool' | 'idempotent';

export type Outcome =
  | { readonly is: 'ok' }
  | {
      readonly is: 'error';
      readonly delivery: Delivery | undefined;
      readonly code: string;
      readonly error: unknown;
    }
  /** The caller gave up: it got its own reason back, which says nothing of the request. */
  | { readonly is: 'aborted' };

export interface LedgerEntry {
  readonly nonce: string;
  readonly kind: CallKind;
  outcome?: Outcome;
}

export interface LedgerLimits {
  /** How often a read may run. @default 3 */
  readAttempts?: number;
  /** How often an idempotent tool call may run. @default 2 */
  idempotentAttempts?: number;
}

/** How a run ended, by outcome: `ok`, `aborted`, or the delivery of the error. */
export type Summary = Record<'ok' | 'aborted' | Delivery, number>;

let ledgers = 0;

/** Books every call that is made, and holds them against what the server executed. */
export class Ledger {
  readonly #prefix = `L${++ledgers}`;
  readonly #entries = new Map<string, LedgerEntry>();

  get size(): number {
    return this.#entries.size;
  }

  /** Books a call before it is made. */
  open(kind: CallKind): LedgerEntry {
    const entry: LedgerEntry = { nonce: `${this.#prefix}-${kind}-${this.#entries.size + 1}`, kind };
    this.#entries.set(entry.nonce, entry);
    return entry;
  }

  /** Makes a call and books how it ended. Never rejects. */
  async run(
    kind: CallKind,
    call: (nonce: string) => Promise<unknown>,
    signal?: AbortSignal,
  ): Promise<Outcome> {
    const entry = this.open(kind);
    entry.outcome = await call(entry.nonce).then(
      () => ({ is: 'ok' }) as const,
      (error: unknown) => outcomeOf(error, signal),
    );
    return entry.outcome;
  }

  /** @throws {Error} naming every call whose outcome and executions do not fit together. */
  reconcile(executions: ReadonlyMap<string, number>, limits: LedgerLimits = {}): Summary {
    const summary: Summary = { ok: 0, aborted: 0, 'not-sent': 0, rejected: 0, unknown: 0, answered: 0 };
    const lies: string[] = [];
    for (const entry of this.#entries.values()) {
      const { nonce, outcome } = entry;
      const ran = executions.get(nonce) ?? 0;
      if (outcome?.is === 'ok' || outcome?.is === 'aborted') summary[outcome.is]++;
      else if (outcome?.delivery !== undefined) summary[outcome.delivery]++;
      for (const lie of liesOf(entry, ran, limits))
        lies.push(`${nonce}: ${lie} (told: ${toldInFull(outcome)}, ran: ${ran})`);
    }
    for (const nonce of executions.keys()) {
      if (nonce.startsWith(`${this.#prefix}-`) && !this.#entries.has(nonce))
        lies.push(`${nonce}: was executed, but nobody called it`);
    }
    if (lies.length > 0) throw new Error(report(lies, this.#entries.size));
    return summary;
  }
}

/** The table of truths. A line per rule of "Calls that never lie". */
function liesOf(
  { kind, outcome }: LedgerEntry,
  ran: number,
  { readAttempts = 3, idempotentAttempts = 2 }: LedgerLimits,
): string[] {
  const most = { tool: 1, idempotent: idempotentAttempts, read: readAttempts }[kind];
  const lies: string[] = [];
  if (ran > most) lies.push(`a ${kind} call ran more than ${most} times`);
  if (outcome === undefined) return [...lies, 'its outcome was never told'];
  if (outcome.is === 'ok' && ran === 0) lies.push('ok, but it never ran');
  if (outcome.is !== 'error') return lies;
  if (outcome.delivery === undefined) lies.push('an error that does not say what is known of the request');
  if ((outcome.delivery === 'not-sent' || outcome.delivery === 'rejected') && ran > 0)
    lies.push(`"${outcome.delivery}", but it ran`);
  return lies;
}

function outcomeOf(error: unknown, signal?: AbortSignal): Outcome {
  if (signal?.aborted === true && error === signal.reason) return { is: 'aborted' };
  if (!(error instanceof McpFleetError))
    return { is: 'error', delivery: undefined, code: String(error), error };
  return { is: 'error', delivery: error.delivery, code: error.code, error };
}

/** What the caller was told, in short: `ok`, `aborted`, or code and delivery. */
export function told(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'nothing';
  return outcome.is === 'error' ? `${outcome.code}, ${outcome.delivery ?? 'no delivery'}` : outcome.is;
}

function toldInFull(outcome: Outcome | undefined): string {
  if (outcome?.is !== 'error') return told(outcome);
  const { message } = outcome.error as { message?: unknown };
  return `${told(outcome)}, ${JSON.stringify(String(message).slice(0, 160))}`;
}

function report(lies: readonly string[], calls: number): string {
  const shown = lies.slice(0, 20).map((lie) => `  ${lie}`);
  if (lies.length > shown.length) shown.push(`  … and ${lies.length - shown.length} more`);
  return [`${lies.length} of ${calls} calls do not add up:`, ...shown].join('\n');
}
