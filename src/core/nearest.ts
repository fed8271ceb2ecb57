import { distance } from 'fastest-levenshtein';

const SHOWN = 3;

/** The known names that look most like `name`, best first. */
export function nearest(name: string, known: Iterable<string>): string[] {
  const wanted = name.toLowerCase();
  return [...known]
    .map((candidate) => ({ candidate, distance: distance(wanted, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, SHOWN)
    .map(({ candidate }) => candidate);
}

/** `; nearest: a, b, c` for the end of an error message, or what else there is to say. */
export function nearestHint(name: string, known: Iterable<string>): string {
  const names = nearest(name, known);
  return names.length === 0 ? '; none is known' : `; nearest: ${names.join(', ')}`;
}
