import { stripVTControlCharacters } from 'node:util';
import { endOfString, type JsonLimits } from './json.js';
import { type Incoming, readMessages, type Unreadable } from './message.js';

/** Messages that are looked for in one line. */
const MAX_MESSAGES = 100;

/**
 * Reads a line of a process's stdout: a message, as MCP "Transports" has it; also one with terminal escapes or text
 * around it, or several in a row, as they come from programs that write logs there.
 */
export function readLine(line: string, limits: JsonLimits): Incoming[] {
  const plain = line.includes('\u001b') ? stripVTControlCharacters(line) : line;
  const messages = readMessages(plain, limits);
  const [first] = messages;
  const isMessage = first !== undefined && first.kind !== 'noise' && first.kind !== 'unreadable';
  if (isMessage || !plain.includes('"jsonrpc"')) return messages;
  const found = messagesAmongText(plain, limits);
  if (found.length === 0) return messages;
  // What is too much to be read may be the answer in a batch.
  const isLost = first?.kind === 'unreadable' && first.fault !== 'not JSON';
  const isFound = found.some(({ kind }) => kind === 'answer' || kind === 'unreadable');
  return isLost && !isFound ? [...found, first] : found;
}

/** What a log repeats of requests is none: answers and notifications count, and what stands at the beginning. */
function messagesAmongText(line: string, limits: JsonLimits): Incoming[] {
  const found: Incoming[] = [];
  let at = line.indexOf('{');
  const isFirst = line.slice(0, at).trim() === '';
  for (let count = 0; at !== -1 && count < MAX_MESSAGES; count++) {
    const end = endOfObject(line, at);
    if (end === undefined) break;
    for (const message of readMessages(line.slice(at, end), limits)) {
      if (message.kind === 'answer' || message.kind === 'notification') found.push(message);
      else if (message.kind === 'request' && isFirst) found.push(message);
      else if (message.kind === 'unreadable' && isTooMuch(message)) found.push(message);
    }
    at = line.indexOf('{', end);
  }
  return found;
}

/** An answer that is whole, and too much to be read. */
function isTooMuch({ id, fault, text }: Unreadable): boolean {
  const isWhole = fault === 'too deep' || fault === 'too many values';
  return isWhole && id !== undefined && !text.includes('"method"');
}

/** The place behind the object that begins at `start`. */
function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at);
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return at + 1;
  }
  return undefined;
}
