import { isRecord } from './json-values.js';
import type { Params } from './message.js';

/**
 * Reads one value liberally: gives it as it should be, or `undefined` where nothing can be made of it. A value that is
 * right is handed back as it is; what has to change is changed in a copy.
 */
export type Reader = (value: unknown) => unknown;

/** A member that must be there: where it cannot be read, `otherwise` stands for it. Others count as absent then. */
export interface Needed {
  readonly read: Reader;
  readonly otherwise: unknown;
}

/** Characters of the JSON that stands for a value where text should be. */
const MAX_TEXT_OF_VALUE = 65_536;

/** Text; a number, a boolean or JSON in its place becomes text. */
export const text: Reader = (value) => {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return undefined;
  return typeof value === 'object' ? JSON.stringify(value).slice(0, MAX_TEXT_OF_VALUE) : String(value);
};

export const number: Reader = (value) => {
  const meant = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof meant === 'number' && Number.isFinite(meant) ? meant : undefined;
};

export const flag: Reader = (value) => {
  if (typeof value === 'boolean') return value;
  if (value === 1 || (typeof value === 'string' && /^(true|1|yes)$/i.test(value))) return true;
  if (value === 0 || (typeof value === 'string' && /^(false|0|no|)$/i.test(value))) return false;
  return undefined;
};

/** An object of any members. An empty array stands for an empty object: languages with one type for both write it. */
export const anyObject: Reader = (value) => {
  if (isRecord(value)) return value;
  return Array.isArray(value) && value.length === 0 ? {} : undefined;
};

/** Any value but `null`. */
export const anything: Reader = (value) => value ?? undefined;

/**
 * An object with known members; others are kept, they are data of the host.
 * @param members how to read the known ones; in those that are {@link Needed} something always stands.
 */
export function object(members: Readonly<Record<string, Reader | Needed>>): Reader {
  const known = Object.entries(members).map(([name, member]) =>
    typeof member === 'function'
      ? { name, read: member, otherwise: undefined, isNeeded: false }
      : { name, ...member, isNeeded: true },
  );
  return (value) => {
    const given = anyObject(value) as Params | undefined;
    if (given === undefined) return undefined;
    let changed: Record<string, unknown> | undefined;
    for (const { name, read, otherwise, isNeeded } of known) {
      const there = given[name];
      if (there === undefined && !isNeeded) continue;
      const meant = read(there) ?? otherwise;
      if (meant === there) continue;
      changed ??= { ...given };
      if (meant === undefined) delete changed[name];
      else changed[name] = meant;
    }
    return changed ?? given;
  };
}

/** A member that must be there. */
export function needed(read: Reader, otherwise: unknown): Needed {
  return { read, otherwise };
}

/** A list; a single item in its place is a list of one, items that cannot be read are left out. */
export function list(item: Reader): Reader {
  return (value) => {
    if (value === null || value === undefined) return undefined;
    const given: readonly unknown[] = Array.isArray(value) ? value : [value];
    let changed: unknown[] | undefined;
    for (const [position, each] of given.entries()) {
      const meant = item(each);
      if (meant === each && changed === undefined) continue;
      changed ??= given.slice(0, position);
      if (meant !== undefined) changed.push(meant);
    }
    return changed ?? given;
  };
}
