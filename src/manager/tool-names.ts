import { createHash } from 'node:crypto';

/** What every model provider takes as the name of a tool. */
const SAFE = /^[A-Za-z0-9_-]+$/;
const MAX_LENGTH = 64;
const SEPARATOR = '__';
const HASH_LENGTH = 10;
/** What is left of a name that is cut, before `_` and the hash. */
const KEPT_LENGTH = MAX_LENGTH - HASH_LENGTH - 1;
const HASHED = /_[0-9a-f]{10}$/;

/** A server's own tool. */
export interface ToolAddress {
  readonly server: string;
  readonly toolName: string;
}

/**
 * `server__tool`, at most 64 of `A-Za-z0-9_-`. A name that is longer, has other characters, or could be read
 * as another server's tool, is cut and gets a hash of the whole: the same pair always has the same name.
 */
export function qualifiedName({ server, toolName }: ToolAddress, salt = 0): string {
  const plain = `${server}${SEPARATOR}${toolName}`;
  // The first separator must be the one put here: server `a_` with tool `b` reads like server `a` with `_b`.
  const readable = plain.indexOf(SEPARATOR) === server.length;
  if (salt === 0 && readable && plain.length <= MAX_LENGTH && SAFE.test(plain)) return plain;
  const hash = createHash('sha256')
    .update(JSON.stringify([server, toolName, salt]))
    .digest('hex')
    .slice(0, HASH_LENGTH);
  const kept = plain.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, KEPT_LENGTH);
  return `${kept}_${hash}`;
}

/** Whether a name may be a hashed one. A plain name can look the same: only the lists of tools tell. */
export function looksHashed(name: string): boolean {
  return HASHED.test(name);
}

/** Whether a name may be one of a server's tools: what is cut and hashed still begins with the server's name. */
export function mayBeOf(name: string, server: string): boolean {
  return name.startsWith(`${server}${SEPARATOR}`.slice(0, KEPT_LENGTH));
}

/** The server and tool that a name speaks of if it is a plain one; a hashed one cannot be read back. */
export function plainAddress(name: string): ToolAddress | undefined {
  const at = name.indexOf(SEPARATOR);
  if (at <= 0) return undefined;
  const address = { server: name.slice(0, at), toolName: name.slice(at + SEPARATOR.length) };
  return qualifiedName(address) === name ? address : undefined;
}

/** The qualified names of a set of tools, in both directions. */
export interface ToolNames {
  nameOf(server: string, toolName: string): string;
  addressOf(name: string): ToolAddress | undefined;
  all(): Iterable<string>;
}

/**
 * Gives each tool a name of its own. Two that come to the same name are told apart by a salt, in the order of
 * their servers' and their own names: whatever is known when, the outcome for one set is always the same.
 */
export function toolNames(tools: readonly ToolAddress[]): ToolNames {
  const addresses = new Map<string, ToolAddress>();
  const salted = new Map<string, string>();
  const hashed: ToolAddress[] = [];
  // Plain names first: no hash can take one away by looking like it.
  for (const tool of tools) {
    const name = qualifiedName(tool);
    if (name === `${tool.server}${SEPARATOR}${tool.toolName}`) addresses.set(name, tool);
    else hashed.push(tool);
  }
  hashed.sort((a, b) => compare(a.server, b.server) || compare(a.toolName, b.toolName));
  for (const tool of hashed) {
    let salt = 0;
    while (addresses.has(qualifiedName(tool, salt))) salt++;
    const name = qualifiedName(tool, salt);
    addresses.set(name, tool);
    if (salt > 0) salted.set(keyOf(tool), name);
  }
  return {
    nameOf: (server, toolName) =>
      salted.get(keyOf({ server, toolName })) ?? qualifiedName({ server, toolName }),
    addressOf: (name) => addresses.get(name),
    all: () => addresses.keys(),
  };
}

function keyOf({ server, toolName }: ToolAddress): string {
  return JSON.stringify([server, toolName]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
