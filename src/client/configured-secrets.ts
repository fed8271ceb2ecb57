import type { SessionTarget } from '../session/open.js';

/**
 * The secrets in the configuration of a server: what its messages must not repeat. A value is taken for one by its
 * name (`Authorization`, `API_KEY`), or because it looks like nothing that is public. What is public stays readable
 * in messages: `production`, `application/json`, `eu-west-1`, `/usr/local/bin`.
 */
export function configuredSecrets(target: SessionTarget): string[] {
  switch (target.type) {
    case 'custom':
      return [];
    case 'stdio':
      return [
        ...Object.entries(target.env).flatMap(([name, value]) => secretsOfSetting(name, value)),
        ...secretsOfArguments(target.args),
      ];
    default:
      return [...secretsOfHeaders(target.headers), ...secretsOfUrl(target.url)];
  }
}

/** What messages must not repeat of header fields. */
export function secretsOfHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => secretsOfHeader(name, value));
}

/** Longer values are documents, such as programs in arguments; their lines are looked at. */
const LONGEST_VALUE = 4_096;
const MAX_LINES = 200;
const SHORTEST_LINE = 12;

// ── By place ──────────────────────────────────────────────────────────────────

function secretsOfSetting(name: string, value: string): string[] {
  const isNamed = SECRET_NAME.test(name);
  const parts = [value, ...credentialsIn(value)];
  if (value.includes('\n') || value.length > LONGEST_VALUE) {
    // A private key, a service account: servers print them line by line.
    parts.push(...value.split(/[\s"',]+/, MAX_LINES).filter(({ length }) => length >= SHORTEST_LINE));
  }
  return parts.filter((part) => (isNamed ? !isFlag(part) : !isPublicValue(part)));
}

/** `--api-key value`, `--api-key=value`, `API_KEY=value`, and what looks like a key by itself. */
function secretsOfArguments(args: readonly string[]): string[] {
  return args.flatMap((argument, position) => {
    if (argument.length > LONGEST_VALUE) return [];
    const [, name, value] = /^-{0,2}([\w.-]+)=(.*)$/s.exec(argument) ?? [];
    if (name !== undefined && value !== undefined) return secretsOfSetting(name, value);
    const before = args[position - 1] ?? '';
    if (/^--?[\w-]+$/.test(before) && SECRET_NAME.test(before) && !argument.startsWith('-'))
      return [argument];
    return [...credentialsIn(argument), ...(looksRandom(argument) ? [argument] : [])];
  });
}

/** The whole value, and its parts as servers take them apart: after the scheme, in a cookie, in parameters. */
function secretsOfHeader(name: string, value: string): string[] {
  if (PUBLIC_HEADER.test(name)) return [];
  const pieces = value.split(/[\s,;]+/).map((piece) => piece.replace(/^[\w-]+=/, '').replace(/^"|"$/g, ''));
  if (!SECRET_NAME.test(name)) return [value, ...pieces].filter((part) => !isPublicValue(part));
  const afterScheme = /^[A-Za-z][\w-]* +(\S.*)$/s.exec(value)?.[1];
  const whole = afterScheme === undefined ? [value] : [value, afterScheme];
  if (afterScheme !== undefined && /^basic /i.test(value)) whole.push(...passwordOf(afterScheme));
  const isCookie = /^cookie$/i.test(name);
  return [...whole, ...pieces.filter((piece) => isCookie || !isPublicValue(piece))].filter(
    (part) => !isFlag(part),
  );
}

function secretsOfUrl(url: URL): string[] {
  const settings = [...url.searchParams].flatMap(([name, value]) =>
    // `?<key>` is a name without a value.
    value === '' ? [name].filter((part) => !isPublicValue(part)) : secretsOfSetting(name, value),
  );
  const segments = url.pathname.split('/').flatMap((segment) => [segment, decoded(segment)]);
  return [...settings, ...segments.filter(looksRandom)];
}

/** RFC 7617: the password behind the first colon. */
function passwordOf(credentials: string): string[] {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? [] : [text, text.slice(colon + 1)];
}

/** User name and password in a URL, as of a database. */
function credentialsIn(value: string): string[] {
  if (!/^[a-z][\w+.-]*:\/\//i.test(value) || !URL.canParse(value)) return [];
  const { username, password } = new URL(value);
  const user = password === '' ? username : '';
  return [password, decoded(password), user].filter((part) => part !== '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// ── By looks ──────────────────────────────────────────────────────────────────

const SECRET_NAME =
  /pass(word|wd|phrase)?\b|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|[-_]key$|^key$|auth|cookie|credential|session|signature|bearer|jwt/i;

/** Fields that describe the client and what it takes. */
const PUBLIC_HEADER =
  /^(accept(-.*)?|content-(type|language|encoding)|user-agent|cache-control|pragma|origin|referer|prefer|priority|dnt|expect|from|via|date|traceparent|tracestate)$/i;

/** A switch is no secret, be its name what it may. */
function isFlag(value: string): boolean {
  return /^(true|false|yes|no|on|off|none|null|basic|bearer|\d{0,3})$/i.test(value);
}

/** Values longer than this that are made of several pieces may be anything. */
const LONGEST_PUBLIC = 15;
const PUBLIC_FORMS: readonly RegExp[] = [
  /^[A-Za-z]{0,24}$/, // a word
  /^[+-]?\d{1,9}(\.\d+)?$/, // a number
  /^(application|audio|font|image|message|model|multipart|text|video|\*)\/[\w.+*-]+( *[;,][\w.+*/=;, "-]*)?$/i, // media types
  /^[\w-]+(\/\d+(\.\d+){1,3})$/, // a product and its version
  /^(?=.{1,64}$)[a-z\d-]+(\.[a-z\d-]+)*:\d{1,5}$/i, // host and port
];

/** Whether a value looks like something that anybody may know. */
function isPublicValue(value: string): boolean {
  if (PUBLIC_FORMS.some((form) => form.test(value))) return true;
  if (/^([./~]|[A-Za-z]:\\)/.test(value) || /^https?:\/\/[^@?#]*$/i.test(value)) {
    return value.split(/[/\\:]/).every((piece) => !looksRandom(piece));
  }
  return value.length <= LONGEST_PUBLIC && /^[\w.,:+-]*$/.test(value) && !looksRandom(value);
}

/** Whether a part of it is no word that a person would choose: letters mixed with digits, or with capitals. */
function looksRandom(text: string): boolean {
  return text.split(/[^A-Za-z\d]+/).some((piece) => {
    if (piece.length >= 24) return true;
    const turns = piece.match(/[A-Za-z](?=\d)|\d(?=[A-Za-z])/g)?.length ?? 0;
    if (turns > 0) return piece.length >= 8 || (piece.length >= 6 && turns > 1);
    if (/^\d+$/.test(piece)) return piece.length >= 12;
    return piece.length >= 16 && !/^[A-Z]?[a-z]+([A-Z][a-z]{2,})*$/.test(piece);
  });
}
