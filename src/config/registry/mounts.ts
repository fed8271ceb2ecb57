import type { Problem } from './options.js';
import type { Word } from './word.js';

/** Absolute, and without what `docker` reads as the end of a path. A colon is only that of a drive. */
const PATH = String.raw`(?:[A-Za-z]:[\\/]|/)[^:,"\x00-\x1f\x7f]*`;
const WHOLE_PATH = new RegExp(`^${PATH}$`);
const VOLUME = new RegExp(`^(${PATH}):(${PATH})(?::(?:ro|rw))?$`);
const UPWARDS = /(^|[\\/])\.\.?([\\/]|$)/;
/** By default it is neither executable nor has it devices, and so it stays. */
const TMPFS =
  /^(\/[^:,"\s]+)(?::(?:(?:ro|rw|noexec|nosuid|nodev|size=\d{1,12}[kmg]?|mode=[0-7]{3,4})(?:,(?!$)|$))+)?$/;

const FIELDS: ReadonlyMap<string, 'type' | 'source' | 'target' | 'readonly'> = new Map([
  ['type', 'type'],
  ['src', 'source'],
  ['source', 'source'],
  ['dst', 'target'],
  ['destination', 'target'],
  ['target', 'target'],
  ['readonly', 'readonly'],
  ['ro', 'readonly'],
]);

const SOURCE_IS_NO_INPUT: Problem = {
  text: 'what is mounted is not for publishers to say: its source must be one input, whole, that you fill in',
};
const PATH_OF_INPUT =
  'expected an absolute path with no commas, colons, quotes or control characters, and no . or .. between slashes';

/** `{path}:/data`, `{path}:/data:ro`. No named volumes: they are other containers' data. */
export function problemOfVolume(volume: Word): Problem | undefined {
  const problem = problemOfAnswers(volume);
  if (problem !== undefined) return problem;
  const match = VOLUME.exec(volume.text);
  if (match === null) {
    if (volume.someInput === undefined) return SOURCE_IS_NO_INPUT;
    return { text: 'expected {input}:/path, and :ro or :rw behind it at most', input: whole(volume) };
  }
  const [, source = '', target = ''] = match;
  return problemOfMounted(volume, source, 0, source.length, target);
}

/** `type=bind,src={path},dst=/data,readonly`, in the form of CSV that `docker` reads. */
export function problemOfMount(mount: Word): Problem | undefined {
  const problem = problemOfAnswers(mount);
  if (problem !== undefined) return problem;
  const fields = new Map<string, { value: string; start: number; end: number }>();
  let at = 0;
  for (const field of mount.text.split(',')) {
    const [, key = '', equals, value = ''] = /^([a-z]+)(=?)(.*)$/s.exec(field) ?? [];
    const known = FIELDS.get(key);
    const end = at + field.length;
    if (known === undefined)
      return { text: 'expected nothing but type, src, dst and readonly', input: whole(mount) };
    if (fields.has(known)) return { text: `says ${known} twice`, input: whole(mount) };
    if (known === 'readonly' && !/^$|^=(true|1)$/.test(`${equals}${value}`))
      return { text: 'expected readonly without a value', input: whole(mount) };
    fields.set(known, { value, start: end - value.length, end });
    at = end + 1;
  }
  if (fields.get('type')?.value !== 'bind') return { text: 'expected type=bind', input: whole(mount) };
  const source = fields.get('source');
  const target = fields.get('target');
  if (source === undefined || target === undefined)
    return { text: 'expected src and dst', input: whole(mount) };
  return problemOfMounted(mount, source.value, source.start, source.end, target.value);
}

/** A file system of the container's own, in memory. */
export function problemOfTmpfs({ text, someInput }: Word): Problem | undefined {
  const [, target = ''] = TMPFS.exec(text) ?? [];
  if (isContainerPath(target)) return undefined;
  return { text: 'expected a path, and its size and restrictions at most', input: someInput };
}

function problemOfMounted(
  word: Word,
  source: string,
  start: number,
  end: number,
  target: string,
): Problem | undefined {
  const input = word.inputAt(start, end);
  if (input === undefined) return SOURCE_IS_NO_INPUT;
  if (!isWholePath(source)) return { text: PATH_OF_INPUT, input };
  // Who is asked for the beginning of a URL may well answer `/`.
  if (/^([A-Za-z]:)?[\\/]+$/.test(source)) return { text: 'must not be a whole file system', input };
  return isContainerPath(target) ? undefined : { text: 'expected an absolute path in the container' };
}

/** Answers stay what they are, wherever publishers put them in: none may go on as another field. */
function problemOfAnswers({ parts }: Word): Problem | undefined {
  if (parts.length < 2) return undefined;
  const bad = parts.find(({ text, input }) => input !== undefined && !isWholePath(text));
  return bad === undefined ? undefined : { text: PATH_OF_INPUT, input: bad.input };
}

/** The input of which the word is the answer, nothing added. */
function whole(word: Word): string | undefined {
  return word.inputAt(0, word.text.length);
}

function isWholePath(path: string): boolean {
  return WHOLE_PATH.test(path) && !UPWARDS.test(path);
}

function isContainerPath(path: string): boolean {
  return isWholePath(path) && path !== '/';
}
