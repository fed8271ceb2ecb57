import type { CallOptions, ListOptions } from '../calls/call-options.js';
import { ConfigError } from '../core/errors.js';
import { checkedIdentity } from '../core/identity.js';
import { nearest, quoted } from '../core/nearest.js';

/** Milliseconds that a timer of Node can wait. */
const LONGEST_MS = 2 ** 31 - 1;

const OPTIONS: ReadonlySet<string> = new Set<keyof (CallOptions & ListOptions)>([
  'signal',
  'timeoutMs',
  'identity',
  'idempotent',
  'cache',
  'onProgress',
  'maxTotalTimeoutMs',
  'fresh',
]);
const MEMBERS: ReadonlySet<string> = new Set(['name', 'arguments', '_meta', 'server']);

/**
 * Checks what a caller wrote, before anything is sent.
 * @param more options that this caller takes beside those of every call
 * @throws {ConfigError} naming the option that is wrong, and what to write.
 */
export function checkCallOptions(options: CallOptions, more: readonly string[] = []): void {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError(
      'options',
      `expected an object such as { timeoutMs: 5_000 }, got ${shown(options)}`,
    );
  for (const name in options) {
    if (!OPTIONS.has(name) && !more.includes(name))
      throw new ConfigError(`options.${name}`, `is not an option${didYouMean(name, [...OPTIONS, ...more])}`);
  }
  const { timeoutMs, maxTotalTimeoutMs, signal, onProgress, identity } = options;
  checkDuration('timeoutMs', timeoutMs);
  checkDuration('maxTotalTimeoutMs', maxTotalTimeoutMs);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new ConfigError('options.signal', `expected an AbortSignal, got ${shown(signal)}`);
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new ConfigError('options.onProgress', `expected a function, got ${shown(onProgress)}`);
  if (identity !== undefined) checkedIdentity(identity, 'options.identity');
}

/** @throws {ConfigError} naming the member that is wrong, and what to write. */
export function checkToolCall(call: unknown): void {
  if (typeof call !== 'object' || call === null || Array.isArray(call)) {
    const example =
      typeof call === 'string' ? `{ name: ${quoted(call)} }` : "{ name: 'tool', arguments: {} }";
    throw new ConfigError('call', `expected an object such as ${example}, got ${shown(call)}`);
  }
  for (const name in call) {
    if (!MEMBERS.has(name))
      throw new ConfigError(`call.${name}`, `is no member of a tool call${didYouMean(name, [...MEMBERS])}`);
  }
  const { name, arguments: args, server } = call as { [member: string]: unknown };
  if (typeof name !== 'string')
    throw new ConfigError('call.name', `expected the name of a tool, got ${shown(name)}`);
  if (server !== undefined && typeof server !== 'string')
    throw new ConfigError('call.server', `expected the name of a server, got ${shown(server)}`);
  if (args === undefined) return;
  if (typeof args === 'string')
    throw new ConfigError(
      'call.arguments',
      'expected an object, got a string; parse it with JSON.parse first',
    );
  if (typeof args !== 'object' || args === null || Array.isArray(args))
    throw new ConfigError('call.arguments', `expected an object, got ${shown(args)}`);
}

function checkDuration(name: string, ms: number | undefined): void {
  if (ms === undefined || (typeof ms === 'number' && ms > 0 && ms <= LONGEST_MS)) return;
  const expected = `expected a positive number of milliseconds, at most ${LONGEST_MS}`;
  throw new ConfigError(`options.${name}`, `${expected}, got ${typeof ms === 'number' ? ms : shown(ms)}`);
}

/** Other words for the same thing are nearer than their letters. */
const SYNONYMS: Readonly<Record<string, string>> = {
  args: 'arguments',
  params: 'arguments',
  input: 'arguments',
  parameters: 'arguments',
  tool: 'name',
  toolName: 'name',
  timeout: 'timeoutMs',
};

function didYouMean(name: string, known: readonly string[]): string {
  const synonym = SYNONYMS[name];
  const best = synonym !== undefined && known.includes(synonym) ? synonym : nearest(name, known)[0];
  return best === undefined ? '' : `; did you mean ${best}?`;
}

/** Never the value: it may be an argument. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
