import { distance } from 'fastest-levenshtein';

const SHOWN = 3;
/** Of a name that is compared. */
const MAX_COMPARED_CHARACTERS = 64;
/** Names that are compared. */
const MAX_COMPARED = 10_000;
/** Of a name that is shown. */
const MAX_SHOWN_CHARACTERS = 80;

/** The known names that look most like `name`, best first. Bounded work, whatever the names. */
export function nearest(name: string, known: Iterable<string>): string[] {
  const wanted = compared(name);
  const candidates: { candidate: string; distance: number }[] = [];
  for (const candidate of known) {
    if (candidates.length === MAX_COMPARED) break;
    candidates.push({ candidate, distance: distance(wanted, compared(candidate)) });
  }
  return candidates
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, SHOWN)
    .map(({ candidate }) => candidate);
}

/** `; nearest: a, b, c` for the end of an error message, or what else there is to say. */
export function nearestHint(name: string, known: Iterable<string>): string {
  const names = nearest(name, known).map(shortened);
  return names.length === 0 ? '; none is known' : `; nearest: ${names.join(', ')}`;
}

/** A name that a caller or a server gave, in quotes and short enough for a message. */
export function quoted(name: string): string {
  return JSON.stringify(shortened(String(name)));
}

/** A name of usual length as it is, the beginning of any other. */
export function shortened(name: string): string {
  return name.length <= MAX_SHOWN_CHARACTERS ? name : `${name.slice(0, MAX_SHOWN_CHARACTERS)}…`;
}

function compared(name: string): string {
  return name.slice(0, MAX_COMPARED_CHARACTERS).toLowerCase();
}
