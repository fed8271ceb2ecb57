import type { Random } from '../faults/random.js';
import { type Altered, altered } from './grammar.js';
import { answerTo, failureOf, questionTo, type Rpc, unaskedMessages } from './messages.js';

/** How an answer comes. */
const FRAMINGS = [
  ...[
    'whole',
    'whole',
    'whole',
    'after-unasked',
    'after-noise',
    'with-mark',
    'with-spaces',
    'twice',
    'in-batch',
  ],
  ...['as-text-id', 'for-another-first', 'cut', 'nothing', 'for-another-only', 'odd-status'],
] as const;
type Framing = (typeof FRAMINGS)[number];

/** Framings that send no whole answer to the request. */
export const NO_ANSWER: readonly Framing[] = ['cut', 'nothing', 'for-another-only'];

/** What happens to one request: chosen before it comes, as a function of the random numbers alone. */
export interface Fate {
  readonly framing: Framing;
  /** Whether the answer is an error. */
  readonly isFailure: boolean;
  /** The connection ends behind what is sent. */
  readonly thenCloses: boolean;
  readonly status: number;
  readonly contentType: string | undefined;
  /** What is sent for a request, message by message. */
  write(rpc: Rpc): Sent;
}

export interface Sent {
  readonly texts: readonly string[];
  /** The alteration of the answer, or of the message before it. */
  readonly altered: Altered;
}

/** Statuses that say nothing of whether the request ran. */
const STATUSES = [
  200, 201, 202, 204, 206, 302, 304, 400, 403, 404, 405, 408, 409, 410, 418, 422, 500, 502, 503, 504,
];
/** Those that JSON-RPC 2.0 section 5.1 reserves, and others. */
const CODES = [-32_700, -32_600, -32_601, -32_602, -32_603, -32_000, 1];
const TYPES = [
  ...['application/json', 'application/json; charset=utf-8', 'text/event-stream', 'text/plain', 'text/html'],
  ...['application/problem+json', '', undefined],
];
const NOISE = [
  '',
  '\u001b[2J\u001b[31mstarting…\u001b[0m',
  'Server running on stdio',
  '{"level":30,"msg":"x"}',
  '{',
  '[]',
  'null',
];

export function fateOf(random: Random): Fate {
  const framing = random.pick(FRAMINGS);
  const isFailure = random.chance(0.2);
  const asks = random.chance(0.25);
  const code = random.pick(CODES);
  const noise = random.pick(NOISE);
  const at = random.below(1_000);
  const unaskedAt = random.below(1_000);
  return {
    framing,
    isFailure,
    thenCloses: NO_ANSWER.includes(framing) && random.chance(0.2),
    status: framing === 'odd-status' ? random.pick(STATUSES) : 200,
    contentType: framing === 'odd-status' ? random.pick(TYPES) : undefined,
    write(rpc) {
      const good = isFailure ? failureOf(rpc, code) : asks ? questionTo(rpc) : answerTo(rpc);
      const plain = JSON.stringify(good);
      const answer = altered(good, random);
      const whole = { altered: answer, texts: [answer.text] };
      switch (framing) {
        case 'after-unasked': {
          const messages = unaskedMessages(rpc);
          const unasked = altered(messages[unaskedAt % messages.length] as object, random);
          return { altered: unasked, texts: [unasked.text, plain] };
        }
        case 'after-noise':
          return { ...whole, texts: [noise, answer.text] };
        case 'with-mark':
          return { ...whole, texts: [`\ufeff${answer.text}`] };
        case 'with-spaces':
          return { ...whole, texts: [` \t${answer.text} \t`] };
        case 'twice':
          return { ...whole, texts: [answer.text, answer.text] };
        case 'in-batch':
          return { ...whole, texts: [`[${answer.text}]`] };
        case 'as-text-id':
          return { ...whole, texts: [altered({ ...good, id: String(rpc.id) }, random).text] };
        case 'for-another-first':
          return { ...whole, texts: [JSON.stringify({ ...good, id: 987_654 }), answer.text] };
        case 'for-another-only':
          return { ...whole, texts: [JSON.stringify({ ...good, id: 987_654 })] };
        case 'cut':
          return { ...whole, texts: [plain.slice(0, 1 + (at % (plain.length - 1)))] };
        case 'nothing':
          return { ...whole, texts: [] };
        default:
          return whole;
      }
    },
  };
}
