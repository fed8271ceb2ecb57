import type { Random } from '../faults/random.js';

/** What is wrong with a message: one member of it is absent, `null`, of another type, no JSON, unknown, huge, or there twice. */
export type Alteration = 'none' | 'absent' | 'null' | 'type' | 'broken' | 'unknown' | 'huge' | 'twice';

export interface Altered {
  readonly text: string;
  readonly alteration: Alteration;
  /** Where, such as `result.content.0.text`. */
  readonly place: string;
}

const ALTERATIONS: readonly Alteration[] = [
  ...(['none', 'absent', 'null', 'type', 'broken', 'unknown', 'twice', 'huge'] as const),
];
const OTHERS: readonly unknown[] = [
  ...[true, false, 0, 1, -1, 1.5, 1e300, '', 'text', '1', '{}', 'null', [], {}, [null], [[]], [{}]],
  ...[
    { a: 1 },
    { type: 'text' },
    { toString: 0, valueOf: 0 },
    [1, 'a', null, {}],
    '\u0000\u001b[31m\u202e',
    '\ud800',
  ],
];
/** What is no JSON, and looks like it. */
const BROKEN = ['007', '-00', 'NaN', "'a'", '"\u0007"', '"\\x"'];
const UNKNOWN: readonly [string, unknown][] = [
  ['extra', { deep: [1] }],
  ['__proto__', { polluted: true }],
  ['constructor', 'x'],
  ['_meta', null],
  ['', ''],
  ['x'.repeat(5_000), 1],
  ['then', 'x'],
  ['toJSON', 1],
];

// Made once: what takes long to make must not look like what takes long to read.
const LONG = JSON.stringify('x'.repeat(1_000_000));
const MANY = `[${'{"a":1},'.repeat(9_999)}{"a":1}]`;
const MANY_MEMBERS = `{${Array.from({ length: 10_000 }, (_, at) => `"k${at}":${at}`).join(',')}}`;
const DEEP = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
const ESCAPED = `"${'\\u0041'.repeat(100_000)}"`;
const HUGE = [LONG, MANY, MANY_MEMBERS, DEEP, ESCAPED];

/** The JSON of `message` with one member altered. */
export function altered(message: object, random: Random): Altered {
  const alteration = random.pick(ALTERATIONS);
  if (alteration === 'none') return { text: JSON.stringify(message), alteration, place: '' };
  const places = placesIn(message);
  const at = random.pick(places);
  const change = changeOf(alteration, random);
  return { text: written(message, at, change), alteration, place: at.join('.') };
}

type Place = readonly string[];
/** Makes of a member what is written in its place. */
type Change = (name: string | undefined, value: unknown) => string;

function changeOf(alteration: Alteration, random: Random): Change {
  const member = (name: string | undefined, json: string) =>
    name === undefined ? json : `${JSON.stringify(name)}:${json}`;
  const other = JSON.stringify(random.pick(OTHERS));
  const broken = random.pick(BROKEN);
  const huge = random.pick(HUGE);
  const [extra, value] = random.pick(UNKNOWN);
  switch (alteration) {
    case 'absent':
      return () => '';
    case 'null':
      return (name) => member(name, 'null');
    case 'broken':
      return (name) => member(name, broken);
    case 'huge':
      return (name) => member(name, huge);
    case 'unknown':
      return (name, was) =>
        name === undefined
          ? `${JSON.stringify(was)},${JSON.stringify(value)}`
          : `${member(name, JSON.stringify(was))},${member(extra, JSON.stringify(value))}`;
    case 'twice':
      return (name, was) => `${member(name, other)},${member(name, JSON.stringify(was))}`;
    default:
      return (name) => member(name, other);
  }
}

/** Every member of every object and list in it. */
function placesIn(value: unknown, above: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return membersOf(value).flatMap(([name, member]) => {
    const at = [...above, name];
    return [at, ...placesIn(member, at)];
  });
}

/** As JSON has them. */
function membersOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, member]) => member !== undefined);
}

function written(value: unknown, at: Place, change: Change): string {
  const [first, ...rest] = at;
  if (first === undefined || typeof value !== 'object' || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const parts = membersOf(value).map(([name, member]) => {
    const label = isList ? undefined : name;
    if (name !== first) return pair(label, JSON.stringify(member));
    return rest.length === 0 ? change(label, member) : pair(label, written(member, rest, change));
  });
  const inside = parts.filter((part) => part !== '').join(',');
  return isList ? `[${inside}]` : `{${inside}}`;
}

function pair(name: string | undefined, json: string): string {
  return name === undefined ? json : `${JSON.stringify(name)}:${json}`;
}
