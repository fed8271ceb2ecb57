import { McpFleetError } from 'mcp-fleet';
import { NO_ANSWER } from './fates.js';
import type { Input } from './inputs.js';
import type { FuzzServer } from './servers.js';

export type Outcome = { readonly value: unknown } | { readonly error: unknown };

export function outcomeOf(call: Promise<unknown>): Promise<Outcome> {
  return call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** Framings after which the answer is there, to this request, as every transport carries it. */
const ANSWER = ['whole', 'after-unasked', 'with-spaces', 'twice'];
/** Alterations that leave an answer within every limit. */
const SMALL = ['none', 'absent', 'null', 'type', 'unknown', 'twice'];

/** What of an outcome contradicts what the server did. */
export function contradictions(input: Input, outcome: Outcome, nonce: string, server: FuzzServer): string[] {
  const { fate, method } = input;
  const ran = server.executions.get(nonce) ?? 0;
  const found: string[] = [];
  if (ran > 1) found.push(`the tool ran ${ran} times`);
  if ('value' in outcome) {
    if (method === 'tools/call' && NO_ANSWER.includes(fate.framing)) found.push('a result that nobody sent');
    if (method === 'tools/call' && !Array.isArray((outcome.value as { content?: unknown }).content))
      found.push('a result without content');
    return found;
  }
  const { error } = outcome;
  if (!(error instanceof McpFleetError)) return [...found, `no error of ours: ${String(error)}`];
  const { delivery, code } = error;
  if ((delivery === 'not-sent' || delivery === 'rejected') && ran > 0)
    found.push(`"${delivery}", but it ran`);
  if (method !== 'tools/call') return found;
  if (delivery === undefined) found.push('an error that says nothing of the request');
  if (delivery === 'answered' && NO_ANSWER.includes(fate.framing)) found.push('"answered", but it was not');
  if (server.met !== undefined && isReadable(input, server) && (delivery === 'unknown' || code === 'TIMEOUT'))
    found.push(`${code}, "${delivery}", but it was answered`);
  return found;
}

/** Whether what was sent for the call was a whole answer to it, with whatever in it. */
function isReadable({ fate, transport }: Input, server: FuzzServer): boolean {
  const altered = server.met?.altered;
  if (altered === undefined || !ANSWER.includes(fate.framing)) return false;
  if (fate.framing === 'after-unasked') {
    // As JSON both are one text.
    const costsBoth = altered.alteration === 'broken' && transport.startsWith('http-json');
    return altered.alteration !== 'huge' && !costsBoth;
  }
  const isInside = altered.place.includes('.') || altered.alteration === 'none';
  return SMALL.includes(altered.alteration) && isInside;
}
